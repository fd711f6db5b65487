//! Every tensor of a header with its type, checked against each other and the file.

use super::{Entry, SafetensorsError, entries, json};
use crate::leaf::BlockType;

/// Types by their names; unsigned and boolean ones are stored like the signed type of their width.
const DTYPES: &[(&str, BlockType)] = &[
    ("F64", BlockType::F64),
    ("F32", BlockType::F32),
    ("F16", BlockType::F16),
    ("BF16", BlockType::Bf16),
    ("F8_E4M3", BlockType::F8),
    ("F8_E5M2", BlockType::F8),
    ("F8_E4M3FNUZ", BlockType::F8),
    ("F8_E5M2FNUZ", BlockType::F8),
    ("F8_E8M0", BlockType::F8),
    ("F6_E2M3", BlockType::F6),
    ("F6_E3M2", BlockType::F6),
    ("F4", BlockType::F4),
    ("C64", BlockType::C64),
    ("I64", BlockType::I64),
    ("U64", BlockType::I64),
    ("I32", BlockType::I32),
    ("U32", BlockType::I32),
    ("I16", BlockType::I16),
    ("U16", BlockType::I16),
    ("I8", BlockType::I8),
    ("U8", BlockType::U8),
    ("BOOL", BlockType::U8),
];

/// The header of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// File name.
    pub source: String,
    /// Tensors in the order of their data.
    pub tensors: Vec<TensorInfo>,
    /// Size of the file according to the header, in bytes.
    pub file_bytes: u64,
}

/// One tensor of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name in the file.
    pub name: String,
    /// Type of an element.
    pub block: BlockType,
    /// Dimensions, slowest first.
    pub shape: Vec<u64>,
    /// First byte of the data, after the header.
    pub begin: u64,
    /// Byte after the last.
    pub end: u64,
}

impl TensorInfo {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Size of the data in bytes.
    pub fn bytes(&self) -> u64 {
        self.end - self.begin
    }

    /// Elements of the fastest dimension; 1 for a scalar.
    pub fn row_length(&self) -> u64 {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Product of the other dimensions.
    pub fn rows(&self) -> u64 {
        self.shape.iter().rev().skip(1).product()
    }
}

/// Read a header from the first `bytes` of a file of `file_len` bytes; `source` names the file in messages.
pub fn parse_header(source: &str, bytes: &[u8], file_len: Option<u64>) -> Result<Header, SafetensorsError> {
    let (json, data_offset) = json(bytes, file_len)?;
    let entries = entries(json)
        .map_err(|problem| SafetensorsError::Header { source_name: source.to_owned(), problem })?;
    let mut tensors = entries.into_iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
    tensors.sort_by_key(|tensor| (tensor.begin, tensor.end));
    let end = check_extents(&tensors)?;
    let file_bytes = data_offset.saturating_add(end);
    match (file_len, tensors.last()) {
        (Some(file_len), Some(last)) if file_len < file_bytes => {
            Err(SafetensorsError::Truncated { tensor: last.name.clone(), end: file_bytes, file_len })
        }
        _ => Ok(Header { source: source.to_owned(), tensors, file_bytes }),
    }
}

fn tensor(entry: Entry) -> Result<TensorInfo, SafetensorsError> {
    let Entry { name, dtype, shape, data_offsets: [begin, end] } = entry;
    let wrong = |problem: String| SafetensorsError::Tensor { tensor: name.clone(), problem };
    let block = DTYPES.iter().find(|(known, _)| *known == dtype).map(|(_, block)| *block);
    let block = block.ok_or_else(|| {
        let known: Vec<&str> = DTYPES.iter().map(|(known, _)| *known).collect();
        wrong(format!("has type {dtype:?}; expected one of {}", known.join(", ")))
    })?;
    // Zero dimensions count as one here, so that no partial product overflows either.
    let product = shape
        .iter()
        .try_fold(1_u64, |product, size| product.checked_mul((*size).max(1)).filter(|p| *p <= 1 << 53));
    if product.is_none() {
        return Err(wrong(format!("has shape {shape:?}; expected at most 2^53 elements")));
    }
    let elements: u64 = shape.iter().product();
    let bytes = elements / block.elements() * block.bytes();
    if !elements.is_multiple_of(block.elements()) {
        return Err(wrong(format!("has {elements} elements of {dtype}, which do not fill whole bytes")));
    }
    if end.checked_sub(begin) != Some(bytes) {
        return Err(wrong(format!(
            "has data offsets {begin} to {end}; expected {bytes} bytes for {shape:?} of {dtype}"
        )));
    }
    Ok(TensorInfo { name, block, shape, begin, end })
}

/// The format wants data without gaps; returns where they end.
fn check_extents(tensors: &[TensorInfo]) -> Result<u64, SafetensorsError> {
    tensors.iter().try_fold(0, |expected, tensor| {
        if tensor.begin == expected {
            return Ok(tensor.end);
        }
        let problem = format!(
            "starts at data byte {}; expected {expected}, where the one before it ends",
            tensor.begin
        );
        Err(SafetensorsError::Tensor { tensor: tensor.name.clone(), problem })
    })
}
