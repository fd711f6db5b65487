//! Short names for what a module and its glue call each other.
//!
//! wasm-bindgen ends its names in a hash of sixteen digits, twice each, in two files: bytes that nothing compresses.

use std::collections::HashMap;

/// Digits of the hash at a name's end.
const DIGITS: usize = 16;

/// Short names by long ones.
#[derive(Debug, Clone, Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// Short names for all names with a hash in this script, in the order of their first appearance.
    pub fn in_script(script: &str) -> Self {
        let mut names = HashMap::new();
        for word in words(script).filter(|word| has_hash(word)) {
            let next = format!("${}", names.len());
            names.entry(word.to_owned()).or_insert(next);
        }
        Self(names)
    }

    /// The name in place of this one: a short one, or itself.
    pub fn of<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }

    /// The script with the short names in it.
    pub fn applied(&self, script: &str) -> String {
        let mut short = String::with_capacity(script.len());
        let mut rest = script;
        for word in words(script) {
            let (before, after) = rest.split_once(word).unwrap_or((rest, ""));
            short.push_str(before);
            short.push_str(self.of(word));
            rest = after;
        }
        short + rest
    }
}

/// A generated script or a stylesheet without lines that are comments, and without indentation; neither has text of
/// several lines, or code behind a comment in its line.
pub fn tidied(script: &str) -> String {
    let mut in_comment = false;
    let mut tidy = String::with_capacity(script.len());
    for line in script.lines().map(str::trim) {
        in_comment |= line.starts_with("/*");
        if !in_comment && !line.is_empty() && !line.starts_with("//") {
            tidy.push_str(line);
            tidy.push('\n');
        }
        in_comment &= !line.ends_with("*/");
    }
    tidy
}

/// Identifiers, keywords and numbers of a script.
fn words(script: &str) -> impl Iterator<Item = &str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    script.split(move |c| !inside(c)).filter(|word| !word.is_empty())
}

fn has_hash(word: &str) -> bool {
    let hash = word.len().checked_sub(DIGITS).and_then(|start| word.split_at_checked(start));
    hash.is_some_and(|(name, hash)| {
        name.trim_end_matches('h').ends_with('_')
            && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indentation_go_and_code_stays() {
        let script = "/**\n * @param {x}\n */\nfunction f() {\n    // why\n    return \"// no comment\"; // why\n\n}\n/* one */\nf();";
        assert_eq!(tidied(script), "function f() {\nreturn \"// no comment\"; // why\n}\nf();\n");
    }

    #[test]
    fn only_names_with_a_hash_are_shortened_and_always_alike() {
        let script = "imports = { __wbg_get_0123456789abcdef: f, memory: m }; function x__h00000000000000ff() { \
                      wasm.x__h00000000000000ff(__wbg_get_0123456789abcdef, 0123456789abcdef); }";
        let names = Names::in_script(script);
        let short = "imports = { $0: f, memory: m }; function $1() { wasm.$1($0, 0123456789abcdef); }";
        assert_eq!(names.applied(script), short);
        assert_eq!((names.of("memory"), names.of("x__h00000000000000ff")), ("memory", "$1"));
    }
}
