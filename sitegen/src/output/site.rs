//! A whole site in memory: what is written, served and checked.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::disk;
use crate::path::extension;

/// Files by their place (`docs/index.html`), in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Place and bytes.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Site {
    /// Puts a file in its place.
    pub fn insert(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(place.into(), bytes.into());
    }

    /// Reads a built site back from disk, without compressed twins and hidden files.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut site = Self::default();
        for name in disk::files(folder)? {
            if matches!(extension(&name), "br" | "gz") || name.starts_with('.') {
                continue;
            }
            let path = folder.join(&name);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            site.files.insert(name, bytes);
        }
        Ok(site)
    }
}
