//! Quantised blocks to f32, bit for bit as the GGUF format's reference does it.
//!
//! Each kernel decodes one block. The arithmetic keeps the order of operations of ggml's `dequantize_row_*` (llama.cpp, `ggml-quants.c`), so no fused multiply-add appears here.

mod k_quants;
mod legacy;
mod lookup;
mod products;
mod vectors;

#[cfg(test)]
mod tests;

use super::BlockType;
use crate::simd::{Isa, dot_product};
use half::{bf16, f16};
use products::Fused;
use std::borrow::Cow;
use vectors::Coded;

/// Why blocks give no numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DequantiseError {
    /// No kernel for this type.
    #[error("no kernel for `{}`; expected one of {}", .0.name(), supported_names())]
    Unsupported(BlockType),
    /// The bytes are not a whole number of blocks that fill the output.
    #[error("{bytes} bytes of `{}` do not hold {elements} elements", .block.name())]
    Length {
        /// Storage type.
        block: BlockType,
        /// Bytes given.
        bytes: usize,
        /// Elements asked for.
        elements: usize,
    },
}

/// Vectors up to which rows are not decoded.
const FEW: usize = 2;

/// Types that [`dequantise`] decodes.
pub const SUPPORTED: &[BlockType] = &[
    BlockType::F32,
    BlockType::F16,
    BlockType::Bf16,
    BlockType::Q4_0,
    BlockType::Q4_1,
    BlockType::Q5_0,
    BlockType::Q5_1,
    BlockType::Q8_0,
    BlockType::Q2K,
    BlockType::Q3K,
    BlockType::Q4K,
    BlockType::Q5K,
    BlockType::Q6K,
    BlockType::Iq4Nl,
    BlockType::Iq4Xs,
    BlockType::Mxfp4,
];

fn supported_names() -> String {
    SUPPORTED.iter().map(|block| block.name()).collect::<Vec<_>>().join(", ")
}

/// Decodes one block into as many values as the type holds.
type Kernel = fn(&[u8], &mut [f32]);

fn kernel(block: BlockType) -> Option<Kernel> {
    Some(match block {
        BlockType::F32 => |bytes, out| {
            for (value, raw) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*raw);
            }
        },
        BlockType::F16 => |bytes, out| {
            for (value, raw) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *value = f16::from_le_bytes(*raw).to_f32();
            }
        },
        BlockType::Bf16 => |bytes, out| {
            for (value, raw) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *value = bf16::from_le_bytes(*raw).to_f32();
            }
        },
        BlockType::Q4_0 => legacy::q4_0,
        BlockType::Q4_1 => legacy::q4_1,
        BlockType::Q5_0 => legacy::q5_0,
        BlockType::Q5_1 => legacy::q5_1,
        BlockType::Q8_0 => legacy::q8_0,
        BlockType::Q2K => k_quants::q2,
        BlockType::Q3K => k_quants::q3,
        BlockType::Q4K => k_quants::q4,
        BlockType::Q5K => k_quants::q5,
        BlockType::Q6K => k_quants::q6,
        BlockType::Iq4Nl => lookup::iq4_nl,
        BlockType::Iq4Xs => lookup::iq4_xs,
        BlockType::Mxfp4 => lookup::mxfp4,
        _ => return None,
    })
}

/// Decodes rows of one type.
#[derive(Debug, Clone, Copy)]
pub struct RowDecoder {
    kernel: Kernel,
    elements: usize,
    size: usize,
    fused: Option<Fused>,
}

impl RowDecoder {
    /// For a type that has a kernel.
    pub fn new(block: BlockType) -> Result<Self, DequantiseError> {
        let kernel = kernel(block).ok_or(DequantiseError::Unsupported(block))?;
        let (elements, size) = block_shape(block);
        Ok(Self { kernel, elements, size, fused: Fused::of(block) })
    }

    /// Decode as many whole blocks as both sides have.
    pub fn decode(&self, bytes: &[u8], out: &mut [f32]) {
        if self.elements == 1 {
            // Plain floats have no block structure.
            (self.kernel)(bytes, out);
            return;
        }
        for (out, bytes) in out.chunks_exact_mut(self.elements).zip(bytes.chunks_exact(self.size)) {
            (self.kernel)(bytes, out);
        }
    }

    /// Vectors of `length` numbers, made ready for products with rows of this type.
    pub fn prepare<'a>(&self, vectors: impl Into<Cow<'a, [f32]>>, length: usize) -> Vectors<'a> {
        let plain = vectors.into();
        // Decoding a row pays when it serves several vectors.
        let few = plain.len() <= FEW * length;
        let coded = self.fused.filter(|_| few).and_then(|fused| fused.coded(&plain, length));
        Vectors { plain, length, coded }
    }

    /// The inner products of stored rows with each vector, row by row into `out`.
    ///
    /// `row` is room for one decoded row; `bytes` are whole rows, as many as `out` has products for each vector.
    pub fn products(&self, bytes: &[u8], row: &mut [f32], vectors: &Vectors<'_>, out: &mut [f32]) {
        let count = (vectors.plain.len() / vectors.length.max(1)).max(1);
        let stride = bytes.len() / (out.len() / count).max(1);
        let (isa, rows) = (Isa::detect(), bytes.chunks_exact(stride.max(1)));
        if let (Some(fused), Some(coded)) = (self.fused, &vectors.coded) {
            fused.products(isa, rows, coded, out);
            return;
        }
        for (bytes, out) in rows.zip(out.chunks_exact_mut(count)) {
            self.decode(bytes, row);
            for (product, vector) in out.iter_mut().zip(vectors.plain.chunks_exact(vectors.length.max(1))) {
                *product = dot_product(isa, row, vector);
            }
        }
    }
}

/// Vectors that rows are multiplied with.
#[derive(Debug, Clone)]
pub struct Vectors<'a> {
    plain: Cow<'a, [f32]>,
    length: usize,
    /// The same as integers, where products are found without decoding.
    coded: Option<Coded>,
}

/// Decode `bytes` of `block` into `out`.
///
/// Errors when the type has no kernel or the bytes are not exactly `out.len()` elements.
pub fn dequantise(block: BlockType, bytes: &[u8], out: &mut [f32]) -> Result<(), DequantiseError> {
    let decoder = RowDecoder::new(block)?;
    if !out.len().is_multiple_of(decoder.elements)
        || bytes.len() != out.len() / decoder.elements * decoder.size
    {
        return Err(DequantiseError::Length { block, bytes: bytes.len(), elements: out.len() });
    }
    decoder.decode(bytes, out);
    Ok(())
}

/// Elements and bytes of a block, as machine words.
pub fn block_shape(block: BlockType) -> (usize, usize) {
    let word = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    (word(block.elements()), word(block.bytes()))
}

/// The f16 at `offset`, widened.
fn f16_at(bytes: &[u8], offset: usize) -> f32 {
    f16::from_le_bytes([bytes[offset], bytes[offset + 1]]).to_f32()
}
