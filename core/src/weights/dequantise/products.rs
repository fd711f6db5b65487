//! Inner products of stored rows with vectors of 16-bit integers, without writing the row down.
//!
//! A block's integers are multiplied and added exactly, and each sum is scaled once; results are the same bits on every
//! instruction set. Loops over SIMD values are written out: a closure handed to `map` is compiled without the instruction set.

#![expect(clippy::inline_always, reason = "intrinsics must be inlined into the function that enables them")]

use crate::codec::{Isa, Kernel, Simd};

use super::super::BlockType;
use super::f16_at;
use super::vectors::{Coded, One, SUMMED};

/// Types whose products need no decoded row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fused {
    /// `d (q - 8)`.
    Q4_0,
    /// `d q + m`.
    Q4_1,
    /// `d (q - 16)`.
    Q5_0,
    /// `d q + m`.
    Q5_1,
    /// `d q`.
    Q8_0,
    /// `d sc q - dmin m`.
    Q4K,
    /// The same with five bits.
    Q5K,
    /// `d sc (q - 32)`.
    Q6K,
}

impl Fused {
    pub(super) fn of(block: BlockType) -> Option<Self> {
        Some(match block {
            BlockType::Q4_0 => Self::Q4_0,
            BlockType::Q4_1 => Self::Q4_1,
            BlockType::Q5_0 => Self::Q5_0,
            BlockType::Q5_1 => Self::Q5_1,
            BlockType::Q8_0 => Self::Q8_0,
            BlockType::Q4K => Self::Q4K,
            BlockType::Q5K => Self::Q5K,
            BlockType::Q6K => Self::Q6K,
            _ => return None,
        })
    }

    /// Numbers of a vector that share a scale: those of a block.
    pub(super) fn group(self) -> usize {
        if matches!(self, Self::Q4K | Self::Q5K | Self::Q6K) { 256 } else { 32 }
    }

    /// The inner products of stored rows with vectors of as many elements, row by row.
    pub(super) fn products(
        self,
        isa: Isa,
        rows: core::slice::ChunksExact<'_, u8>,
        vectors: &Coded,
        out: &mut [f32],
    ) {
        isa.run(Products { fused: self, rows, vectors, out });
    }
}

struct Products<'a> {
    fused: Fused,
    rows: core::slice::ChunksExact<'a, u8>,
    vectors: &'a Coded,
    out: &'a mut [f32],
}

impl Kernel for Products<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.fused {
            Fused::Q4_0 => self.each(|row, x| four_bits::<S, 18>(simd, row, x)),
            Fused::Q4_1 => self.each(|row, x| four_bits::<S, 20>(simd, row, x)),
            Fused::Q5_0 => self.each(|row, x| five_bits::<S, 22>(simd, row, x)),
            Fused::Q5_1 => self.each(|row, x| five_bits::<S, 24>(simd, row, x)),
            Fused::Q8_0 => self.each(|row, x| eight_bits(simd, row, x)),
            Fused::Q4K => self.each(|row, x| super_blocks::<S, 144>(simd, row, x)),
            Fused::Q5K => self.each(|row, x| super_blocks::<S, 176>(simd, row, x)),
            Fused::Q6K => self.each(|row, x| six_bits(simd, row, x)),
        }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn each(self, product: impl Fn(&[u8], One<'_>) -> f32) {
        let count = self.out.len() / self.rows.len().max(1);
        for (row, out) in self.rows.zip(self.out.chunks_exact_mut(count.max(1))) {
            for (out, vector) in out.iter_mut().zip(self.vectors.each()) {
                *out = product(row, vector);
            }
        }
    }
}

