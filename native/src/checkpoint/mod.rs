//! Real checkpoints: mapped files, their tensors by one set of names, and what they decode to.
//!
//! Nothing is copied on opening. A matrix is decoded when the decoder asks for it, and rows of the embedding tables
//! are decoded one by one, so a table of gigabytes stays on disk.

pub(crate) mod class;
mod dequantise;
mod error;
mod fingerprint;
mod gguf;
mod mapping;
mod names;
mod safetensors;
pub(crate) mod tensor_table;
pub mod tokenizer;

pub use error::CheckpointError;
pub use gguf::GgufValues;

use dhurandhar_core::leaf::BlockType;
use dhurandhar_core::leaf::dequantise::RowDecoder;
use dhurandhar_core::model::Architecture;
use mapping::Mapping;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Elements of a matrix that are looked at together.
const CHECKED: usize = 1 << 22;

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    file: usize,
    range: Range<usize>,
    block: BlockType,
    /// Rows first, then the row length; vectors have one dimension.
    shape: Vec<usize>,
}

/// A matrix left where it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredRows {
    file: usize,
    range: Range<usize>,
    rows: usize,
    /// Decodes its rows.
    pub(crate) decoder: RowDecoder,
}

/// Hyperparameters as the file states them.
#[derive(Debug)]
pub enum Facts {
    /// The text part of a `config.json`.
    Config(serde_json::Value),
    /// GGUF metadata.
    Gguf(GgufValues),
}

/// An opened checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    architecture: Architecture,
    facts: Facts,
    files: Vec<Mapping>,
    entries: BTreeMap<String, Entry>,
    /// What stands before `.layers.` in the Hugging Face names of the layers.
    root: String,
}

impl Checkpoint {
    /// Open a GGUF file, a safetensors file with `config.json` beside it, or a folder with both.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let is = |ending: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
        let unknown =
            |found: &str| CheckpointError::Unknown { path: path.to_owned(), found: found.to_owned() };
        if path.is_dir() {
            safetensors::open_folder(path)
        } else if !path.exists() {
            Err(unknown("nothing"))
        } else if is("gguf") {
            gguf::open(path)
        } else if is("safetensors") {
            safetensors::open_file(path)
        } else {
            Err(unknown(&crate::inputs::hints::file(path)))
        }
    }

    /// File or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that hyperparameters stand in.
    pub fn settings_path(&self) -> PathBuf {
        match self.facts {
            Facts::Gguf(_) => self.path.clone(),
            Facts::Config(_) if self.path.is_dir() => self.path.join("config.json"),
            Facts::Config(_) => self.path.with_file_name("config.json"),
        }
    }

    /// What stands before `.layers.` in the paths of the layers' modules: `model`, or more in a larger model.
    pub fn module_root(&self) -> &str {
        &self.root
    }

    /// Layer by layer.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Hyperparameters.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The bytes of its first file; a GGUF checkpoint has no other.
    pub(crate) fn first_file(&self) -> &[u8] {
        self.files.first().map_or(&[], Mapping::bytes)
    }

    /// Whether a tensor of this canonical (GGUF) name is there.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// A tensor's name as the checkpoint's own files have it.
    pub(crate) fn shown(&self, name: &str) -> String {
        match self.facts {
            Facts::Gguf(_) => name.to_owned(),
            Facts::Config(_) => {
                let norms = self.architecture.layers.first().map_or(2, |layer| layer.norms);
                names::original(name, &self.root, norms)
            }
        }
    }

    /// Bytes of all mapped files.
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes().len() as u64).sum()
    }

    /// Whether both tensors are there and do not hold the same bytes.
    pub(crate) fn differ(&self, one: &str, other: &str) -> bool {
        let bytes = |name: &str| {
            let entry = self.entries.get(name)?;
            Some((entry.block, self.files.get(entry.file)?.bytes().get(entry.range.clone())?))
        };
        bytes(one).zip(bytes(other)).is_some_and(|(one, other)| one != other)
    }

    /// Storage type of a tensor.
    pub fn block(&self, name: &str) -> Option<BlockType> {
        self.entries.get(name).map(|entry| entry.block)
    }

    /// Shape of a tensor, rows first.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Decode a whole tensor after checking its shape and that every element is finite.
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let entry = self.shaped(name, shape)?;
        let mut values = vec![0.0; shape.iter().product()];
        self.decode(name, entry, entry.range.clone(), &mut values)?;
        self.finite(name, 0, &values)?;
        Ok(values)
    }

    /// A tensor of this shape.
    fn shaped(&self, name: &str, shape: &[usize]) -> Result<&Entry, CheckpointError> {
        let entry = self.entry(name)?;
        // A vector may be stored as a matrix with one row.
        let plain = |shape: &[usize]| shape.iter().copied().filter(|&length| length != 1).collect::<Vec<_>>();
        if plain(&entry.shape) != plain(shape) {
            return Err(CheckpointError::Shape {
                tensor: self.shown(name),
                found: entry.shape.clone(),
                expected: shape.to_vec(),
            });
        }
        Ok(entry)
    }

    /// Where the rows of a matrix are and how to decode them, after checking its shape and its numbers.
    pub(crate) fn stored_rows(&self, name: &str, shape: [usize; 2]) -> Result<StoredRows, CheckpointError> {
        let entry = self.shaped(name, &shape)?;
        // Reading it once, in pieces, finds what is not finite before anything runs.
        let [rows, columns] = shape;
        let step = (CHECKED / columns.max(1)).max(1);
        let mut values = vec![0.0; step.min(rows) * columns];
        for first in (0..rows).step_by(step) {
            let end = (first + step).min(rows);
            let part = &mut values[..(end - first) * columns];
            self.decode(name, entry, entry.rows(name, first..end)?, part)?;
            self.finite(name, first * columns, part)?;
        }
        let decoder = RowDecoder::new(entry.block)
            .map_err(|problem| CheckpointError::Blocks { tensor: self.shown(name), problem })?;
        Ok(StoredRows { file: entry.file, range: entry.range.clone(), rows: shape[0], decoder })
    }

    /// The bytes of one row.
    pub(crate) fn row_bytes(&self, stored: &StoredRows, row: usize) -> &[u8] {
        self.rows_bytes(stored, row..row + 1)
    }

    /// The stored bytes of consecutive rows.
    pub(crate) fn rows_bytes(&self, stored: &StoredRows, rows: Range<usize>) -> &[u8] {
        let stride = stored.range.len() / stored.rows.max(1);
        let start = stored.range.start;
        &self.files[stored.file].bytes()[start + rows.start * stride..start + rows.end * stride]
    }

    /// Decode one row of a table into `out`, touching only that row's pages.
    pub fn read_row(&self, name: &str, row: usize, out: &mut [f32]) -> Result<(), CheckpointError> {
        let entry = self.entry(name)?;
        let range = entry.rows(name, row..row + 1)?;
        self.decode(name, entry, range, out)?;
        self.finite(name, row * out.len(), out)
    }

    /// Let the system have the pages of a tensor back that will not be read soon.
    pub(crate) fn release(&self, name: &str) {
        if let Some(entry) = self.entries.get(name) {
            self.files[entry.file].release(&entry.range);
        }
    }

    /// Names of tensors that are not in `used`.
    pub fn unused<'a>(&'a self, used: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
        self.entries.keys().filter(|name| !used.contains(*name)).map(String::as_str)
    }

    fn entry(&self, name: &str) -> Result<&Entry, CheckpointError> {
        self.entries.get(name).ok_or_else(|| CheckpointError::Missing(vec![self.shown(name)]))
    }

    fn decode(
        &self,
        name: &str,
        entry: &Entry,
        range: Range<usize>,
        out: &mut [f32],
    ) -> Result<(), CheckpointError> {
        let bytes = &self.files[entry.file].bytes()[range];
        dequantise::parallel(entry.block, bytes, out)
            .map_err(|problem| CheckpointError::Blocks { tensor: self.shown(name), problem })
    }

    /// Refuse values that are no numbers; `first` is the index of the first one in its tensor.
    fn finite(&self, name: &str, first: usize, values: &[f32]) -> Result<(), CheckpointError> {
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (tensor, index, value) = (self.shown(name), first + at, values[at]);
                Err(CheckpointError::NotFinite { tensor, index, value })
            }
        }
    }
}

