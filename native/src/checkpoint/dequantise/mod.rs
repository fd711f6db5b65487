//! Quantised blocks to f32, bit for bit as the GGUF format's reference does it.
//!
//! Each kernel decodes one block; rows of a tensor are spread over all cores. The arithmetic keeps the order of
//! operations of ggml's `dequantize_row_*` (llama.cpp, `ggml-quants.c`), so no fused multiply-add appears here.

mod k_quants;
mod legacy;
mod lookup;

#[cfg(test)]
mod tests;

use dhurandhar_core::weights::BlockType;
use half::{bf16, f16};
use rayon::prelude::*;

/// Elements from which spreading over threads pays.
const PARALLEL_ELEMENTS: usize = 1 << 15;

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

/// Types that [`into`] decodes.
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

/// Decode `bytes` of `block` into `out`.
///
/// Errors when the type has no kernel or the bytes are not exactly `out.len()` elements.
pub fn into(block: BlockType, bytes: &[u8], out: &mut [f32]) -> Result<(), DequantiseError> {
    let kernel = kernel(block).ok_or(DequantiseError::Unsupported(block))?;
    let (elements, size) = block_shape(block);
    if !out.len().is_multiple_of(elements) || bytes.len() != out.len() / elements * size {
        return Err(DequantiseError::Length { block, bytes: bytes.len(), elements: out.len() });
    }
    // Plain floats have no block structure: hand them over in runs.
    let run = if elements == 1 { PARALLEL_ELEMENTS } else { elements };
    let run_bytes = run / elements * size;
    let each = |(out, bytes): (&mut [f32], &[u8])| kernel(bytes, out);
    if out.len() < PARALLEL_ELEMENTS {
        out.chunks_mut(run).zip(bytes.chunks(run_bytes)).for_each(each);
    } else {
        let least = (PARALLEL_ELEMENTS / run).max(1);
        out.par_chunks_mut(run).zip(bytes.par_chunks(run_bytes)).with_min_len(least).for_each(each);
    }
    Ok(())
}

/// Elements and bytes of a block, as machine words.
fn block_shape(block: BlockType) -> (usize, usize) {
    let word = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    (word(block.elements()), word(block.bytes()))
}

/// The f16 at `offset`, widened.
fn f16_at(bytes: &[u8], offset: usize) -> f32 {
    f16::from_le_bytes([bytes[offset], bytes[offset + 1]]).to_f32()
}
