//! Files that appear whole or not at all: written under another name, flushed to the device, then renamed.

use anyhow::Context as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Write a file whole or not at all; what was there before stays until the new file is complete.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(bytes), |error| error)
}

/// The same, filled by `fill`; `failed` turns the system's error into the caller's.
pub(crate) fn write_with<E>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<(), E>,
    failed: impl Fn(io::Error) -> E,
) -> Result<(), E> {
    let partial = beside(path);
    let finish = || -> Result<(), E> {
        let mut file = File::create(&partial).map_err(&failed)?;
        fill(&mut file)?;
        file.sync_all().map_err(&failed)?;
        std::fs::rename(&partial, path).map_err(&failed)?;
        flush_folder(path).map_err(&failed)
    };
    finish().inspect_err(|_| {
        // A full disk must not stay full of this.
        let _ = std::fs::remove_file(&partial);
    })
}

/// Write a file that is not there yet; `false` when it is. Never overwrites.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    let partial = beside(path);
    let finish = || -> io::Result<()> {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A hard link fails where a rename would replace.
        std::fs::hard_link(&partial, path).or_else(|error| match error.kind() {
            io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied if !path.exists() => {
                std::fs::copy(&partial, path).map(|_| ())
            }
            _ => Err(error),
        })?;
        flush_folder(path)
    };
    let outcome = finish();
    let _ = std::fs::remove_file(&partial);
    outcome.map(|()| true)
}

/// [`write`] for text, with an error that names the file.
pub(crate) fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    write(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Have the rename or the new name of `path` reach the device.
pub(crate) fn flush_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// The name under which a file is written; another one for each process, so that two do not write into one.
fn beside(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    partial.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path, b"one").unwrap();
        let full = |_: &mut File| Err(io::Error::other("the disk is full"));
        assert!(write_with(&path, full, |error| error).is_err());
        std::fs::create_dir(beside(&path)).unwrap();
        assert!(write(&path, b"two").is_err());
        std::fs::remove_dir(beside(&path)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.json");
        assert!(write_new(&target, b"one").unwrap());
        assert!(!write_new(&target, b"two").unwrap());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
