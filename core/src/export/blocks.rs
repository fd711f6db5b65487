//! Blocks of made-up weights: random codes under small finite scales, so that a runtime computes with them as with real
//! ones. A hole would do for sizes, but nothing reads a hole from storage.

use crate::leaf::BlockType;
use crate::leaf::mix64;

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
    /// The token table: larger, so that a token's own row decides what the layers see of it and which experts they ask.
    pub tokens: bool,
}

/// Half-precision numbers of a block: where they stand, and what they are.
type Halves = &'static [(usize, u16)];

/// The scales of a type; `None` where any bits would be a finite number or the type is not made.
///
/// A block's offset cancels the mean of its codes: matrices whose entries have a mean send every token the same way, and
/// a router then asks the same experts for all.
const fn halves(block: BlockType) -> Option<Halves> {
    // 0.0039 under codes of 4 to 8 bits; 0.00003 where scales are themselves scaled by up to 6 bits, 0.000007 by 7.
    Some(match block {
        BlockType::Q4_0 | BlockType::Q5_0 | BlockType::Q8_0 | BlockType::Iq4Nl => &[(0, 0x1C00)],
        // 7.5 and 15.5 times the scale, taken away.
        BlockType::Q4_1 => &[(0, 0x1C00), (2, 0xA780)],
        BlockType::Q5_1 => &[(0, 0x1C00), (2, 0xABC0)],
        // 1.5, 7.5 and 15.5 times the scale.
        BlockType::Q2K => &[(80, 0x1000), (82, 0x1200)],
        BlockType::Q4K => &[(0, 0x0200), (2, 0x0B80)],
        BlockType::Q5K => &[(0, 0x0200), (2, 0x0FC0)],
        BlockType::Q3K => &[(108, 0x0200)],
        BlockType::Q6K => &[(208, 0x0078)],
        BlockType::Iq4Xs => &[(0, 0x0200)],
        _ => return None,
    })
}

/// Give every part of a block the same scale for its codes as for their offset.
fn pair_scales(block: BlockType, bytes: &mut [u8]) {
    match block {
        BlockType::Q2K => bytes[..16].iter_mut().for_each(|pair| *pair = (*pair & 15) * 17),
        BlockType::Q4K | BlockType::Q5K => {
            bytes.copy_within(4..8, 8);
            bytes[12..16].iter_mut().for_each(|pair| *pair = (*pair & 15) * 17);
        }
        _ => {}
    }
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
                let Some(halves) = halves(block) else { return false };
                for chunk in out.chunks_exact_mut(width) {
                    for (place, value) in halves {
                        let value = if self.tokens { louder(*value) } else { *value };
                        chunk[*place..place + 2].copy_from_slice(&value.to_le_bytes());
                    }
                    pair_scales(block, chunk);
                }
            }
        }
        true
    }
}

/// A half-precision number times 32.
const fn louder(half: u16) -> u16 {
    let (sign, mut bits, mut exponent) = (half & 0x8000, half & 0x7FFF, 5);
    if bits < 0x400 {
        // A subnormal: its leading one moves to the hidden place.
        exponent += 1;
        while bits != 0 && bits < 0x400 {
            bits <<= 1;
            exponent -= 1;
        }
        bits = bits.saturating_sub(0x400);
    }
    sign | (bits + exponent * 0x400)
}

/// Between -0.05 and 0.05, by the first two of four bytes.
fn weight(bytes: &[u8]) -> f32 {
    f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0 * 0.05
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::dequantise::dequantise;

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
            let placed = Placed { offset: 4096, bytes, block, vector: false, tokens: false };
            let mut out = vec![0; usize::try_from(bytes).unwrap()];
            assert!(placed.fill(0, &mut out), "{}", block.name());
            let mut again = vec![0; out.len() / 2];
            assert!(placed.fill(bytes / 2, &mut again));
            assert_eq!(again, out[out.len() / 2..], "{}: by parts", block.name());
            let mut weights = vec![f32::NAN; count];
            if dequantise(block, &out, &mut weights).is_ok() {
                assert!(weights.iter().all(|weight| weight.abs() < 0.6), "{}", block.name());
                let sum: f32 = weights.iter().sum();
                let square: f32 = weights.iter().map(|weight| weight * weight).sum();
                let (mean, spread) = (sum / count as f32, (square / count as f32).sqrt());
                assert!(spread > 0.001 && mean.abs() < spread / 5.0, "{}: {mean} {spread}", block.name());
            }
        }
        // 2^-15, 2^-8 and -0.0293.
        assert_eq!([louder(0x0200), louder(0x1C00), louder(0xA780)], [0x1400, 0x3000, 0xBB80]);
        let mut ones = [0; 8];
        assert!(
            Placed { offset: 0, bytes: 8, block: BlockType::F32, vector: true, tokens: false }
                .fill(0, &mut ones)
        );
        assert_eq!(ones, [0, 0, 128, 63, 0, 0, 128, 63]);
        let unknown = Placed { offset: 0, bytes: 66, block: BlockType::Iq2Xxs, vector: false, tokens: false };
        assert!(!unknown.fill(0, &mut [0; 66]));
    }
}
