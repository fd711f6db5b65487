//! The table at the head of a safetensors file: the `safetensors` crate's types, with errors that name the tensor.

use dhurandhar_core::leaf::BlockType;
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;

/// Longest header that is believed, in bytes (the format's own limit).
const LONGEST: u64 = 100_000_000;

/// Tensors and metadata of a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Table {
    #[serde(rename = "__metadata__", default)]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<String, TensorInfo>,
    /// Where the data begin in the file.
    #[serde(skip)]
    data: u64,
}

/// A tensor of floating-point numbers in a file.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) block: BlockType,
    /// Outermost dimension first.
    pub(crate) shape: Vec<usize>,
    /// Bytes of the file.
    pub(crate) range: Range<u64>,
}

/// Bytes of the header, from the first eight of a file of so many bytes.
pub(crate) fn header_bytes(first: [u8; 8], file: u64) -> Option<usize> {
    let length = u64::from_le_bytes(first);
    let fits = length <= LONGEST && length.checked_add(8).is_some_and(|data| data <= file);
    usize::try_from(length).ok().filter(|_| fits)
}

impl Table {
    /// Of a file's beginning, header included.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, String> {
        let length = bytes.first_chunk().and_then(|first| header_bytes(*first, bytes.len() as u64));
        let length = length.ok_or("no safetensors header; the file is cut short or of another kind")?;
        Self::parse(&bytes[8..8 + length])
    }

    /// Of a header without the eight bytes of its length.
    pub(crate) fn parse(header: &[u8]) -> Result<Self, String> {
        let mut table: Self = serde_json::from_slice(header).map_err(|error| format!("header: {error}"))?;
        table.data = 8 + header.len() as u64;
        Ok(table)
    }

    /// Names, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor, if it is there; its range may go beyond the end of the file.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Stored>, String> {
        let Some(info) = self.tensors.get(name) else { return Ok(None) };
        let block = match info.dtype {
            Dtype::F32 => BlockType::F32,
            Dtype::F16 => BlockType::F16,
            Dtype::BF16 => BlockType::Bf16,
            other => return Err(format!("`{name}` has dtype {other}; expected F32, F16 or BF16")),
        };
        let (start, end) = info.data_offsets;
        let size = info.shape.iter().try_fold(block.bytes(), |size, &side| size.checked_mul(side as u64));
        if size.is_none() || end.checked_sub(start).map(|length| length as u64) != size {
            let shape = &info.shape;
            return Err(format!(
                "`{name}` has data_offsets [{start}, {end}] for shape {shape:?} of {}",
                info.dtype
            ));
        }
        let place = |at: usize| self.data.saturating_add(at as u64);
        Ok(Some(Stored { block, shape: info.shape.clone(), range: place(start)..place(end) }))
    }
}
