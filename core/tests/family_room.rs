//! What a family is called stands in `core/src/model/family/` and nowhere else in core, page and site.

mod rust_files;

use dhurandhar_core::model::family::families;
use rust_files::sources;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Texts between quotes in the program part of a file: comments and tests name models freely.
#[cfg(test)]
fn literals(text: &str) -> Vec<&str> {
    let program = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let lines = program.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

#[test]
fn no_family_is_named_outside_its_room() {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for family in families() {
        for name in std::iter::once(&family.name).chain(family.types).chain(family.gguf) {
            names.insert((*name).to_owned());
            // Beginnings, as in a test of how a name starts.
            let stem = name.trim_end_matches(|sign: char| sign.is_ascii_digit() || "._-".contains(sign));
            names.insert(stem.to_owned());
        }
    }
    // Kinds of layers go by two of these words, and one is a word of its own.
    for word in ["mamba", "mamba2", "step"] {
        names.remove(word);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["core/src", "web/src", "web/reader/src", "sitegen/src"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 200, "{} files", files.len());
    let mut found = Vec::new();
    for path in files {
        let shown = path.display().to_string().replace('\\', "/");
        let is_test = shown.ends_with("/tests.rs") || shown.ends_with("/sample.rs");
        if shown.contains("/model/family/") || is_test {
            continue;
        }
        for literal in literals(&fs::read_to_string(&path).unwrap()) {
            if names.contains(literal) {
                found.push(format!("{shown}: {literal:?}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
