//! Addresses in stylesheets: `url(…)` and `@import`.

use super::{Reference, Usage};

pub(super) fn references(style: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    for (index, text) in style.lines().enumerate() {
        let mut push = |target: &str| {
            let target = target.trim_matches(['"', '\'', ' ']).to_owned();
            found.push(Reference { line: index + 1, usage: Usage::Resource, target });
        };
        for (at, _) in text.match_indices("url(") {
            let after = &text[at + "url(".len()..];
            push(after.split(')').next().unwrap_or(after));
        }
        for (at, _) in text.match_indices("@import") {
            let after = text[at + "@import".len()..].trim_start();
            // `@import url(…)` was found above.
            if let Some(quoted) = after.strip_prefix(['"', '\'']) {
                push(quoted.split(['"', '\'']).next().unwrap_or(quoted));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn every_address_of_a_stylesheet_is_found() {
        let style = "@import 'a.css';\nb { background: url(\"c.png\"), url(d.svg) }\n";
        let targets: Vec<_> = references(style).into_iter().map(|reference| reference.target).collect();
        assert_eq!(targets, ["a.css", "c.png", "d.svg"]);
    }
}
