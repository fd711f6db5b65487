//! safetensors files of adapters and training states: named tensors after a JSON header.

use super::TrainError;
use crate::checkpoint::tensor_table::Table;
use dhurandhar_core::leaf::dequantise::dequantise;
use safetensors::{Dtype, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The key of all metadata, where there are several.
const ENTRIES: &str = "entries";

/// A tensor with its shape, outermost dimension first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// A file's tensors and metadata.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TensorFile {
    pub(crate) tensors: BTreeMap<String, Stored>,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl TensorFile {
    /// Add a tensor.
    pub(crate) fn push(&mut self, name: String, shape: Vec<usize>, values: &[f32]) {
        self.tensors.insert(name, Stored { shape, values: values.to_vec() });
    }

    /// The file's bytes: tensors in f32, by name.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, TrainError> {
        // The crate writes entries in no order; one of many keeps the bytes of a run the same.
        let metadata = match self.metadata.len() {
            0 => None,
            1 => Some(self.metadata.clone().into_iter().collect()),
            _ => Some(HashMap::from([(ENTRIES.to_owned(), serde_json::json!(self.metadata).to_string())])),
        };
        safetensors::serialize(self.tensors.iter(), metadata)
            .map_err(|error| TrainError::Setting(format!("tensors cannot be written: {error}")))
    }

    /// Read a file; 16-bit tensors are widened.
    pub(crate) fn read(path: &Path) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(TrainError::io(path))?;
        Self::parse(&bytes).map_err(|problem| TrainError::AdapterFile { path: path.to_owned(), problem })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let table = Table::of(bytes)?;
        let mut file = Self::default();
        for name in table.names() {
            let Some(tensor) = table.tensor(name)? else { continue };
            let range = usize::try_from(tensor.range.start).ok().zip(usize::try_from(tensor.range.end).ok());
            let part = range.and_then(|(start, end)| bytes.get(start..end));
            let part = part.ok_or_else(|| format!("`{name}`: its data lie beyond the end of the file"))?;
            let mut values = vec![0.0; tensor.shape.iter().product()];
            dequantise(tensor.block, part, &mut values).map_err(|error| format!("`{name}`: {error}"))?;
            file.tensors.insert(name.to_owned(), Stored { shape: tensor.shape, values });
        }
        file.metadata = match table.metadata.get(ENTRIES) {
            Some(text) => serde_json::from_str(text).map_err(|error| error.to_string())?,
            None => table.metadata,
        };
        Ok(file)
    }
}

impl View for &Stored {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_back_and_damage_is_named() {
        let mut file = TensorFile::default();
        file.push("b".into(), vec![2, 3], &[1.0, -2.5, 3.0, 0.0, 1e-30, 6.0]);
        file.push("a".into(), vec![1], &[f32::MAX]);
        file.metadata.insert("format".into(), "pt".into());
        let bytes = file.bytes().unwrap();
        assert_eq!(TensorFile::parse(&bytes).unwrap(), file);
        assert!((bytes.len() - 28).is_multiple_of(8));
        file.metadata.insert("step".into(), "7".into());
        assert_eq!(TensorFile::parse(&file.bytes().unwrap()).unwrap(), file);
        for length in 0..bytes.len() {
            assert!(TensorFile::parse(&bytes[..length]).is_err(), "{length}");
        }
    }
}
