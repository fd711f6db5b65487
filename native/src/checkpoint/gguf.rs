//! GGUF checkpoints: `core` reads the header, this places its tensors in the mapping.

use super::{Checkpoint, CheckpointError, Entry, Facts, Mapping};
use dhurandhar_core::model::import::gguf::{GgufError, Metadata, TensorInfo, Value, parse_gguf};
use std::path::Path;

/// Metadata with the architecture's prefix taken care of.
#[derive(Debug)]
pub struct GgufValues {
    metadata: Metadata,
    prefix: String,
}

impl GgufValues {
    /// The architecture's name, which its keys begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A value; `key` goes without the architecture's prefix.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(&format!("{}.{key}", self.prefix))
    }

    /// A number; `key` goes without the architecture's prefix.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Number(number) => Some(*number).filter(|number| number.is_finite()),
            Value::Integer(_) => self.count(key).map(|count| count as f64),
            _ => None,
        }
    }

    /// A count; `key` goes without the architecture's prefix.
    pub fn count(&self, key: &str) -> Option<usize> {
        let count = self.metadata.count(&format!("{}.{key}", self.prefix))?;
        usize::try_from(count).ok()
    }

    /// A short text; `key` goes without the architecture's prefix.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.metadata.text(&format!("{}.{key}", self.prefix))
    }

    /// Metadata under their full keys.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

/// Open one file.
pub(super) fn open(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let mapping = Mapping::open(path)?;
    let bytes = mapping.bytes();
    let header = |problem: String| CheckpointError::Header { path: path.to_owned(), problem };
    let gguf = parse_gguf(bytes, Some(bytes.len() as u64)).map_err(|error| match error {
        GgufError::Truncated { tensor, end, file_len } => {
            CheckpointError::Truncated { path: path.to_owned(), tensor, end, length: file_len }
        }
        other => header(other.to_string()),
    })?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let model = gguf.model(&name).map_err(|error| header(error.to_string()))?;
    let entries =
        gguf.tensors.iter().map(|info| (info.name.clone(), entry(info, gguf.data_offset))).collect();
    let prefix = gguf.metadata.text("general.architecture").unwrap_or_default().to_owned();
    Ok(Checkpoint {
        path: path.to_owned(),
        architecture: model.architecture,
        facts: Facts::Gguf(GgufValues { metadata: gguf.metadata, prefix }),
        files: vec![mapping],
        entries,
        root: "model".to_owned(),
    })
}

fn entry(info: &TensorInfo, data_offset: u64) -> Entry {
    let at = |offset: u64| usize::try_from(data_offset + offset).unwrap_or(usize::MAX);
    let word = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let shape = if info.dimensions < 2 {
        vec![word(info.row_length)]
    } else {
        vec![word(info.rows), word(info.row_length)]
    };
    Entry { file: 0, range: at(info.offset)..at(info.offset + info.bytes), block: info.block, shape }
}
