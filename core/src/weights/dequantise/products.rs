//! Inner products of stored rows with f32 vectors, without writing the row down.
//!
//! Codes become floats exactly and every block's sum is scaled once, so results differ from those of a decoded row
//! in the last places only; they are the same bits on every instruction set.

#![expect(clippy::inline_always, reason = "intrinsics must be inlined into the function that enables them")]

use crate::codec::{Isa, Kernel, Simd};

use super::super::BlockType;
use super::f16_at;

/// Elements of a block.
const BLOCK: usize = 32;

/// Types whose products need no decoded row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fused {
    /// `d (q - 8)`.
    Q4_0,
    /// `d q + m`.
    Q4_1,
    /// `d q`.
    Q8_0,
}

impl Fused {
    pub(super) fn of(block: BlockType) -> Option<Self> {
        match block {
            BlockType::Q4_0 => Some(Self::Q4_0),
            BlockType::Q4_1 => Some(Self::Q4_1),
            BlockType::Q8_0 => Some(Self::Q8_0),
            _ => None,
        }
    }

    /// The inner products of stored rows with vectors of as many elements, row by row.
    pub(super) fn products(
        self,
        isa: Isa,
        rows: core::slice::ChunksExact<'_, u8>,
        vectors: &[f32],
        out: &mut [f32],
    ) {
        isa.run(Products { fused: self, rows, vectors, out });
    }
}

struct Products<'a> {
    fused: Fused,
    rows: core::slice::ChunksExact<'a, u8>,
    vectors: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Products<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.fused {
            Fused::Q4_0 => self.each(|row, vector| four_bits::<S, 18>(simd, row, vector)),
            Fused::Q4_1 => self.each(|row, vector| four_bits::<S, 20>(simd, row, vector)),
            Fused::Q8_0 => self.each(|row, vector| eight_bits(simd, row, vector)),
        }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn each(self, product: impl Fn(&[u8], &[f32]) -> f32) {
        let count = self.out.len() / self.rows.len().max(1);
        let length = self.vectors.len() / count.max(1);
        for (row, out) in self.rows.zip(self.out.chunks_exact_mut(count.max(1))) {
            for (out, vector) in out.iter_mut().zip(self.vectors.chunks_exact(length.max(1))) {
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

/// The four eights of a block.
#[inline(always)]
fn eights<S: Simd>(simd: S, x: &[f32; BLOCK]) -> [S::F; 4] {
    let (parts, _) = x.as_chunks::<8>();
    [simd.load(&parts[0]), simd.load(&parts[1]), simd.load(&parts[2]), simd.load(&parts[3])]
}

#[inline(always)]
fn sum_of_products<S: Simd>(simd: S, a: [S::F; 4], b: [S::F; 4]) -> S::F {
    let product = |at: usize| simd.mul(a[at], b[at]);
    simd.add(simd.add(product(0), product(1)), simd.add(product(2), product(3)))
}

/// Blocks of `SIZE` bytes that end in sixteen of nibbles: 18 with a scale, 20 with a scale and a minimum.
#[inline(always)]
fn four_bits<S: Simd, const SIZE: usize>(simd: S, bytes: &[u8], vector: &[f32]) -> f32 {
    let (mut scaled, mut minima) = (simd.splat(0.0), simd.splat(0.0));
    let eight = simd.splat(8.0);
    for (block, x) in bytes.as_chunks::<SIZE>().0.iter().zip(vector.as_chunks::<BLOCK>().0) {
        let Some(packed) = block.last_chunk::<16>() else { continue };
        let (low, high) = simd.nibbles(simd.load_bytes(packed));
        let ((a, b), (c, d)) = (simd.floats(low), simd.floats(high));
        let (mut codes, x) = ([a, b, c, d], eights(simd, x));
        if SIZE == 18 {
            codes = codes.map(|code| simd.sub(code, eight));
        } else {
            let sum = simd.add(simd.add(x[0], x[1]), simd.add(x[2], x[3]));
            minima = simd.add(minima, simd.mul(simd.splat(scale(block, 2)), sum));
        }
        scaled = simd.add(scaled, simd.mul(simd.splat(scale(block, 0)), sum_of_products(simd, codes, x)));
    }
    simd.sum(simd.add(scaled, minima))
}

/// A scale and 32 signed bytes.
#[inline(always)]
fn eight_bits<S: Simd>(simd: S, bytes: &[u8], vector: &[f32]) -> f32 {
    let mut scaled = simd.splat(0.0);
    for (block, x) in bytes.as_chunks::<34>().0.iter().zip(vector.as_chunks::<BLOCK>().0) {
        let (halves, _) = block[2..].as_chunks::<16>();
        let codes = |half: &[u8; 16]| simd.signed_floats(simd.load_bytes(half));
        let ((a, b), (c, d)) = (codes(&halves[0]), codes(&halves[1]));
        let sum = sum_of_products(simd, [a, b, c, d], eights(simd, x));
        scaled = simd.add(scaled, simd.mul(simd.splat(scale(block, 0)), sum));
    }
    simd.sum(scaled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::Random;
    use crate::weights::dequantise::dequantise;
    use half::f16;

    #[test]
    fn scales_are_those_of_the_half_crate() {
        for bits in 0..=u16::MAX {
            let (own, other) = (scale(&bits.to_le_bytes(), 0), f16::from_bits(bits).to_f32());
            assert!(own.to_bits() == other.to_bits() || (own.is_nan() && other.is_nan()), "{bits:#x}");
        }
    }

    proptest! {
        #[test]
        fn products_are_those_of_decoded_rows_and_the_same_bits_everywhere(
            seed in any::<u64>(), blocks in 1_usize..40,
        ) {
            let vector = Random::new(seed, 2).normals(blocks * BLOCK);
            for block in [BlockType::Q4_0, BlockType::Q4_1, BlockType::Q8_0] {
                let fused = Fused::of(block).unwrap();
                let size = usize::try_from(block.bytes()).unwrap();
                let mut random = Random::new(seed, 3);
                let mut bytes: Vec<u8> = (0..blocks * size).map(|_| random.bits().to_le_bytes()[0]).collect();
                for stored in bytes.chunks_exact_mut(size) {
                    // Scales and minima of either sign, near 0.01.
                    for at in [1, 3] {
                        stored[at] = stored[at] & 0x80 | 0x21;
                    }
                }
                let mut row = vec![0.0; blocks * BLOCK];
                dequantise(block, &bytes, &mut row).unwrap();
                let exact: f64 = row.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let size: f64 = row.iter().zip(&vector).map(|(a, b)| f64::from(a * b).abs()).sum();
                let on = |isa: Isa| {
                    let mut out = [0.0];
                    fused.products(isa, bytes.chunks_exact(bytes.len()), &vector, &mut out);
                    out[0]
                };
                let product = on(Isa::detect());
                prop_assert!((f64::from(product) - exact).abs() <= 2e-6 * size.max(1e-6), "{} {}", product, exact);
                prop_assert_eq!(product.to_bits(), on(Isa::SCALAR).to_bits());
            }
        }
    }
}
