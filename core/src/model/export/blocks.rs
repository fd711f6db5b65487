//! Blocks of made-up weights: random codes under small finite scales, so that a runtime computes with them as with real
//! ones. A hole would do for sizes, but nothing reads a hole from storage.

use crate::storage::mix64;
use crate::weights::BlockType;

/// A tensor's place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// First byte in the file.
    pub offset: u64,
    /// Bytes, without padding.
    pub bytes: u64,
    /// Type of its blocks.
    pub block: BlockType,
    /// A norm's weights or a bias: ones.
    pub vector: bool,
}

/// Where a block type keeps its half-precision scales, and what is written there.
struct Scales {
    places: &'static [usize],
    value: u16,
}

/// 0.0039: with codes of 4 to 8 bits a weight is below 0.5 and mostly below 0.1.
const SMALL: u16 = 0x1C00;
/// 0.00003, for blocks whose scales are themselves scaled by up to 6 bits.
const SMALLER: u16 = 0x0200;
/// 0.000007, for those scaled by up to 7 bits.
const SMALLEST: u16 = 0x0078;

/// The scales of a type; `None` where any bits would be a finite number or the type is not made.
const fn scales(block: BlockType) -> Option<Scales> {
    let (places, value): (&'static [usize], u16) = match block {
        BlockType::Q4_0 | BlockType::Q5_0 | BlockType::Q8_0 | BlockType::Iq4Nl => (&[0], SMALL),
        BlockType::Q4_1 | BlockType::Q5_1 => (&[0, 2], SMALL),
        BlockType::Q2K => (&[80, 82], SMALLER),
        BlockType::Q3K => (&[108], SMALLER),
        BlockType::Q4K | BlockType::Q5K => (&[0, 2], SMALLER),
        BlockType::Q6K => (&[208], SMALLEST),
        BlockType::Iq4Xs => (&[0], SMALLER),
        _ => return None,
    };
    Some(Scales { places, value })
}

impl Placed {
    /// Fill `out` with the tensor's bytes from byte `from`, which is a multiple of the block's size; `false` when blocks
    /// of this type are not made.
    pub fn fill(&self, from: u64, out: &mut [u8]) -> bool {
        let width = usize::try_from(self.block.bytes()).unwrap_or(1);
        let seed = mix64(self.offset);
        for (index, chunk) in out.chunks_mut(8).enumerate() {
            let word = mix64(seed.wrapping_add(from).wrapping_add(index as u64 * 8)).to_le_bytes();
            chunk.iter_mut().zip(word).for_each(|(byte, source)| *byte = source);
        }
        match self.block {
            BlockType::F32 => out.chunks_exact_mut(4).for_each(|number| {
                let value = if self.vector { 1.0 } else { weight(number) };
                number.copy_from_slice(&value.to_le_bytes());
            }),
            // Sign and mantissa stay; the exponent becomes that of a number below 1/16.
            BlockType::F16 => out.chunks_exact_mut(2).for_each(|n| n[1] = (n[1] & 0x83) | 0x24),
            BlockType::Bf16 => out.chunks_exact_mut(2).for_each(|n| n[1] = (n[1] & 0x80) | 0x3C),
            block => {
                let Some(scales) = scales(block) else { return false };
                for chunk in out.chunks_exact_mut(width) {
                    for place in scales.places {
                        chunk[*place..place + 2].copy_from_slice(&scales.value.to_le_bytes());
                    }
                }
            }
        }
        true
    }
}

/// Between -0.05 and 0.05, by the first two of four bytes.
fn weight(bytes: &[u8]) -> f32 {
    f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0 * 0.05
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::dequantise::dequantise;

    /// Every type that a stock format uses gives small finite numbers that differ from one another.
    #[test]
    fn made_blocks_are_small_finite_weights() {
        for block in [
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
        ] {
            let count = 64 * usize::try_from(block.elements()).unwrap();
            let bytes = 64 * block.bytes();
            let placed = Placed { offset: 4096, bytes, block, vector: false };
            let mut out = vec![0; usize::try_from(bytes).unwrap()];
            assert!(placed.fill(0, &mut out), "{}", block.name());
            let mut again = vec![0; out.len() / 2];
            assert!(placed.fill(bytes / 2, &mut again));
            assert_eq!(again, out[out.len() / 2..], "{}: by parts", block.name());
            let mut weights = vec![f32::NAN; count];
            if dequantise(block, &out, &mut weights).is_ok() {
                assert!(weights.iter().all(|weight| weight.abs() < 0.6), "{}", block.name());
                assert!(weights.iter().any(|weight| *weight != weights[0]), "{}", block.name());
            }
        }
        let mut ones = [0; 8];
        assert!(Placed { offset: 0, bytes: 8, block: BlockType::F32, vector: true }.fill(0, &mut ones));
        assert_eq!(ones, [0, 0, 128, 63, 0, 0, 128, 63]);
        let unknown = Placed { offset: 0, bytes: 66, block: BlockType::Iq2Xxs, vector: false };
        assert!(!unknown.fill(0, &mut [0; 66]));
    }
}
