//! Dropping a file from the page cache without root.
//!
//! `MADV_DONTNEED` on a mapping drops page-table entries and leaves the cache full; only
//! `posix_fadvise(POSIX_FADV_DONTNEED)` after `fsync`, with no live mapping, empties it.

use std::fs::File;
use std::io;

/// How [`evict`] does it here, for the report.
pub(crate) const METHOD: &str = if cfg!(any(target_os = "linux", target_os = "android")) {
    "fsync, then posix_fadvise(DONTNEED), no mapping"
} else {
    "not available on this platform"
};

/// Writes back and drops `bytes` bytes from `offset` (whole pages around them).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn evict(file: &File, offset: u64, bytes: u64) -> io::Result<()> {
    // A read-only descriptor is enough; opening for writing would copy the file up on an overlay.
    rustix::fs::fsync(file)?;
    let start = offset - offset % super::memory::page_bytes();
    let length = std::num::NonZeroU64::new(bytes + (offset - start));
    rustix::fs::fadvise(file, start, length, rustix::fs::Advice::DontNeed)?;
    Ok(())
}

/// Elsewhere nothing is evicted; residency then says so.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn evict(_file: &File, _offset: u64, _bytes: u64) -> io::Result<()> {
    Ok(())
}
