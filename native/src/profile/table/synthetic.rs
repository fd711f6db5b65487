//! Making the table, or finding the one an earlier run made.
//!
//! A new file has no name until it is complete (`O_TMPFILE`, else unlinked or removed on drop), so that no
//! end of this process, SIGKILL included, leaves one behind. An existing file is only ever read.

use super::{TableFile, content};
use crate::machine::filesystem;
use crate::profile::spec::Place;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const CHUNK: usize = 8 << 20;
/// Free space that stays beyond the file: a tenth of it.
const SPARE: u64 = 10;

/// Seed of the content; fixed, so that a kept table fits every later run.
pub(crate) const CONTENT_SEED: u64 = 42;

/// Why making a table stopped without an error.
#[derive(Debug, thiserror::Error)]
#[error("stopped while writing the table")]
pub(crate) struct Stopped;

/// Reuses the table at `path` when it is one of ours of at least `bytes` bytes; refuses any other file.
pub(crate) fn reuse(path: &Path, bytes: u64) -> Result<TableFile> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !metadata.is_file() {
        bail!(crate::BadInput(format!("{} is not a regular file", path.display())));
    }
    let mut file = File::open(path)
        .map_err(|error| crate::bad_input(format!("cannot open {}: {error}", path.display())))?;
    if metadata.len() < bytes || !content::matches(&mut file, metadata.len(), CONTENT_SEED)? {
        bail!(crate::BadInput(format!(
            "{} ({} bytes) is not a table of at least {bytes} bytes made by this program; it is left as it is, \
             name another path",
            path.display(),
            metadata.len()
        )));
    }
    finish(file, path.to_owned(), bytes)
}

/// Writes a new table below `directory`; with `keep` it gets that name once it is complete.
pub(crate) fn create(
    directory: &Path,
    keep: Option<&Path>,
    bytes: u64,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<TableFile> {
    check_space(directory, bytes)?;
    let fresh = Fresh::open(directory).map_err(|error| {
        crate::bad_input(format!("cannot create a file in {}: {error}", directory.display()))
    })?;
    let outcome = write_all(&fresh.file, bytes, stop, progress);
    if let Err(error) = outcome {
        fresh.discard();
        return Err(error);
    }
    let (file, path, remove) = match keep {
        Some(name) => {
            let (file, path) = fresh.keep(name).with_context(|| format!("cannot name {}", name.display()))?;
            (file, path, None)
        }
        None => fresh.anonymous()?,
    };
    let mut table = finish(file, path, bytes)?;
    table.remove = remove;
    Ok(table)
}

/// Refuses when the file would not fit with a tenth to spare.
fn check_space(directory: &Path, bytes: u64) -> Result<()> {
    let needed = bytes.saturating_add(bytes / SPARE);
    match filesystem::free_bytes(directory) {
        Some(free) if free < needed => bail!(crate::BadInput(format!(
            "{} has {free} bytes free, the table needs {needed}; take fewer rows or another directory",
            directory.display()
        ))),
        _ => Ok(()),
    }
}

fn write_all(mut file: &File, bytes: u64, stop: &AtomicBool, progress: &mut dyn FnMut(u64)) -> Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut written = 0;
    while written < bytes {
        if stop.load(Ordering::Relaxed) {
            bail!(Stopped);
        }
        let length = usize::try_from((bytes - written).min(CHUNK as u64))?;
        content::fill(CONTENT_SEED, written, &mut chunk[..length]);
        // Written with write(), never through a mapping: a full disk is an error here and SIGBUS there.
        file.write_all(&chunk[..length]).context("cannot write the table")?;
        written += length as u64;
        progress(written);
    }
    file.sync_all().context("cannot flush the table to storage")
}

fn finish(mut file: File, path: std::path::PathBuf, bytes: u64) -> Result<TableFile> {
    let fingerprint = content::fingerprint(&mut file, 0, bytes)?;
    Ok(TableFile {
        place: Place { path, offset: 0, bytes },
        _handle: file,
        content: content::name(CONTENT_SEED),
        fingerprint,
        remove: None,
    })
}

