//! The file under test: made here from a seed, found from an earlier run, or a real checkpoint.

pub mod content;
pub mod real;
pub mod synthetic;

use super::spec::Place;
use std::fs::File;

/// A table ready to be read by child processes.
#[derive(Debug)]
pub struct TableFile {
    /// Where children find it.
    pub place: Place,
    /// Keeps an unlinked file alive; children inherit the descriptor.
    pub handle: File,
    /// What the bytes are, for the report.
    pub content: String,
    /// Fingerprint of sampled pages.
    pub fingerprint: String,
    /// Bytes written to make it.
    pub written: u64,
    /// Path to remove on drop, where the platform cannot unlink early.
    pub remove: Option<std::path::PathBuf>,
}

impl Drop for TableFile {
    fn drop(&mut self) {
        if let Some(path) = self.remove.take() {
            // Nothing can be done about a failure here; the path is the tool's own.
            let _ = std::fs::remove_file(path);
        }
    }
}