/// The f16 at `offset`, without asking each time what the processor can do.
#[inline(always)]
fn scale(bytes: &[u8], offset: usize) -> f32 {
    const EXPONENT: u16 = 0x7C00;
    // Exponents of f32 start 112 below those of f16.
    const SHIFT: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u16::from_le_bytes([bytes[offset], bytes[offset + 1]]);
    if bits & EXPONENT == EXPONENT {
        return f16_at(bytes, offset);
    }
    let magnitude = f32::from_bits(u32::from(bits & !0x8000) << 13) * SHIFT;
    f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// The products of 32 codes with 32 integers, summed in lanes and scaled.
#[inline(always)]
fn scaled_sum<S: Simd>(simd: S, codes: [S::W; 2], x: &[i16; 32], scale: f32) -> S::F {
    let (halves, _) = x.as_chunks::<16>();
    let sum = simd.dot_words(simd.int(0), codes[0], simd.load_words(&halves[0]));
    let sum = simd.dot_words(sum, codes[1], simd.load_words(&halves[1]));
    simd.mul(simd.splat(scale), simd.int_floats(sum))
}

/// Blocks of `SIZE` bytes that end in sixteen of nibbles: 18 with a scale, 20 with a scale and a minimum.
#[inline(always)]
fn four_bits<S: Simd, const SIZE: usize>(simd: S, bytes: &[u8], vector: One<'_>) -> f32 {
    let (mut total, mut minima) = (simd.splat(0.0), 0.0);
    let middle = simd.splat_words(8);
    let blocks = bytes.as_chunks::<SIZE>().0.iter().zip(vector.codes.as_chunks::<32>().0);
    for ((block, x), (scaled, sum)) in blocks.zip(vector.scales.iter().zip(vector.sums)) {
        let Some(packed) = block.last_chunk::<16>() else { continue };
        let (low, high) = simd.nibbles(simd.load_bytes(packed));
        let mut codes = [simd.words(low), simd.words(high)];
        if SIZE == 18 {
            codes = [simd.sub_words(codes[0], middle), simd.sub_words(codes[1], middle)];
        } else {
            minima += scale(block, 2) * sum;
        }
        total = simd.add(total, scaled_sum(simd, codes, x, scale(block, 0) * scaled));
    }
    simd.sum(total) + minima
}

/// The same with fifth bits before the nibbles: 22 with a scale, 24 with a scale and a minimum.
#[inline(always)]
fn five_bits<S: Simd, const SIZE: usize>(simd: S, bytes: &[u8], vector: One<'_>) -> f32 {
    let (mut total, mut minima) = (simd.splat(0.0), 0.0);
    let middle = simd.splat_words(16);
    let blocks = bytes.as_chunks::<SIZE>().0.iter().zip(vector.codes.as_chunks::<32>().0);
    for ((block, x), (scaled, sum)) in blocks.zip(vector.scales.iter().zip(vector.sums)) {
        let Some(&[a, b, c, d, ref packed @ ..]) = block.last_chunk::<20>() else { continue };
        let (low, high) = simd.nibbles(simd.load_bytes(packed));
        let low = simd.or_bytes(low, simd.spread_bits(u16::from_le_bytes([a, b])));
        let high = simd.or_bytes(high, simd.spread_bits(u16::from_le_bytes([c, d])));
        let mut codes = [simd.words(low), simd.words(high)];
        if SIZE == 22 {
            codes = [simd.sub_words(codes[0], middle), simd.sub_words(codes[1], middle)];
        } else {
            minima += scale(block, 2) * sum;
        }
        total = simd.add(total, scaled_sum(simd, codes, x, scale(block, 0) * scaled));
    }
    simd.sum(total) + minima
}

/// A scale and 32 signed bytes.
#[inline(always)]
fn eight_bits<S: Simd>(simd: S, bytes: &[u8], vector: One<'_>) -> f32 {
    let mut total = simd.splat(0.0);
    let blocks = bytes.as_chunks::<34>().0.iter().zip(vector.codes.as_chunks::<32>().0);
    for ((block, x), scaled) in blocks.zip(vector.scales) {
        let (halves, _) = block[2..].as_chunks::<16>();
        let codes =
            [simd.signed_words(simd.load_bytes(&halves[0])), simd.signed_words(simd.load_bytes(&halves[1]))];
        total = simd.add(total, scaled_sum(simd, codes, x, scale(block, 0) * scaled));
    }
    simd.sum(total)
}

/// Scales and minima of the eight sub-blocks of a super-block, 6 bits each in 12 bytes.
#[inline(always)]
fn scales_and_minima(packed: &[u8; 12]) -> ([u8; 8], [u8; 8]) {
    let word = |at: usize| u32::from_le_bytes([packed[at], packed[at + 1], packed[at + 2], packed[at + 3]]);
    let (a, b, c) = (word(0), word(4), word(8));
    let top = |word: u32| (word >> 6 & 0x0303_0303) << 4;
    let join = |low: u32, high: u32| (u64::from(low) | u64::from(high) << 32).to_le_bytes();
    let scales = join(a & 0x3f3f_3f3f, c & 0x0f0f_0f0f | top(a));
    let minima = join(b & 0x3f3f_3f3f, c >> 4 & 0x0f0f_0f0f | top(b));
    (scales, minima)
}

/// Super-blocks of 256 in eight sub-blocks: 144 bytes with four bits a code, 176 with five.
///
/// The sums of a super-block stay below 2^31: 31 x 63 x 32767 x 4 x 8 in a lane.
#[inline(always)]
fn super_blocks<S: Simd, const SIZE: usize>(simd: S, bytes: &[u8], vector: One<'_>) -> f32 {
    let (mut total, mut minima) = (simd.splat(0.0), 0.0);
    let blocks = bytes.as_chunks::<SIZE>().0.iter().zip(vector.codes.as_chunks::<256>().0);
    let around = vector.scales.iter().zip(vector.sums.as_chunks::<{ 256 / SUMMED }>().0);
    for ((block, x), (scaled, sums)) in blocks.zip(around) {
        let Some(packed) = block[4..].first_chunk::<12>() else { continue };
        let (scales, least) = scales_and_minima(packed);
        let Some(codes) = block.last_chunk::<128>() else { continue };
        let (codes, _) = codes.as_chunks::<16>();
        let (x, _) = x.as_chunks::<16>();
        let mut sum = simd.int(0);
        let (fifths, _) = block[16..].as_chunks::<16>();
        for part in 0..2 {
            // Pairs of sub-blocks share 32 bytes: low nibbles, then high ones.
            for pair in 0..4 {
                let (mut low, mut high) = simd.nibbles(simd.load_bytes(&codes[2 * pair + part]));
                if SIZE == 176 {
                    let fifths = simd.load_bytes(&fifths[part]);
                    low = simd.or_bytes(low, simd.fifth_bits(fifths, 1 << (2 * pair)));
                    high = simd.or_bytes(high, simd.fifth_bits(fifths, 2 << (2 * pair)));
                }
                let low = simd.mul_words(simd.words(low), simd.splat_words(i16::from(scales[2 * pair])));
                sum = simd.dot_words(sum, low, simd.load_words(&x[4 * pair + part]));
                let high =
                    simd.mul_words(simd.words(high), simd.splat_words(i16::from(scales[2 * pair + 1])));
                sum = simd.dot_words(sum, high, simd.load_words(&x[4 * pair + 2 + part]));
            }
        }
        let least: f32 = sums.iter().zip(least).map(|(sum, least)| sum * f32::from(least)).sum();
        minima += scale(block, 2) * least;
        let scale = simd.splat(scale(block, 0) * scaled);
        total = simd.add(total, simd.mul(scale, simd.int_floats(sum)));
    }
    simd.sum(total) - minima
}

/// Super-blocks of 256 in sixteen sub-blocks of six bits.
///
/// The sums of half a super-block stay below 2^31: 32 x 128 x 32767 x 2 x 8 in a lane.
#[inline(always)]
fn six_bits<S: Simd>(simd: S, bytes: &[u8], vector: One<'_>) -> f32 {
    let mut total = simd.splat(0.0);
    let middle = simd.splat_words(32);
    let blocks = bytes.as_chunks::<210>().0.iter().zip(vector.codes.as_chunks::<256>().0);
    for ((block, x), scaled) in blocks.zip(vector.scales) {
        let (pieces, _) = block.as_chunks::<16>();
        let (x, _) = x.as_chunks::<16>();
        let scaled = simd.splat(scale(block, 208) * scaled);
        for half in 0..2 {
            let mut sum = simd.int(0);
            for part in 0..2 {
                let low = simd.nibbles(simd.load_bytes(&pieces[4 * half + part]));
                let next = simd.nibbles(simd.load_bytes(&pieces[4 * half + 2 + part]));
                let top = simd.load_bytes(&pieces[8 + 2 * half + part]);
                let quarters = [
                    simd.or_bytes(low.0, simd.top_bits::<0>(top)),
                    simd.or_bytes(next.0, simd.top_bits::<2>(top)),
                    simd.or_bytes(low.1, simd.top_bits::<4>(top)),
                    simd.or_bytes(next.1, simd.top_bits::<6>(top)),
                ];
                for (quarter, code) in quarters.iter().enumerate() {
                    let at = 8 * half + 2 * quarter + part;
                    let scale = simd.splat_words(i16::from(block[192 + at].cast_signed()));
                    let code = simd.mul_words(simd.sub_words(simd.words(*code), middle), scale);
                    sum = simd.dot_words(sum, code, simd.load_words(&x[at]));
                }
            }
            total = simd.add(total, simd.mul(scaled, simd.int_floats(sum)));
        }
    }
    simd.sum(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::Random;
    use crate::weights::dequantise::dequantise;
    use half::f16;

    const FUSED: [BlockType; 8] = [
        BlockType::Q4_0,
        BlockType::Q4_1,
        BlockType::Q5_0,
        BlockType::Q5_1,
        BlockType::Q8_0,
        BlockType::Q4K,
        BlockType::Q5K,
        BlockType::Q6K,
    ];

    #[test]
    fn scales_are_those_of_the_half_crate() {
        for bits in 0..=u16::MAX {
            let (own, other) = (scale(&bits.to_le_bytes(), 0), f16::from_bits(bits).to_f32());
            assert!(own.to_bits() == other.to_bits() || (own.is_nan() && other.is_nan()), "{bits:#x}");
        }
    }

    /// Where a block keeps its scales.
    fn scales(block: BlockType) -> &'static [usize] {
        match block {
            BlockType::Q4_1 | BlockType::Q5_1 | BlockType::Q4K | BlockType::Q5K => &[1, 3],
            BlockType::Q6K => &[209],
            _ => &[1],
        }
    }

    /// The product of a row of blocks, that of the decoded row, and how far apart rounding lets them be.
    fn compared(block: BlockType, bytes: &[u8], vector: &[f32]) -> (f32, f64, f64) {
        let fused = Fused::of(block).unwrap();
        let mut row = vec![0.0; vector.len()];
        dequantise(block, bytes, &mut row).unwrap();
        let terms = row.iter().zip(vector).map(|(a, b)| f64::from(*a) * f64::from(*b));
        let (exact, size): (f64, f64) = (terms.clone().sum(), terms.map(f64::abs).sum());
        // Half a step of the vector's integers for every weight, and the sums' own rounding.
        let groups = row.chunks_exact(fused.group()).zip(vector.chunks_exact(fused.group()));
        let steps = groups.map(|(row, x)| {
            let largest = x.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            row.iter().map(|w| f64::from(w.abs())).sum::<f64>() * f64::from(largest) / 65_534.0
        });
        let apart = 1.05 * steps.sum::<f64>() + 3e-6 * size;
        let coded = Coded::new(vector, vector.len(), fused.group()).unwrap();
        let on = |isa: Isa| {
            let mut out = [0.0];
            fused.products(isa, bytes.chunks_exact(bytes.len()), &coded, &mut out);
            out[0]
        };
        let product = on(Isa::detect());
        assert_eq!(product.to_bits(), on(Isa::SCALAR).to_bits(), "{block:?}");
        (product, exact, apart)
    }

    #[test]
    fn the_largest_codes_and_vectors_overflow_nothing() {
        for block in FUSED {
            let (elements, size) = crate::weights::dequantise::block_shape(block);
            for byte in [0xff, 0x80, 0x7f, 0] {
                let mut bytes = vec![byte; size];
                for at in scales(block) {
                    bytes[at - 1] = 0;
                    bytes[*at] = 0x3c;
                }
                for vector in [vec![1.0; elements], vec![-1.0; elements]] {
                    let (product, exact, apart) = compared(block, &bytes, &vector);
                    let error = (f64::from(product) - exact).abs();
                    assert!(error <= apart + 1e-6, "{block:?} {byte:#x}: {product} {exact}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn products_are_those_of_decoded_rows_and_the_same_bits_everywhere(
            seed in any::<u64>(), count in 1_usize..12,
        ) {
            for block in FUSED {
                let (elements, size) = crate::weights::dequantise::block_shape(block);
                let vector = Random::new(seed, 2).normals(count * elements);
                let mut random = Random::new(seed, 3);
                let mut bytes: Vec<u8> = (0..count * size).map(|_| random.bits().to_le_bytes()[0]).collect();
                for stored in bytes.chunks_exact_mut(size) {
                    // Scales and minima of either sign, near 0.01.
                    for at in scales(block) {
                        stored[*at] = stored[*at] & 0x80 | 0x21;
                    }
                }
                let (product, exact, apart) = compared(block, &bytes, &vector);
                let error = (f64::from(product) - exact).abs();
                prop_assert!(error <= apart + 1e-9, "{:?} {} {}", block, product, exact);
            }
        }
    }
}
