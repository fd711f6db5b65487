//! Finished blocks on disk, one JSON line each: a run that was cut short goes on where it stopped.

use super::session::Journal;
use super::spec::{BlockSpec, Place, Reply};
use anyhow::{Context, Result};
use dhurandhar_core::leaf::mix64;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

#[derive(Serialize, Deserialize)]
struct Entry {
    block: String,
    reply: Reply,
}

/// A journal file.
#[derive(Debug)]
pub(super) struct FileJournal {
    known: HashMap<String, Reply>,
    file: File,
}

impl FileJournal {
    /// Opens or makes the journal. A line cut off by a crash is ignored.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut known = HashMap::new();
        if let Ok(file) = File::open(path) {
            for line in BufReader::new(file).lines() {
                if let Ok(entry) = serde_json::from_str::<Entry>(&line?) {
                    known.insert(entry.block, entry.reply);
                }
            }
        }
        let file = File::options()
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("cannot write the journal {}", path.display()))?;
        Ok(Self { known, file })
    }
}

/// Sixteen hexadecimal digits over everything that decides a block, but not where its file happens to lie.
fn name(spec: &BlockSpec) -> String {
    let place = Place { path: "".into(), ..spec.place.clone() };
    let spec = BlockSpec { place, group: None, ..spec.clone() };
    let text = serde_json::to_vec(&spec).unwrap_or_default();
    let state = text.iter().fold(mix64(0), |state, byte| mix64(state ^ u64::from(*byte)));
    format!("{state:016x}")
}

impl Journal for FileJournal {
    fn recall(&mut self, spec: &BlockSpec) -> Option<Reply> {
        self.known.get(&name(spec)).cloned()
    }

    fn keep(&mut self, spec: &BlockSpec, reply: &Reply) {
        let entry = Entry { block: name(spec), reply: reply.clone() };
        if let Ok(mut line) = serde_json::to_vec(&entry) {
            line.push(b'\n');
            // A journal that cannot be written costs a later run time, not this one its result.
            let _ = self.file.write_all(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FileJournal, Journal};
    use crate::profile::spec::Reply;
    use crate::profile::spec::tests::spec;
    use dhurandhar_core::measurement::{Engine, Pattern, State};

    #[test]
    fn what_was_kept_is_recalled_wherever_the_file_lies() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.jsonl");
        let mut block = spec(Pattern::RandomDecode, Engine::Pread, State::Cold);
        let mut journal = FileJournal::open(&path).unwrap();
        assert!(journal.recall(&block).is_none());
        journal.keep(&block, &Reply::Windows(Vec::new()));
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .map(|mut f| std::io::Write::write_all(&mut f, b"{\"bl"))
            .unwrap()
            .unwrap();
        let mut again = FileJournal::open(&path).unwrap();
        block.place.path = "/elsewhere".into();
        assert_eq!(again.recall(&block), Some(Reply::Windows(Vec::new())));
        block.tokens += 1;
        assert!(again.recall(&block).is_none());
    }
}
