//! Addresses in scripts: imports, `new URL(…)`, and the list of files in the service worker.

use super::{Reference, Usage};

const BEFORE: [&str; 4] = ["from '", "import '", "import('", "new URL('"];

pub(super) fn references(script: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    for (index, text) in script.lines().enumerate() {
        let line = index + 1;
        let kept = text.trim_start().starts_with("const FILES = [");
        for before in BEFORE.iter().copied().chain(kept.then_some("'")) {
            let mut rest = text;
            while let Some((_, after)) = rest.split_once(before) {
                let (target, after) = after.split_once('\'').unwrap_or((after, ""));
                rest = after;
                found.push(Reference { line, usage: Usage::Resource, target: target.to_owned() });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn imports_urls_and_the_list_of_kept_files_are_found() {
        let script = "import a from './a.js';\nnew URL('./b.wasm', import.meta.url);\nconst FILES = ['./', './c.js'];\nlet d = './not-loaded';";
        let targets: Vec<_> =
            references(script).into_iter().map(|reference| (reference.line, reference.target)).collect();
        let expected = [(1, "./a.js"), (2, "./b.wasm"), (3, "./"), (3, "./c.js")];
        assert_eq!(targets, expected.map(|(line, target)| (line, target.to_owned())));
    }
}
