//! Beginnings of files that were read, one file each, with the ETag by which the server knows them again.
//!
//! A line of JSON, then the bytes. A file of another version, or a damaged one, is as if it were not there: it is
//! read again and written over.

use crate::cli::{files, output};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Version of the form.
const VERSION: u32 = 1;

/// The folder, where there is one.
pub(super) struct Cache {
    folder: Option<PathBuf>,
    /// What cannot be written is said once.
    complained: AtomicBool,
}

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) etag: Option<String>,
    pub(super) length: Option<u64>,
    pub(super) bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    dhurandhar_cache: u32,
    /// Two addresses may have one hash.
    url: String,
    etag: Option<String>,
    length: Option<u64>,
    bytes: u64,
}

impl Cache {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder: folder.map(|folder| folder.join("hub")), complained: AtomicBool::new(false) }
    }

    fn path(&self, url: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(format!("{:016x}", hash(url))))
    }

    /// What is kept of the file at `url`.
    pub(super) fn entry(&self, url: &str) -> Option<Entry> {
        let mut bytes = std::fs::read(self.path(url)?).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let bytes = bytes.split_off(end + 1);
        let is_good = head.dhurandhar_cache == VERSION && head.url == url && head.bytes == bytes.len() as u64;
        is_good.then_some(Entry { etag: head.etag, length: head.length, bytes })
    }

    /// Keep the beginning of the file at `url`. A full disk costs the next run some requests, not this one its answer.
    pub(super) fn keep(&self, url: &str, entry: &Entry) {
        let Some(path) = self.path(url) else { return };
        let head = Head {
            dhurandhar_cache: VERSION,
            url: url.to_owned(),
            etag: entry.etag.clone(),
            length: entry.length,
            bytes: entry.bytes.len() as u64,
        };
        let write = || -> std::io::Result<()> {
            let mut whole = serde_json::to_vec(&head)?;
            whole.push(b'\n');
            whole.extend(&entry.bytes);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            files::write(&path, &whole)
        };
        if let Err(error) = write()
            && !self.complained.swap(true, Ordering::Relaxed)
        {
            let folder = path.parent().unwrap_or(&path).display();
            output::note(&format!("what was read is not kept: cannot write to {folder}: {error}"));
        }
    }
}

/// FNV-1a: the same on every machine and in every release, as names of files have to be.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_what_is_damaged_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path().to_owned()));
        let entry = Entry { etag: Some("\"a\"".into()), length: Some(9), bytes: b"GGUF\n\n".to_vec() };
        assert_eq!(cache.entry("http://a/b"), None);
        cache.keep("http://a/b", &entry);
        assert_eq!(cache.entry("http://a/b"), Some(entry.clone()));
        assert_eq!(cache.entry("http://a/c"), None);
        let path = cache.path("http://a/b").unwrap();
        let whole = std::fs::read(&path).unwrap();
        let text = String::from_utf8(whole.clone()).unwrap();
        let newer = text.replace("\"dhurandhar_cache\":1", "\"dhurandhar_cache\":2");
        for damaged in [&whole[..whole.len() - 1], newer.as_bytes(), b"", b"\n", b"{}\n", &[0xff, b'\n']] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(cache.entry("http://a/b"), None);
        }
        cache.keep("http://a/b", &entry);
        assert_eq!(cache.entry("http://a/b"), Some(entry));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hub"), "a file where the folder should be").unwrap();
        let cache = Cache::new(Some(folder.path().to_owned()));
        cache.keep("http://a/b", &Entry { etag: None, length: None, bytes: vec![1] });
        assert_eq!(cache.entry("http://a/b"), None);
        assert!(cache.complained.load(Ordering::Relaxed));
    }
}
