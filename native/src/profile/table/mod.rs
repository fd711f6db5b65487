//! The file under test: made here from a seed, found from an earlier run, or a real checkpoint.

pub(crate) mod content;
pub(crate) mod real;
pub(crate) mod synthetic;

use super::spec::Place;
use std::fs::File;

/// A table ready to be read by child processes.
#[derive(Debug)]
pub(crate) struct TableFile {
    /// Where children find it.
    pub(crate) place: Place,
    /// Keeps an unlinked file alive; children inherit the descriptor.
    pub(super) _handle: File,
    /// What the bytes are, for the report.
    pub(crate) content: String,
    /// Fingerprint of sampled pages.
    pub(crate) fingerprint: String,
    /// Path to remove on drop, where the platform cannot unlink early.
    pub(crate) remove: Option<std::path::PathBuf>,
}

impl Drop for TableFile {
    fn drop(&mut self) {
        if let Some(path) = self.remove.take() {
            // Nothing can be done about a failure here; the path is the tool's own.
            let _ = std::fs::remove_file(path);
        }
    }
}
