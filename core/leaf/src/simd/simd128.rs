//! WASM `simd128`: two registers of four floats. Never relaxed SIMD, whose results differ between machines.
#![allow(
    unsafe_code,
    clippy::wildcard_imports,
    reason = "vector loads and stores; this file is compiled only with simd128 on"
)]

use core::arch::wasm32::*;

use super::lanes::{Kernel, Simd, Split};

/// WASM's vector instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Simd128(());

impl Simd128 {
    pub(super) fn new() -> Self {
        Self(())
    }
}

type Pair = (v128, v128);

impl Simd for Simd128 {
    const MANY_REGISTERS: bool = false;

    type F = Pair;
    type I = Pair;
    type B = v128;
    type W = Pair;
    type C = Pair;
    type Sum = Pair;
    /// Byte k of sixteen floats, for k = 0 to 3.
    type Table = [v128; 4];

    // Every function here has the instruction set, so a call costs size once and next to no time.
    #[inline(never)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Pair {
        (f32x4_splat(x), f32x4_splat(x))
    }
    #[inline(always)]
    fn load(self, x: &[f32; 8]) -> Pair {
        let x: *const v128 = x.as_ptr().cast();
        // SAFETY: the array holds the 32 bytes that are read; loads need no alignment.
        unsafe { (v128_load(x), v128_load(x.add(1))) }
    }
    #[inline(always)]
    fn store(self, v: Pair, out: &mut [f32; 8]) {
        let out: *mut v128 = out.as_mut_ptr().cast();
        // SAFETY: the array holds the 32 bytes that are written; stores need no alignment.
        unsafe {
            v128_store(out, v.0);
            v128_store(out.add(1), v.1);
        }
    }
    #[inline(always)]
    fn add(self, a: Pair, b: Pair) -> Pair {
        (f32x4_add(a.0, b.0), f32x4_add(a.1, b.1))
    }
    #[inline(always)]
    fn sub(self, a: Pair, b: Pair) -> Pair {
        (f32x4_sub(a.0, b.0), f32x4_sub(a.1, b.1))
    }
    #[inline(always)]
    fn mul(self, a: Pair, b: Pair) -> Pair {
        (f32x4_mul(a.0, b.0), f32x4_mul(a.1, b.1))
    }
    #[inline(always)]
    fn abs(self, v: Pair) -> Pair {
        (f32x4_abs(v.0), f32x4_abs(v.1))
    }
    #[inline(always)]
    fn flip(self, v: Pair, mask: Pair) -> Pair {
        (v128_xor(v.0, mask.0), v128_xor(v.1, mask.1))
    }
    #[inline(always)]
    fn butterflies(self, v: Pair) -> Pair {
        let (a, b) = (four(v.0), four(v.1));
        (f32x4_add(a, b), f32x4_sub(a, b))
    }
    #[inline(always)]
    fn sum(self, v: Pair) -> f32 {
        let four = f32x4_add(v.0, v.1);
        let two = f32x4_add(four, u32x4_shuffle::<2, 3, 0, 1>(four, four));
        f32x4_extract_lane::<0>(two) + f32x4_extract_lane::<1>(two)
    }
    #[inline(always)]
    fn int(self, x: i32) -> Pair {
        (i32x4_splat(x), i32x4_splat(x))
    }
    #[inline(always)]
    fn count_ge(self, count: Pair, v: Pair, threshold: Pair) -> Pair {
        // A true lane is minus one.
        (i32x4_sub(count.0, f32x4_ge(v.0, threshold.0)), i32x4_sub(count.1, f32x4_ge(v.1, threshold.1)))
    }
    #[inline(always)]
    fn mark_negative(self, code: Pair, v: Pair, bit: Pair) -> Pair {
        let zero = f32x4_splat(0.0);
        (
            v128_or(code.0, v128_and(f32x4_lt(v.0, zero), bit.0)),
            v128_or(code.1, v128_and(f32x4_lt(v.1, zero), bit.1)),
        )
    }
    #[inline(always)]
    fn narrow(self, low: Pair, high: Pair) -> v128 {
        u8x16_narrow_i16x8(i16x8_narrow_i32x4(low.0, low.1), i16x8_narrow_i32x4(high.0, high.1))
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; 16]) -> v128 {
        // SAFETY: the array holds the 16 bytes that are read; loads need no alignment.
        unsafe { v128_load(x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store_bytes(self, v: v128, out: &mut [u8; 16]) {
        // SAFETY: the array holds the 16 bytes that are written; stores need no alignment.
        unsafe { v128_store(out.as_mut_ptr().cast(), v) }
    }
    #[inline(always)]
    fn nibbles(self, v: v128) -> (v128, v128) {
        (v128_and(v, u8x16_splat(15)), u8x16_shr(v, 4))
    }
    #[inline(always)]
    fn join_nibbles(self, low: v128, high: v128) -> v128 {
        v128_or(low, u8x16_shl(high, 4))
    }
    #[inline(always)]
    fn table(self, values: &[f32; 16]) -> [v128; 4] {
        let plane = |byte: usize| {
            let bytes: [u8; 16] = core::array::from_fn(|entry| values[entry].to_le_bytes()[byte]);
            self.load_bytes(&bytes)
        };
        [plane(0), plane(1), plane(2), plane(3)]
    }
    #[inline(always)]
    fn lookup(self, table: [v128; 4], index: v128) -> (Pair, Pair) {
        let [a, b, c, d] = [
            u8x16_swizzle(table[0], index),
            u8x16_swizzle(table[1], index),
            u8x16_swizzle(table[2], index),
            u8x16_swizzle(table[3], index),
        ];
        let (ab, cd) = (low_bytes(a, b), low_bytes(c, d));
        let low = (low_words(ab, cd), high_words(ab, cd));
        let (ab, cd) = (high_bytes(a, b), high_bytes(c, d));
        (low, (low_words(ab, cd), high_words(ab, cd)))
    }
    #[inline(always)]
    fn load_words(self, x: &[i16; 16]) -> Pair {
        let x: *const v128 = x.as_ptr().cast();
        // SAFETY: the array holds the 32 bytes that are read; loads need no alignment.
        unsafe { (v128_load(x), v128_load(x.add(1))) }
    }
    #[inline(always)]
    fn signed_words(self, v: v128) -> Pair {
        (i16x8_extend_low_i8x16(v), i16x8_extend_high_i8x16(v))
    }
    #[inline(always)]
    fn dot_words(self, sum: Pair, a: Pair, b: Pair) -> Pair {
        (i32x4_add(sum.0, i32x4_dot_i16x8(a.0, b.0)), i32x4_add(sum.1, i32x4_dot_i16x8(a.1, b.1)))
    }
    #[inline(always)]
    fn int_floats(self, v: Pair) -> Pair {
        (f32x4_convert_i32x4(v.0), f32x4_convert_i32x4(v.1))
    }
    #[inline(always)]
    fn halves(self, x: &[u16; 8]) -> Pair {
        // As `widened` does it.
        let four = |bits: v128| {
            let magnitude = u32x4_shl(v128_and(bits, u32x4_splat(0x7FFF)), 13);
            let finite = f32x4_mul(magnitude, f32x4_splat(f32::from_bits((127 + 112) << 23)));
            let other = v128_or(magnitude, u32x4_splat(0x7F80_0000));
            let largest = u32x4_ge(magnitude, u32x4_splat(0x7C00 << 13));
            let sign = u32x4_shl(v128_and(bits, u32x4_splat(0x8000)), 16);
            v128_or(v128_bitselect(other, finite, largest), sign)
        };
        // SAFETY: the array holds the 16 bytes that are read; loads need no alignment.
        let bits = unsafe { v128_load(x.as_ptr().cast()) };
        (four(u32x4_extend_low_u16x8(bits)), four(u32x4_extend_high_u16x8(bits)))
    }
    #[inline(always)]
    fn join(self, first: v128, second: v128) -> Pair {
        (first, second)
    }
    #[inline(always)]
    fn load_codes(self, x: &[u8; 32]) -> Pair {
        let x: *const v128 = x.as_ptr().cast();
        // SAFETY: the array holds the 32 bytes that are read; loads need no alignment.
        unsafe { (v128_load(x), v128_load(x.add(1))) }
    }
    #[inline(always)]
    fn low_nibbles(self, v: Pair) -> Pair {
        (v128_and(v.0, u8x16_splat(15)), v128_and(v.1, u8x16_splat(15)))
    }
    #[inline(always)]
    fn high_nibbles(self, v: Pair) -> Pair {
        (u8x16_shr(v.0, 4), u8x16_shr(v.1, 4))
    }
    #[inline(always)]
    fn or_codes(self, a: Pair, b: Pair) -> Pair {
        (v128_or(a.0, b.0), v128_or(a.1, b.1))
    }
    #[inline(always)]
    fn spread_bits(self, bits: u32) -> Pair {
        let own = u64x2_splat(0x8040_2010_0804_0201);
        let [a, b, c, d] = bits.to_le_bytes().map(|byte| u64::from(byte) * 0x0101_0101_0101_0101);
        let sixteen = |low, high| v128_and(u8x16_eq(v128_and(u64x2(low, high), own), own), u8x16_splat(16));
        (sixteen(a, b), sixteen(c, d))
    }
    #[inline(always)]
    fn fifth_bits<const BIT: i32>(self, v: Pair) -> Pair {
        let bit = |v| u8x16_shl(v128_and(u8x16_shr(v, BIT as u32), u8x16_splat(1)), 4);
        (bit(v.0), bit(v.1))
    }
    #[inline(always)]
    fn top_bits<const SHIFT: i32>(self, v: Pair) -> Pair {
        let top = |v| u8x16_shl(v128_and(u8x16_shr(v, SHIFT as u32), u8x16_splat(3)), 4);
        (top(v.0), top(v.1))
    }
    #[inline(always)]
    fn dot_codes(self, codes: Pair, x: Split<'_>) -> Pair {
        self.scaled_dot(self.int(0), codes, [1, 1], x)
    }
    #[inline(always)]
    fn no_sum(self) -> Pair {
        self.int(0)
    }
    #[inline(always)]
    fn scaled_dot(self, sum: Pair, codes: Pair, scales: [i16; 2], x: Split<'_>) -> Pair {
        let (halves, _) = x.whole.as_chunks::<16>();
        let quads = |sum, codes, scale, x: Pair| {
            let scale = i16x8_splat(scale);
            let first = i32x4_dot_i16x8(i16x8_mul(u16x8_extend_low_u8x16(codes), scale), x.0);
            let second = i32x4_dot_i16x8(i16x8_mul(u16x8_extend_high_u8x16(codes), scale), x.1);
            let even = u32x4_shuffle::<0, 2, 4, 6>(first, second);
            i32x4_add(sum, i32x4_add(even, u32x4_shuffle::<1, 3, 5, 7>(first, second)))
        };
        (
            quads(sum.0, codes.0, scales[0], self.load_words(&halves[0])),
            quads(sum.1, codes.1, scales[1], self.load_words(&halves[1])),
        )
    }
    #[inline(always)]
    fn total(self, sum: Pair) -> Pair {
        sum
    }
}

/// Hadamard of four lanes: strides 1 and 2.
#[inline(always)]
fn four(v: v128) -> v128 {
    const M: f32 = -0.0;
    let v = f32x4_add(u32x4_shuffle::<1, 0, 3, 2>(v, v), v128_xor(v, f32x4(0.0, M, 0.0, M)));
    f32x4_add(u32x4_shuffle::<2, 3, 0, 1>(v, v), v128_xor(v, f32x4(0.0, 0.0, M, M)))
}

#[inline(always)]
fn low_bytes(a: v128, b: v128) -> v128 {
    u8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b)
}

#[inline(always)]
fn high_bytes(a: v128, b: v128) -> v128 {
    u8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b)
}

#[inline(always)]
fn low_words(a: v128, b: v128) -> v128 {
    u16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b)
}

#[inline(always)]
fn high_words(a: v128, b: v128) -> v128 {
    u16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b)
}