/// A file that nobody else can see yet.
struct Fresh {
    file: File,
    /// Its name, where the platform wants one.
    name: Option<std::path::PathBuf>,
}

type Anonymous = (File, std::path::PathBuf, Option<std::path::PathBuf>);

impl Fresh {
    fn open(directory: &Path) -> std::io::Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::fs::{Mode, OFlags};
            let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
            if let Ok(descriptor) = rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR) {
                return Ok(Self { file: File::from(descriptor), name: None });
            }
        }
        let name = directory.join(format!(".dhurandhar-{}.partial", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&name)?;
        Ok(Self { file, name: Some(name) })
    }

    fn discard(self) {
        if let Some(name) = self.name {
            let _ = std::fs::remove_file(name);
        }
    }

    /// Gives the complete file its name; never replaces another.
    fn keep(self, path: &Path) -> std::io::Result<(File, std::path::PathBuf)> {
        match &self.name {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            None => {
                use rustix::fs::{AtFlags, CWD};
                use std::os::fd::AsRawFd;
                let from = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                rustix::fs::linkat(CWD, from, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
            }
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            None => return Err(std::io::ErrorKind::Unsupported.into()),
            Some(name) => {
                std::fs::hard_link(name, path)?;
                std::fs::remove_file(name)?;
            }
        }
        Ok((self.file, path.to_owned()))
    }

    /// A path by which children reach the unnamed file.
    fn anonymous(self) -> std::io::Result<Anonymous> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use std::os::fd::AsRawFd;
            if let Some(name) = &self.name {
                std::fs::remove_file(name)?;
            }
            rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())?;
            let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            Ok((self.file, path.into(), None))
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let name = self.name.ok_or(std::io::ErrorKind::Unsupported)?;
            Ok((self.file, name.clone(), Some(name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Stopped, create, reuse};
    use std::sync::atomic::AtomicBool;

    fn entries(directory: &std::path::Path) -> Vec<String> {
        std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn an_unkept_table_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let table = create(directory.path(), None, 1 << 20, &AtomicBool::new(false), &mut |_| {}).unwrap();
        #[cfg(target_os = "linux")]
        assert!(entries(directory.path()).is_empty());
        assert_eq!(std::fs::metadata(&table.place.path).unwrap().len(), 1 << 20);
    }

    #[test]
    fn a_kept_table_is_found_again_and_a_foreign_file_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("table.bin");
        drop(create(directory.path(), Some(&path), 1 << 20, &AtomicBool::new(false), &mut |_| {}).unwrap());
        assert_eq!(entries(directory.path()), ["table.bin"]);
        reuse(&path, 1 << 20).unwrap();
        assert!(reuse(&path, (1 << 20) + 1).is_err());
        let foreign = directory.path().join("thesis.txt");
        std::fs::write(&foreign, vec![b'x'; 2 << 20]).unwrap();
        assert!(reuse(&foreign, 1 << 20).unwrap_err().to_string().contains("left as it is"));
        assert_eq!(std::fs::read(&foreign).unwrap(), vec![b'x'; 2 << 20]);
        assert!(
            create(directory.path(), Some(&foreign), 4096, &AtomicBool::new(false), &mut |_| {}).is_err()
        );
        assert_eq!(std::fs::metadata(&foreign).unwrap().len(), 2 << 20);
    }

    #[test]
    fn stopping_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let error = create(directory.path(), None, 1 << 20, &AtomicBool::new(true), &mut |_| {}).unwrap_err();
        assert!(error.downcast_ref::<Stopped>().is_some());
        assert!(entries(directory.path()).is_empty());
    }

    #[test]
    fn a_table_larger_than_the_disk_is_refused_before_writing() {
        let directory = tempfile::tempdir().unwrap();
        let error =
            create(directory.path(), None, 1 << 60, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("bytes free"), "{error}");
    }
}
