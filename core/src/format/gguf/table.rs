//! The tensor table: names, shapes, types and where the data lie.

use super::GgufError;
use super::cursor::Cursor;
use crate::leaf::BlockType;
use std::collections::HashSet;

/// Longest tensor name accepted, in bytes (llama.cpp stops at 63).
const MAX_NAME: u64 = 1_024;
const MAX_DIMENSIONS: u32 = 4;

/// An entry of the tensor table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name in the file.
    pub name: String,
    /// Elements in a row: the first dimension, along which quantisation blocks run.
    pub row_length: u64,
    /// The other dimensions' product.
    pub rows: u64,
    /// The last dimension (experts, in an expert stack).
    pub last: u64,
    /// Number of dimensions.
    pub dimensions: u32,
    /// Storage type.
    pub block: BlockType,
    /// Position of the data after the data offset, in bytes.
    pub offset: u64,
    /// Size of the data without padding, in bytes.
    pub bytes: u64,
}

pub(super) fn read(
    cursor: &mut Cursor<'_>,
    count: u64,
    alignment: u64,
    block_of: impl Fn(u32) -> Option<BlockType>,
) -> Result<Vec<TensorInfo>, GgufError> {
    let mut tensors = Vec::new();
    let mut seen = HashSet::new();
    for _ in 0..count {
        let offset = cursor.position();
        let name = cursor.name("a tensor name", MAX_NAME)?;
        if !seen.insert(name) {
            return Err(GgufError::Duplicate { offset, what: "tensor", name: name.to_owned() });
        }
        tensors.push(entry(cursor, name, alignment, &block_of)?);
    }
    Ok(tensors)
}

fn entry(
    cursor: &mut Cursor<'_>,
    name: &str,
    alignment: u64,
    block_of: impl Fn(u32) -> Option<BlockType>,
) -> Result<TensorInfo, GgufError> {
    let (dimensions, shape) = shape(cursor, name)?;
    let code = cursor.u32(&format!("the type of `{name}`"))?;
    let block = block_of(code).ok_or_else(|| GgufError::UnknownType {
        offset: cursor.position().saturating_sub(4),
        tensor: name.to_owned(),
        code,
        what: whose(code),
    })?;
    let [row_length, second, third, fourth] = shape;
    // `shape` has checked that the product fits.
    let rows = second * third * fourth;
    if !row_length.is_multiple_of(block.elements()) {
        let expected = format!("a multiple of {}, the block of {}", block.elements(), block.name());
        return Err(cursor.malformed(
            4,
            &format!("the row length of `{name}`"),
            row_length.to_string(),
            expected,
        ));
    }
    let bytes = block.size(rows, row_length);
    let what = || format!("the offset of `{name}`");
    let offset = cursor.u64(&what())?;
    if !offset.is_multiple_of(alignment) {
        let expected = format!("a multiple of the alignment, {alignment}");
        return Err(cursor.malformed(8, &what(), offset.to_string(), expected));
    }
    if offset.checked_add(bytes).is_none_or(|end| end > i64::MAX.unsigned_abs()) {
        return Err(cursor.malformed(8, &what(), offset.to_string(), "a position within a file"));
    }
    let last = match dimensions {
        4 => fourth,
        3 => third,
        _ => second,
    };
    Ok(TensorInfo { name: name.to_owned(), row_length, rows, last, dimensions, block, offset, bytes })
}

/// Whose type an unlisted code is.
const fn whose(code: u32) -> &'static str {
    match code {
        4 | 5 => "a type that llama.cpp gave up in 2023 (q4_2, q4_3); expected one that it has today",
        31..=33 | 36..=38 => {
            "an interleaved type that llama.cpp gave up in 2024 (q4_0_4_4 and its like); expected q4_0 or iq4_nl"
        }
        97..=399 => {
            "a type of the fork ik_llama.cpp, whose size is not known here; expected one of llama.cpp's"
        }
        _ => "which no GGML type listed here has",
    }
}

/// Dimensions padded with ones; their product stays within 63 bits.
fn shape(cursor: &mut Cursor<'_>, name: &str) -> Result<(u32, [u64; 4]), GgufError> {
    let what = || format!("the number of dimensions of `{name}`");
    let dimensions = cursor.u32(&what())?;
    if dimensions > MAX_DIMENSIONS {
        return Err(cursor.malformed(
            4,
            &what(),
            dimensions.to_string(),
            format!("at most {MAX_DIMENSIONS}"),
        ));
    }
    let mut shape = [1; 4];
    let mut elements = 1_u64;
    for dimension in shape.iter_mut().take(dimensions as usize) {
        let what = || format!("a dimension of `{name}`");
        *dimension = cursor.u64(&what())?;
        elements = match elements.checked_mul(*dimension) {
            Some(elements) if *dimension > 0 && elements <= 1 << 53 => elements,
            _ => {
                return Err(cursor.malformed(
                    8,
                    &what(),
                    dimension.to_string(),
                    "sizes above 0 with a product of at most 2^53",
                ));
            }
        };
    }
    Ok((dimensions, shape))
}

/// Check that data neither overlap nor leave the file; the end of the last, padded, is the file's size.
pub(super) fn check_extents(
    tensors: &[TensorInfo],
    data_offset: u64,
    alignment: u64,
    file_len: Option<u64>,
) -> Result<u64, GgufError> {
    let mut order: Vec<&TensorInfo> = tensors.iter().collect();
    order.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    for pair in order.windows(2) {
        if let [first, second] = pair
            && first.offset + first.bytes > second.offset
        {
            let end = first.offset + first.bytes;
            let problem = format!(
                "starts at data byte {}, inside `{}`, which ends at {end}",
                second.offset, first.name
            );
            return Err(GgufError::Tensor { tensor: second.name.clone(), problem });
        }
    }
    let Some(last) = order.last() else { return Ok(data_offset) };
    let end = data_offset.saturating_add(last.offset).saturating_add(last.bytes);
    match file_len {
        Some(file_len) if file_len < end => {
            Err(GgufError::Truncated { tensor: last.name.clone(), end, file_len })
        }
        _ => Ok(end.next_multiple_of(alignment)),
    }
}
