//! Inner products of stored rows with vectors of 16-bit integers, without writing the row down.
//!
//! A block's integers are multiplied and added exactly, and each sum is scaled once; results are the same bits on every
//! instruction set. Loops over SIMD values are written out: a closure handed to `map` is compiled without the instruction set.

use crate::simd::{Isa, Kernel, Simd, Split, widened};

use super::super::BlockType;
use super::vectors::{Coded, Part};

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

    /// Vectors of `length` numbers as integers; none where a number is not finite, or where blocks do not fill a vector.
    pub(super) fn coded(self, vectors: &[f32], length: usize) -> Option<Coded> {
        Coded::new(vectors, length, self.group(), self.summed())
    }

    /// Numbers of a vector that share a scale: those of a block.
    fn group(self) -> usize {
        if matches!(self, Self::Q4K | Self::Q5K | Self::Q6K) { 256 } else { 32 }
    }

    /// Numbers of a vector that are summed together: as many as share a scale or a minimum of a row.
    fn summed(self) -> usize {
        if self == Self::Q6K { 16 } else { 32 }
    }

    /// The inner products of stored rows with vectors of as many elements, row by row.
    pub(super) fn products(
        self,
        isa: Isa,
        rows: core::slice::ChunksExact<'_, u8>,
        vectors: &Coded,
        out: &mut [f32],
    ) {
        isa.run_integers(Products { fused: self, rows, vectors, out });
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
            Fused::Q4_0 => self.each(|row, x| small_blocks::<S, Four, 18>(simd, row, x)),
            Fused::Q4_1 => self.each(|row, x| small_blocks::<S, Four, 20>(simd, row, x)),
            Fused::Q5_0 => self.each(|row, x| small_blocks::<S, Five, 22>(simd, row, x)),
            Fused::Q5_1 => self.each(|row, x| small_blocks::<S, Five, 24>(simd, row, x)),
            Fused::Q8_0 => self.each(|row, x| small_blocks::<S, Eight, 34>(simd, row, x)),
            Fused::Q4K => self.each(|row, x| super_blocks::<S, 144>(simd, row, x)),
            Fused::Q5K => self.each(|row, x| super_blocks::<S, 176>(simd, row, x)),
            Fused::Q6K => self.each(|row, x| six_bits(simd, row, x)),
        }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn each(self, product: impl Fn(&[u8], &[Part]) -> f32) {
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
    widened(u16::from_le_bytes([bytes[offset], bytes[offset + 1]]))
}

