//! Where a tensor lies in a checkpoint file, and its rows as a table.

use super::{GeometryError, TableGeometry};
use crate::format::gguf::{GgufError, TensorInfo};
use crate::format::safetensors::{self, Entry, SafetensorsError};
use crate::model::import::gguf::parse_gguf;
use thiserror::Error;

/// Names under which lookup tables are stored, best first.
const TABLES: [&str; 8] = [
    "per_layer_token_embd.weight",
    "model.language_model.embed_tokens_per_layer.weight",
    "language_model.model.embed_tokens_per_layer.weight",
    "model.embed_tokens_per_layer.weight",
    "token_embd.weight",
    "model.language_model.embed_tokens.weight",
    "language_model.model.embed_tokens.weight",
    "model.embed_tokens.weight",
];

/// A tensor's bytes in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorPlace {
    /// Name in the file.
    pub name: String,
    /// First byte in the file.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Rows of it.
    pub rows: u64,
}

/// Why no tensor can be read.
#[derive(Debug, Error)]
pub enum LocateError {
    /// The header continues beyond the bytes at hand.
    #[error("the header needs at least {at_least} bytes")]
    NeedMore {
        /// Length of the shortest prefix that can get further.
        at_least: u64,
    },
    /// No usable GGUF header.
    #[error(transparent)]
    Gguf(GgufError),
    /// No usable safetensors header.
    #[error("no safetensors header: {0}")]
    Safetensors(String),
    /// No such tensor.
    #[error("no tensor `{wanted}` in the file; it has {available}")]
    Absent {
        /// What was asked for.
        wanted: String,
        /// The first names there are.
        available: String,
    },
    /// The tensor does not lie in the file.
    #[error("tensor `{name}` ends at byte {end}, the file has {file_bytes}")]
    Outside {
        /// Its name.
        name: String,
        /// Where it should end.
        end: u64,
        /// Length of the file.
        file_bytes: u64,
    },
    /// Its rows are no table.
    #[error("tensor `{name}` is no table: {error}")]
    Shape {
        /// Its name.
        name: String,
        /// What is wrong.
        error: GeometryError,
    },
}

impl TensorPlace {
    /// Finds `wanted`, or the best lookup table, from the first `header` bytes of a file of `file_bytes` bytes.
    pub fn find(header: &[u8], file_bytes: u64, wanted: Option<&str>) -> Result<Self, LocateError> {
        let all =
            if header.starts_with(b"GGUF") { of_gguf(header, file_bytes)? } else { of_safetensors(header)? };
        let named = |name: &str| all.iter().find(|place| place.name == name);
        let found = match wanted {
            Some(name) => named(name),
            None => TABLES.iter().find_map(|name| named(name)),
        };
        let place = found.cloned().ok_or_else(|| LocateError::Absent {
            wanted: wanted.unwrap_or("lookup table of a known name").to_owned(),
            available: all.iter().take(8).map(|place| place.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        match place.offset.checked_add(place.bytes) {
            Some(end) if end <= file_bytes => Ok(place),
            end => Err(LocateError::Outside { name: place.name, end: end.unwrap_or(u64::MAX), file_bytes }),
        }
    }

    /// Its rows, cut into `layers` slices where they divide evenly, else as one.
    pub fn geometry(&self, layers: u64, page_bytes: u64) -> Result<TableGeometry, LocateError> {
        let row_bytes = self.bytes / self.rows.max(1);
        let layers = if layers > 0 && row_bytes.is_multiple_of(layers) { layers } else { 1 };
        TableGeometry::new(self.rows, layers, row_bytes / layers, page_bytes)
            .map_err(|error| LocateError::Shape { name: self.name.clone(), error })
    }
}

fn of_gguf(header: &[u8], file_bytes: u64) -> Result<Vec<TensorPlace>, LocateError> {
    let gguf = parse_gguf(header, Some(file_bytes)).map_err(|error| match error {
        GgufError::NeedMore { at_least } => LocateError::NeedMore { at_least },
        error => LocateError::Gguf(error),
    })?;
    let place = |tensor: &TensorInfo| TensorPlace {
        name: tensor.name.clone(),
        offset: gguf.data_offset.saturating_add(tensor.offset),
        bytes: tensor.bytes,
        rows: tensor.rows,
    };
    Ok(gguf.tensors.iter().map(place).collect())
}

fn of_safetensors(header: &[u8]) -> Result<Vec<TensorPlace>, LocateError> {
    let bad = |text: String| LocateError::Safetensors(text);
    let (json, data_offset) = safetensors::json(header, None).map_err(|error| match error {
        SafetensorsError::NeedMore { .. } if header.len() < 8 => bad("too short".to_owned()),
        SafetensorsError::NeedMore { at_least } => LocateError::NeedMore { at_least },
        _ => bad("it would be longer than 100 MB, so this is another format".to_owned()),
    })?;
    let mut places = Vec::new();
    for Entry { name, shape, data_offsets: [start, end], .. } in safetensors::entries(json).map_err(bad)? {
        let bytes = end.checked_sub(start).ok_or_else(|| bad(format!("`{name}` ends before it starts")))?;
        let rows = shape.first().copied().unwrap_or(1);
        let offset =
            start.checked_add(data_offset).ok_or_else(|| bad(format!("`{name}` starts beyond 2^64")))?;
        places.push(TensorPlace { name, offset, bytes, rows });
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::{LocateError, TensorPlace};
    use proptest::prelude::*;

    fn safetensors(text: &str) -> Vec<u8> {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes
    }

    const TWO: &str = r#"{"__metadata__":{"format":"pt"},
        "model.norm.weight":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},
        "model.embed_tokens.weight":{"dtype":"BF16","shape":[10,12],"data_offsets":[8,248]}}"#;

    #[test]
    fn the_table_is_found_behind_the_header() {
        let file = safetensors(TWO);
        let length = file.len() as u64 + 248;
        let place = TensorPlace::find(&file, length, None).unwrap();
        assert_eq!((place.offset, place.bytes, place.rows), (file.len() as u64 + 8, 240, 10));
        let table = place.geometry(3, 4096).unwrap();
        assert_eq!((table.rows, table.layers, table.layer_bytes), (10, 3, 8));
        assert_eq!(place.geometry(7, 4096).unwrap().layers, 1);
        let norm = TensorPlace::find(&file, length, Some("model.norm.weight")).unwrap();
        assert_eq!(norm.bytes, 8);
    }

    #[test]
    fn what_is_missing_is_named() {
        let file = safetensors(TWO);
        let full = file.len() as u64 + 248;
        let error = TensorPlace::find(&file, full, Some("lm_head")).unwrap_err().to_string();
        assert!(error.contains("lm_head") && error.contains("model.norm.weight"), "{error}");
        assert!(matches!(TensorPlace::find(&file, full - 1, None), Err(LocateError::Outside { .. })));
        let need = TensorPlace::find(&file[..20], full, None);
        assert!(matches!(need, Err(LocateError::NeedMore { at_least }) if at_least == file.len() as u64));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), gguf: bool) {
            let mut bytes = bytes;
            if gguf {
                bytes.splice(0..0, *b"GGUF");
            }
            let _ = TensorPlace::find(&bytes, bytes.len() as u64, None);
        }
    }
}
