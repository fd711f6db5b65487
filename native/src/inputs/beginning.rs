//! The beginning of a file, on a disk or elsewhere, of which importers get as much as they ask for.

use super::hints;
use crate::bad_input;
use crate::hub::RemoteFile;
use anyhow::Context;
use dhurandhar_core::model::import::{FIRST_READ, ImportError};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest header that is believed, in bytes.
const LARGEST_HEADER: u64 = 128 << 20;

/// A file that is read from its first byte on.
pub(super) trait Beginning {
    /// What messages call it.
    fn name(&self) -> &str;
    /// Length of the whole file, where it is known.
    fn length(&self) -> Option<u64>;
    /// What has been read.
    fn bytes(&self) -> &[u8];
    /// Have `wanted` bytes read, or the whole file.
    fn fill(&mut self, wanted: u64) -> anyhow::Result<()>;
    /// How much to have read next where an importer wants at least a byte more than `have`.
    fn next(&self, have: u64) -> u64;
}

/// What `import` makes of the beginning of a file, given more of it as long as it asks.
pub(super) fn import<T>(
    file: &mut impl Beginning,
    import: impl Fn(&[u8], Option<u64>) -> anyhow::Result<Result<T, ImportError>>,
) -> anyhow::Result<T> {
    let mut wanted = FIRST_READ;
    loop {
        file.fill(wanted)?;
        let bytes = file.bytes();
        if let Some(problem) = hints::pointer(bytes) {
            return Err(bad_input(format!("{}: {problem}", file.name())));
        }
        let have = bytes.len() as u64;
        match import(bytes, file.length())? {
            Err(ImportError::NeedMore { at_least }) if at_least > LARGEST_HEADER => {
                return Err(bad_input(format!(
                    "{}: the header takes {at_least} bytes or more; expected at most {LARGEST_HEADER}",
                    file.name()
                )));
            }
            Err(ImportError::NeedMore { at_least }) if have >= wanted => {
                wanted = at_least.max(file.next(have)).min(LARGEST_HEADER);
            }
            result => return result.map_err(bad_input),
        }
    }
}

/// A file on a disk.
pub(super) struct LocalFile {
    name: String,
    file: File,
    length: u64,
    bytes: Vec<u8>,
}

impl LocalFile {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let length = file.metadata().with_context(|| format!("cannot read {name}"))?.len();
        Ok(Self { name, file, length, bytes: Vec::new() })
    }
}

impl Beginning for LocalFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn fill(&mut self, wanted: u64) -> anyhow::Result<()> {
        let missing = wanted.min(self.length).saturating_sub(self.bytes.len() as u64);
        let read = self.file.by_ref().take(missing).read_to_end(&mut self.bytes);
        read.map(|_| ()).with_context(|| format!("cannot read {}", self.name))
    }

    fn next(&self, have: u64) -> u64 {
        have.saturating_mul(2)
    }
}

impl Beginning for RemoteFile {
    fn name(&self) -> &str {
        self.name()
    }

    fn length(&self) -> Option<u64> {
        self.length()
    }

    fn bytes(&self) -> &[u8] {
        self.bytes()
    }

    fn fill(&mut self, wanted: u64) -> anyhow::Result<()> {
        Ok(self.fill(wanted)?)
    }

    // Doubling would fetch up to as much again as the header has.
    fn next(&self, have: u64) -> u64 {
        have.saturating_add(FIRST_READ.max(have / 8))
    }
}
