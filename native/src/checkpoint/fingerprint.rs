//! A number that tells one base from another of the same shape.

use super::{Checkpoint, Entry};
use dhurandhar_core::leaf::mix64;

/// Places at which each tensor is looked at.
const PLACES: usize = 16;
/// Bytes that are looked at in each.
const BYTES: usize = 64;

impl Checkpoint {
    /// Of the names, types, shapes and some bytes of every tensor. A base that was trained on differs nearly everywhere, so
    /// a few bytes of each tensor tell it, and no file is read whole.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.entries.iter().fold(0, |state, (name, entry)| {
            let state = mixed(state, name.as_bytes());
            let state = mixed(state, format!("{:?} {:?}", entry.block, entry.shape).as_bytes());
            let state = self.sampled(entry).fold(state, mixed);
            // A look at a place maps its surroundings too, which together are most of a file.
            self.release(name);
            state
        })
    }

    fn sampled<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.files[entry.file].bytes().get(entry.range.clone()).unwrap_or_default();
        let last = bytes.len().saturating_sub(BYTES);
        (0..PLACES).map(move |place| {
            let start = last / (PLACES - 1) * place + last % (PLACES - 1) * place / (PLACES - 1);
            &bytes[start..(start + BYTES).min(bytes.len())]
        })
    }
}

fn mixed(state: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(mix64(state ^ bytes.len() as u64), |state, chunk| {
        let word = chunk.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        mix64(state ^ word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/parity").join(name)
    }

    #[test]
    fn a_base_is_told_by_its_weights_and_not_by_its_place() {
        let copy = tempfile::tempdir().unwrap();
        for name in ["config.json", "model.safetensors"] {
            std::fs::copy(fixture("llama").join(name), copy.path().join(name)).unwrap();
        }
        let of = |path: &Path| Checkpoint::open(path).unwrap().fingerprint();
        let own = of(&fixture("llama"));
        assert_eq!(of(copy.path()), own);
        assert_ne!(of(&fixture("qwen3")), own);
        let path = copy.path().join("model.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        // The last weights of the last tensor.
        if let Some(byte) = bytes.last_mut() {
            *byte ^= 1;
        }
        std::fs::write(&path, bytes).unwrap();
        assert_ne!(of(copy.path()), own);
    }
}
