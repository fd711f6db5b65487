//! Whole tensors to f32 on all cores.

use dhurandhar_core::leaf::BlockType;
use dhurandhar_core::leaf::dequantise::{DequantiseError, block_shape, dequantise};
use rayon::prelude::*;

/// Elements that one thread takes at a time: whole blocks of every type.
const RUN: usize = 1 << 15;

/// Decode `bytes` of `block` into `out`, rows spread over the cores.
pub(super) fn parallel(block: BlockType, bytes: &[u8], out: &mut [f32]) -> Result<(), DequantiseError> {
    let (elements, size) = block_shape(block);
    if out.len() <= RUN || bytes.len() != out.len() / elements * size {
        return dequantise(block, bytes, out);
    }
    let runs = out.par_chunks_mut(RUN).zip(bytes.par_chunks(RUN / elements * size));
    runs.try_for_each(|(out, bytes)| dequantise(block, bytes, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_without_a_seam() {
        let block: Vec<u8> =
            [0x00, 0x34].into_iter().chain((0u8..32).map(|code| code.wrapping_mul(7))).collect();
        let (mut one, mut many) = ([0.0; 32], vec![0.0; RUN * 3 + 32]);
        parallel(BlockType::Q8_0, &block, &mut one).unwrap();
        parallel(BlockType::Q8_0, &block.repeat(many.len() / 32), &mut many).unwrap();
        assert!(many.chunks_exact(32).all(|part| part == one));
        assert!(parallel(BlockType::Q8_0, &block, &mut many).is_err());
    }
}
