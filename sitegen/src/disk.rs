//! Writing files: only when the bytes differ, and never half.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Writes `bytes` to `path` unless they are already there. Returns whether anything was written.
///
/// A file that exists is replaced by renaming, so that a reader sees the old or the new bytes. A new file is written
/// in place, which is half the work for the disk; should that be interrupted, the next call finds other bytes.
pub fn write_if_different(path: &Path, bytes: &[u8]) -> Result<bool> {
    match File::open(path) {
        Ok(file) if same(&file, bytes) => return Ok(false),
        Ok(_) => {
            let temporary = temporary_name(path);
            fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path))
        }
        Err(_) => write_new(path, bytes),
    }
    .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Does the file have these bytes?
pub fn has(path: &Path, bytes: &[u8]) -> bool {
    File::open(path).is_ok_and(|file| same(&file, bytes))
}

fn same(mut file: &File, bytes: &[u8]) -> bool {
    let mut old = Vec::new();
    file.metadata().is_ok_and(|metadata| metadata.len() == bytes.len() as u64)
        && file.read_to_end(&mut old).is_ok()
        && old == bytes
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::write(path, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            fs::write(path, bytes)
        }
        result => result,
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    path.with_file_name(name)
}

/// All files below `folder`, as paths relative to it with `/`, in order.
pub fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    collect(folder, "", &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let name = entry.file_name();
        let path = entry.path();
        let name = name.to_str().with_context(|| format!("{} is not valid UTF-8", path.display()))?;
        // A link to a folder is followed, and the type in the listing does not say where it leads.
        let kind = entry.file_type().with_context(|| format!("cannot list {}", folder.display()))?;
        if kind.is_dir() || (kind.is_symlink() && path.is_dir()) {
            collect(&path, &format!("{prefix}{name}/"), found)?;
        } else {
            found.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.txt");
        assert!(write_if_different(&path, b"one").unwrap());
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(!write_if_different(&path, b"one").unwrap());
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
        assert!(write_if_different(&path, b"two").unwrap());
        assert_eq!(files(dir.path()).unwrap(), ["a/b.txt"]);
    }
}
