//! Writing files: only when the bytes differ, and never half.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Writes `bytes` to `path` unless they are already there. Returns whether anything was written.
///
/// The bytes go to a temporary name first and are renamed, so that a reader sees the old or the new file.
pub fn write_if_different(path: &Path, bytes: &[u8]) -> Result<bool> {
    match same(path, bytes) {
        Some(true) => return Ok(false),
        // A file that did not exist cannot be read half by anybody who knows it.
        None if path.parent().is_some_and(Path::is_dir) => {}
        None => {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Some(false) => {}
    }
    let temporary = temporary_name(path);
    fs::write(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// `None` when there is no such file.
fn same(path: &Path, bytes: &[u8]) -> Option<bool> {
    let length = fs::metadata(path).ok()?.len();
    Some(length == bytes.len() as u64 && fs::read(path).is_ok_and(|old| old == bytes))
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
        if path.is_dir() {
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
