//! safetensors files of adapters and training states: named tensors after a JSON header.

use super::TrainError;
use dhurandhar_core::leaf::BlockType;
use dhurandhar_core::leaf::dequantise::dequantise;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

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
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), json!(self.metadata));
        }
        let mut at = 0;
        for (name, tensor) in &self.tensors {
            let end = at + tensor.values.len() * 4;
            let entry = json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [at, end]});
            header.insert(name.clone(), entry);
            at = end;
        }
        let mut header = Value::Object(header).to_string();
        // The format wants the data aligned to 8 bytes, the header padded with spaces.
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let mut bytes = Vec::with_capacity(8 + header.len() + at);
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header.into_bytes());
        for tensor in self.tensors.values() {
            tensor.values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        }
        bytes
    }

    /// Read a file; 16-bit tensors are widened.
    pub(crate) fn read(path: &Path) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(TrainError::io(path))?;
        Self::parse(&bytes).map_err(|problem| TrainError::AdapterFile { path: path.to_owned(), problem })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let length = bytes.first_chunk::<8>().map(|raw| u64::from_le_bytes(*raw));
        let length = length.and_then(|length| usize::try_from(length).ok());
        let header = length.and_then(|length| bytes.get(8..length.checked_add(8)?));
        let header = header.ok_or("no safetensors header; the file is cut short or of another kind")?;
        let data = &bytes[8 + header.len()..];
        let header: BTreeMap<String, Value> =
            serde_json::from_slice(header).map_err(|error| format!("header: {error}"))?;
        let mut file = Self::default();
        for (name, entry) in header {
            if name == "__metadata__" {
                file.metadata = serde_json::from_value(entry).map_err(|error| error.to_string())?;
            } else {
                let tensor = tensor(&entry, data).map_err(|problem| format!("`{name}`: {problem}"))?;
                file.tensors.insert(name, tensor);
            }
        }
        Ok(file)
    }
}

fn tensor(entry: &Value, data: &[u8]) -> Result<Stored, String> {
    let words = |key: &str| -> Option<Vec<usize>> {
        let list = entry.get(key)?.as_array()?;
        list.iter().map(|word| usize::try_from(word.as_u64()?).ok()).collect()
    };
    let dtype = entry.get("dtype").and_then(Value::as_str).unwrap_or("none");
    let (block, width) = match dtype {
        "F32" => (BlockType::F32, 4),
        "F16" => (BlockType::F16, 2),
        "BF16" => (BlockType::Bf16, 2),
        _ => return Err(format!("dtype {dtype}; expected F32, F16 or BF16")),
    };
    let shape = words("shape").ok_or("no shape")?;
    let offsets = words("data_offsets").unwrap_or_default();
    let count = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
    let part = match (offsets.as_slice(), count) {
        (&[start, end], Some(count)) if end.checked_sub(start) == count.checked_mul(width) => {
            data.get(start..end)
        }
        _ => return Err(format!("data_offsets {offsets:?} for shape {shape:?} of {dtype}")),
    };
    let part = part.ok_or("its data lie beyond the end of the file")?;
    let mut values = vec![0.0; count.unwrap_or(0)];
    dequantise(block, part, &mut values).map_err(|error| error.to_string())?;
    Ok(Stored { shape, values })
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
        let bytes = file.bytes();
        assert_eq!(TensorFile::parse(&bytes).unwrap(), file);
        assert!((bytes.len() - 28).is_multiple_of(8));
        for length in 0..bytes.len() {
            assert!(TensorFile::parse(&bytes[..length]).is_err(), "{length}");
        }
    }
}