impl Entry {
    /// Byte range of some rows.
    fn rows(&self, name: &str, rows: Range<usize>) -> Result<Range<usize>, CheckpointError> {
        let count = self.shape.first().copied().unwrap_or(1).max(1);
        if rows.end > count {
            return Err(CheckpointError::Row { tensor: name.to_owned(), row: rows.end - 1, rows: count });
        }
        let stride = self.range.len() / count;
        Ok(self.range.start + rows.start * stride..self.range.start + rows.end * stride)
    }
}

#[cfg(test)]
mod tests {
    use crate::checkpoint::Checkpoint;

    #[test]
    fn what_is_no_checkpoint_says_what_to_pass_instead() {
        let folder = tempfile::tempdir().unwrap();
        let error = || Checkpoint::open(folder.path()).unwrap_err().to_string();
        assert!(error().contains("a folder without config.json; expected"), "{}", error());
        std::fs::create_dir_all(folder.path().join("snapshots/abc")).unwrap();
        assert!(error().contains("pass its snapshots/abc"), "{}", error());
        std::fs::write(folder.path().join("model-q4.gguf"), "").unwrap();
        assert!(error().contains("but with model-q4.gguf: pass that file"), "{}", error());
        std::fs::remove_file(folder.path().join("model-q4.gguf")).unwrap();
        std::fs::remove_dir_all(folder.path().join("snapshots")).unwrap();
        std::fs::write(folder.path().join("config.json"), "{}").unwrap();
        std::fs::write(folder.path().join("pytorch_model.bin"), "").unwrap();
        assert!(error().contains("but with pytorch_model.bin: pickled weights"), "{}", error());
        let pickle = folder.path().join("pytorch_model.bin");
        assert!(Checkpoint::open(&pickle).unwrap_err().to_string().contains("pickled weights"));
        for name in ["model.gguf", "model.safetensors"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
                .unwrap();
            let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/parity/llama/config.json");
            std::fs::copy(fixture, folder.path().join("config.json")).unwrap();
            let error = Checkpoint::open(&path).unwrap_err().to_string();
            assert!(error.contains("pointer of Git LFS") && error.contains(name), "{error}");
        }
    }
}
