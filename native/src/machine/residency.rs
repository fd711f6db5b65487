//! How much of a file is in the page cache, by `mincore`.

use std::fs::File;
use std::io;

/// Whether `mincore` tells the truth about this file: it answers "all" to whoever may not write the file.
#[cfg(unix)]
pub(crate) fn observable(file: &File) -> Result<(), String> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid();
    let owner = file.metadata().map_err(|error| error.to_string())?.uid();
    let writable = || {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
    };
    if user.is_root() || user.as_raw() == owner || writable() {
        return Ok(());
    }
    Err("the file belongs to another user, for whom the system reports every page as resident".to_owned())
}

/// No residency outside Unix.
#[cfg(not(unix))]
pub(crate) fn observable(_file: &File) -> Result<(), String> {
    Err("the platform does not tell which pages of a file are cached".to_owned())
}

/// Share of the pages of `bytes` bytes from `offset` that are cached.
#[cfg(unix)]
#[expect(unsafe_code, reason = "mincore has no safe wrapper")]
pub(crate) fn resident_share(file: &File, offset: u64, bytes: u64) -> io::Result<f64> {
    let page = super::memory::page_bytes();
    let start = offset - offset % page;
    let length = usize::try_from(bytes + (offset - start)).map_err(io::Error::other)?;
    if length == 0 {
        return Ok(0.0);
    }
    // SAFETY: the mapping is private to this function and never dereferenced, so a concurrent truncation
    // cannot fault; mincore only looks at the page cache.
    let map = unsafe { memmap2::MmapOptions::new().offset(start).len(length).map(file)? };
    let pages = length.div_ceil(usize::try_from(page).map_err(io::Error::other)?);
    let mut seen = vec![0_u8; pages];
    // SAFETY: `map` covers `length` bytes from a page boundary and `seen` has one byte for each of its pages.
    let status = unsafe { libc::mincore(map.as_ptr().cast_mut().cast(), length, seen.as_mut_ptr().cast()) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(seen.iter().filter(|page| **page & 1 == 1).count() as f64 / pages as f64)
}

/// No residency outside Unix.
#[cfg(not(unix))]
pub(crate) fn resident_share(_file: &File, _offset: u64, _bytes: u64) -> io::Result<f64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::resident_share;
    use crate::machine::evict::evict;
    use crate::machine::filesystem::is_disk;
    use std::io::Write;

    fn file(bytes: u64) -> Option<tempfile::NamedTempFile> {
        let directory = std::env::current_dir().unwrap();
        if !is_disk(&directory) {
            eprintln!("skipped: {} is not on a disk", directory.display());
            return None;
        }
        let mut file = tempfile::NamedTempFile::new_in(directory).unwrap();
        let block: Vec<u8> = (0..bytes).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
        file.write_all(&block).unwrap();
        Some(file)
    }

    #[test]
    fn fadvise_evicts_and_mincore_sees_it() {
        let Some(file) = file(1 << 20) else { return };
        assert!(resident_share(file.as_file(), 0, 1 << 20).unwrap() > 0.99);
        evict(file.as_file(), 0, 1 << 20).unwrap();
        assert!(resident_share(file.as_file(), 0, 1 << 20).unwrap() <= 0.01);
    }

    #[test]
    fn dropping_page_table_entries_alone_leaves_the_cache_full() {
        let Some(file) = file(1 << 20) else { return };
        #[expect(unsafe_code, reason = "maps and advises a private test file")]
        // SAFETY: nobody else has the file; a shared read-only file mapping keeps its content under DONTNEED.
        unsafe {
            let map = memmap2::Mmap::map(file.as_file()).unwrap();
            map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed).unwrap();
        }
        assert!(resident_share(file.as_file(), 0, 1 << 20).unwrap() > 0.99);
    }

    #[test]
    fn a_second_mapper_keeps_the_file_in_memory() {
        let Some(file) = file(1 << 20) else { return };
        #[expect(unsafe_code, reason = "maps a private test file")]
        // SAFETY: nobody else has the file.
        let map = unsafe { memmap2::Mmap::map(file.as_file()).unwrap() };
        let sum: u64 = map.iter().step_by(4096).map(|byte| u64::from(*byte)).sum();
        evict(file.as_file(), 0, 1 << 20).unwrap();
        assert!(resident_share(file.as_file(), 0, 1 << 20).unwrap() > 0.5, "{sum}");
    }
}