/// Types whose blocks are 32 codes with a scale, and before them a minimum where there is one.
trait Small<const SIZE: usize> {
    /// A minimum follows the scale.
    const MINIMUM: bool = false;
    /// What is taken from each code.
    const MIDDLE: f32 = 0.0;
    fn dot<S: Simd>(simd: S, block: &[u8; SIZE], x: Split<'_>) -> S::I;
}

/// Four bits: 18 bytes with a scale, 20 with a scale and a minimum.
struct Four;
/// Fifth bits before the nibbles: 22 with a scale, 24 with a scale and a minimum.
struct Five;
/// Signed bytes.
struct Eight;

#[inline(always)]
fn four_bits<S: Simd, const SIZE: usize>(simd: S, block: &[u8; SIZE]) -> S::C {
    let packed = block.last_chunk::<16>().unwrap_or(&[0; 16]);
    let (low, high) = simd.nibbles(simd.load_bytes(packed));
    simd.join(low, high)
}

#[inline(always)]
fn five_bits<S: Simd, const SIZE: usize>(simd: S, block: &[u8; SIZE]) -> S::C {
    let fifths = u32::from_le_bytes([block[SIZE - 20], block[SIZE - 19], block[SIZE - 18], block[SIZE - 17]]);
    simd.or_codes(four_bits(simd, block), simd.spread_bits(fifths))
}

impl Small<18> for Four {
    const MIDDLE: f32 = 8.0;
    #[inline(always)]
    fn dot<S: Simd>(simd: S, block: &[u8; 18], x: Split<'_>) -> S::I {
        simd.dot_codes(four_bits(simd, block), x)
    }
}

impl Small<20> for Four {
    const MINIMUM: bool = true;
    #[inline(always)]
    fn dot<S: Simd>(simd: S, block: &[u8; 20], x: Split<'_>) -> S::I {
        simd.dot_codes(four_bits(simd, block), x)
    }
}

impl Small<22> for Five {
    const MIDDLE: f32 = 16.0;
    #[inline(always)]
    fn dot<S: Simd>(simd: S, block: &[u8; 22], x: Split<'_>) -> S::I {
        simd.dot_codes(five_bits(simd, block), x)
    }
}

impl Small<24> for Five {
    const MINIMUM: bool = true;
    #[inline(always)]
    fn dot<S: Simd>(simd: S, block: &[u8; 24], x: Split<'_>) -> S::I {
        simd.dot_codes(five_bits(simd, block), x)
    }
}

impl Small<34> for Eight {
    #[inline(always)]
    fn dot<S: Simd>(simd: S, block: &[u8; 34], x: Split<'_>) -> S::I {
        // Signed bytes times signed bytes have no instruction everywhere.
        let (halves, _) = block[2..].as_chunks::<16>();
        let (x, _) = x.whole.as_chunks::<16>();
        let first = simd.signed_words(simd.load_bytes(&halves[0]));
        let sum = simd.dot_words(simd.int(0), first, simd.load_words(&x[0]));
        simd.dot_words(sum, simd.signed_words(simd.load_bytes(&halves[1])), simd.load_words(&x[1]))
    }
}

/// What a row of small blocks sums up to.
struct Sums<S: Simd> {
    /// Of products, in turns.
    totals: [S::F; 2],
    /// Of what is added to each code.
    offsets: S::F,
}

/// Up to eight blocks, whose scales are read together.
#[inline(always)]
fn add_blocks<S: Simd, T: Small<SIZE>, const SIZE: usize>(
    simd: S,
    sums: &mut Sums<S>,
    blocks: &[[u8; SIZE]],
    x: &Part,
) {
    let mut halves = [[0; 8]; 2];
    for (at, block) in blocks.iter().enumerate() {
        halves[0][at] = u16::from_le_bytes([block[0], block[1]]);
        halves[1][at] = u16::from_le_bytes([block[2], block[3]]);
    }
    let mut scales = [0.0; 8];
    let stored = simd.halves(&halves[0]);
    simd.store(simd.mul(stored, simd.load(&x.scales)), &mut scales);
    let (summed, _) = x.sums.as_chunks::<8>();
    if T::MINIMUM {
        let minima = simd.mul(simd.halves(&halves[1]), simd.load(&summed[0]));
        sums.offsets = simd.add(sums.offsets, minima);
    } else if T::MIDDLE > 0.0 {
        let middles = simd.mul(simd.mul(stored, simd.splat(-T::MIDDLE)), simd.load(&summed[0]));
        sums.offsets = simd.add(sums.offsets, middles);
    }
    for (at, (block, scale)) in blocks.iter().zip(scales).enumerate() {
        let sum = T::dot(simd, block, x.split(at));
        let product = simd.mul(simd.splat(scale), simd.int_floats(sum));
        sums.totals[at % 2] = simd.add(sums.totals[at % 2], product);
    }
}

/// A row of blocks of 32.
#[inline(always)]
fn small_blocks<S: Simd, T: Small<SIZE>, const SIZE: usize>(simd: S, bytes: &[u8], x: &[Part]) -> f32 {
    let zero = simd.splat(0.0);
    let mut sums = Sums::<S> { totals: [zero; 2], offsets: zero };
    let (blocks, rest) = bytes.as_chunks::<SIZE>().0.as_chunks::<8>();
    for (blocks, x) in blocks.iter().zip(x) {
        add_blocks::<S, T, SIZE>(simd, &mut sums, blocks, x);
    }
    if let Some(x) = x.get(blocks.len()) {
        // Rows of 576 and of 640 end in two and in four: loops of a known length.
        match rest {
            [first, second] => add_blocks::<S, T, SIZE>(simd, &mut sums, &[*first, *second], x),
            [a, b, c, d] => add_blocks::<S, T, SIZE>(simd, &mut sums, &[*a, *b, *c, *d], x),
            rest => add_blocks::<S, T, SIZE>(simd, &mut sums, rest, x),
        }
    }
    let total = simd.sum(simd.add(sums.totals[0], sums.totals[1]));
    if T::MINIMUM || T::MIDDLE > 0.0 { total + simd.sum(sums.offsets) } else { total }
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

/// Pairs of sub-blocks share 32 bytes: low nibbles, then high ones; fifth bits lie in bytes of their own.
#[inline(always)]
fn add_pair<S: Simd, const LOW: i32, const HIGH: i32>(
    simd: S,
    sum: S::Sum,
    (codes, fifths): (&[u8; 32], Option<S::C>),
    scales: &[u8; 2],
    x: [Split<'_>; 2],
) -> S::Sum {
    let codes = simd.load_codes(codes);
    let (mut low, mut high) = (simd.low_nibbles(codes), simd.high_nibbles(codes));
    if let Some(fifths) = fifths {
        low = simd.or_codes(low, simd.fifth_bits::<LOW>(fifths));
        high = simd.or_codes(high, simd.fifth_bits::<HIGH>(fifths));
    }
    let sum = simd.scaled_dot(sum, low, [i16::from(scales[0]); 2], x[0]);
    simd.scaled_dot(sum, high, [i16::from(scales[1]); 2], x[1])
}

/// Super-blocks of 256 in eight sub-blocks: 144 bytes with four bits a code, 176 with five.
///
/// The sums of a super-block stay below 2^31: 31 x 63 x 32639 x 4 x 8 in a lane.
#[inline(always)]
fn super_blocks<S: Simd, const SIZE: usize>(simd: S, bytes: &[u8], x: &[Part]) -> f32 {
    let (mut total, mut minima) = (simd.splat(0.0), simd.splat(0.0));
    for (block, x) in bytes.as_chunks::<SIZE>().0.iter().zip(x) {
        let (Some(packed), Some(codes)) = (block[4..].first_chunk::<12>(), block.last_chunk::<128>()) else {
            continue;
        };
        let (scales, least) = scales_and_minima(packed);
        let (pairs, _) = scales.as_chunks::<2>();
        let (codes, _) = codes.as_chunks::<32>();
        let fifths = match block[16..].first_chunk::<32>() {
            Some(fifths) if SIZE == 176 => Some(simd.load_codes(fifths)),
            _ => None,
        };
        let sum = simd.no_sum();
        let sum = add_pair::<S, 0, 1>(simd, sum, (&codes[0], fifths), &pairs[0], [x.split(0), x.split(1)]);
        let sum = add_pair::<S, 2, 3>(simd, sum, (&codes[1], fifths), &pairs[1], [x.split(2), x.split(3)]);
        let sum = add_pair::<S, 4, 5>(simd, sum, (&codes[2], fifths), &pairs[2], [x.split(4), x.split(5)]);
        let sum = add_pair::<S, 6, 7>(simd, sum, (&codes[3], fifths), &pairs[3], [x.split(6), x.split(7)]);
        let mut floats = [0.0; 8];
        floats.iter_mut().zip(least).for_each(|(float, least)| *float = f32::from(least));
        let least = simd.mul(simd.load(&floats), simd.load(&x.sums.as_chunks::<8>().0[0]));
        minima = simd.add(minima, simd.mul(simd.splat(scale(block, 2)), least));
        let scale = simd.splat(scale(block, 0) * x.scales[0]);
        total = simd.add(total, simd.mul(scale, simd.int_floats(simd.total(sum))));
    }
    simd.sum(total) - simd.sum(minima)
}

/// Super-blocks of 256 in sixteen sub-blocks of six bits.
///
/// The sums of a quarter stay below 2^31: 63 x 128 x 32639 x 4 x 2 in a lane.
#[inline(always)]
fn six_bits<S: Simd>(simd: S, bytes: &[u8], x: &[Part]) -> f32 {
    let (mut total, mut middles) = (simd.splat(0.0), simd.splat(0.0));
    for (block, x) in bytes.as_chunks::<210>().0.iter().zip(x) {
        let (pieces, _) = block.as_chunks::<32>();
        let mut scales = [0_i16; 16];
        let mut floats = [0.0; 16];
        for (at, scale) in block[192..208].iter().enumerate() {
            scales[at] = i16::from(scale.cast_signed());
            floats[at] = f32::from(scale.cast_signed());
        }
        let mut floats_sum = simd.splat(0.0);
        for half in 0..2 {
            let low = simd.load_codes(&pieces[2 * half]);
            let next = simd.load_codes(&pieces[2 * half + 1]);
            let top = simd.load_codes(&pieces[4 + half]);
            let quarters = [
                simd.or_codes(simd.low_nibbles(low), simd.top_bits::<0>(top)),
                simd.or_codes(simd.low_nibbles(next), simd.top_bits::<2>(top)),
                simd.or_codes(simd.high_nibbles(low), simd.top_bits::<4>(top)),
                simd.or_codes(simd.high_nibbles(next), simd.top_bits::<6>(top)),
            ];
            for pair in 0..2 {
                let mut sum = simd.no_sum();
                for quarter in [2 * pair, 2 * pair + 1] {
                    let at = 4 * half + quarter;
                    let scales = [scales[2 * at], scales[2 * at + 1]];
                    sum = simd.scaled_dot(sum, quarters[quarter], scales, x.split(at));
                }
                floats_sum = simd.add(floats_sum, simd.int_floats(simd.total(sum)));
            }
        }
        let scale = scale(block, 208);
        total = simd.add(total, simd.mul(simd.splat(scale * x.scales[0]), floats_sum));
        let (floats, sums) = (floats.as_chunks::<8>().0, x.sums.as_chunks::<8>().0);
        let first = simd.mul(simd.load(&floats[0]), simd.load(&sums[0]));
        let both = simd.add(first, simd.mul(simd.load(&floats[1]), simd.load(&sums[1])));
        middles = simd.add(middles, simd.mul(simd.splat(scale * 32.0), both));
    }
    simd.sum(total) - simd.sum(middles)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dequantise::dequantise;
    use crate::{around_zero, mix64};
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
        struct Halves<'a>(&'a [u16; 8]);
        impl Kernel for Halves<'_> {
            type Output = [f32; 8];
            #[inline(always)]
            fn run<S: Simd>(self, simd: S) -> [f32; 8] {
                let mut out = [0.0; 8];
                simd.store(simd.halves(self.0), &mut out);
                out
            }
        }
        let all: Vec<u16> = (0..=u16::MAX).collect();
        for bits in all.as_chunks::<8>().0 {
            for found in [Isa::SCALAR, Isa::detect()].map(|isa| isa.run(Halves(bits))) {
                for (own, bits) in found.iter().zip(bits) {
                    let other = f16::from_bits(*bits).to_f32();
                    let same = own.to_bits() == other.to_bits() || (own.is_nan() && other.is_nan());
                    assert!(same, "{bits:#x}");
                }
            }
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
            row.iter().map(|w| f64::from(w.abs())).sum::<f64>() * f64::from(largest) / 65_278.0
        });
        let apart = 1.05 * steps.sum::<f64>() + 3e-6 * size;
        let coded = fused.coded(vector, vector.len()).unwrap();
        let on = |isa: Isa, integers: bool| {
            let mut out = [0.0];
            let rows = bytes.chunks_exact(bytes.len());
            let products = Products { fused, rows, vectors: &coded, out: &mut out };
            if integers {
                isa.run_integers(products);
            } else {
                isa.run(products);
            }
            out[0]
        };
        let product = on(Isa::detect(), true);
        for other in [on(Isa::detect(), false), on(Isa::SCALAR, true)] {
            assert_eq!(product.to_bits(), other.to_bits(), "{block:?}");
        }
        (product, exact, apart)
    }

    #[test]
    fn the_largest_codes_and_vectors_overflow_nothing() {
        for block in FUSED {
            let (elements, size) = crate::dequantise::block_shape(block);
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
                let (elements, size) = crate::dequantise::block_shape(block);
                let vector = around_zero(seed, count * elements);
                let mut bytes: Vec<u8> = (0..count * size).map(|at| mix64(seed ^ (at as u64) << 32).to_le_bytes()[0]).collect();
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
