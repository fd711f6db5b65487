//! A file mapped read-only.

use super::CheckpointError;
use memmap2::Mmap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// A read-only mapping of a whole file.
#[derive(Debug)]
pub(super) struct Mapping {
    map: Mmap,
}

impl Mapping {
    /// Map a file.
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let io = |problem| CheckpointError::Io { path: path.to_owned(), problem };
        let file = File::open(path).map_err(io)?;
        #[expect(
            unsafe_code,
            reason = "checkpoints are not written while they are read; the map is read-only"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        match crate::inputs::hints::pointer(&map) {
            Some(problem) => Err(CheckpointError::Header { path: path.to_owned(), problem }),
            None => Ok(Self { map }),
        }
    }

    /// Let the system have the pages of a range back; reading them again fetches them again.
    pub(super) fn release(&self, range: &Range<usize>) {
        #[cfg(unix)]
        {
            use memmap2::UncheckedAdvice::DontNeed;
            #[expect(
                unsafe_code,
                reason = "a page of a read-only map of a file comes back with the same bytes"
            )]
            // A refusal costs memory and nothing else.
            let _ = unsafe { self.map.unchecked_advise_range(DontNeed, range.start, range.len()) };
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// The file's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }
}
