//! Every Rust file of a folder, for tests that read the program.

use std::path::{Path, PathBuf};

/// Adds those of `folder` and of what is in it to `found`.
#[cfg(test)]
pub(crate) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
