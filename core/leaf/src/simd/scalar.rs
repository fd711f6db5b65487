//! The scalar twin: arrays and loops, the reference for every other instruction set.

use super::lanes::{Kernel, Simd, Split, widened};

/// Plain Rust.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

#[inline(always)]
fn zip(a: [f32; 8], b: [f32; 8], op: impl Fn(f32, f32) -> f32) -> [f32; 8] {
    core::array::from_fn(|lane| op(a[lane], b[lane]))
}

impl Simd for Scalar {
    const MANY_REGISTERS: bool = true;

    type F = [f32; 8];
    type I = [i32; 8];
    type B = [u8; 16];
    type W = [i16; 16];
    type C = [u8; 32];
    type Sum = [i32; 8];
    type Table = [f32; 16];

    // A call costs size once and next to no time; inlined, a kernel's parts stand in it as often as they are called.
    #[inline(never)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 8] {
        [x; 8]
    }
    #[inline(always)]
    fn load(self, x: &[f32; 8]) -> [f32; 8] {
        *x
    }
    #[inline(always)]
    fn store(self, v: [f32; 8], out: &mut [f32; 8]) {
        *out = v;
    }
    #[inline(always)]
    fn add(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn abs(self, v: [f32; 8]) -> [f32; 8] {
        v.map(f32::abs)
    }
    #[inline(always)]
    fn flip(self, v: [f32; 8], mask: [f32; 8]) -> [f32; 8] {
        zip(v, mask, |v, mask| f32::from_bits(v.to_bits() ^ mask.to_bits()))
    }
    #[inline(always)]
    fn butterflies(self, v: [f32; 8]) -> [f32; 8] {
        let [a, b, c, d, e, f, g, h] = v;
        let [a, b, c, d, e, f, g, h] = [a + b, a - b, c + d, c - d, e + f, e - f, g + h, g - h];
        let [a, b, c, d, e, f, g, h] = [a + c, b + d, a - c, b - d, e + g, f + h, e - g, f - h];
        [a + e, b + f, c + g, d + h, a - e, b - f, c - g, d - h]
    }
    #[inline(always)]
    fn sum(self, v: [f32; 8]) -> f32 {
        ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
    }
    #[inline(always)]
    fn int(self, x: i32) -> [i32; 8] {
        [x; 8]
    }
    #[inline(always)]
    fn count_ge(self, count: [i32; 8], v: [f32; 8], threshold: [f32; 8]) -> [i32; 8] {
        core::array::from_fn(|lane| count[lane] + i32::from(v[lane] >= threshold[lane]))
    }
    #[inline(always)]
    fn mark_negative(self, code: [i32; 8], v: [f32; 8], bit: [i32; 8]) -> [i32; 8] {
        core::array::from_fn(|lane| code[lane] | if v[lane] < 0.0 { bit[lane] } else { 0 })
    }
    #[inline(always)]
    fn narrow(self, low: [i32; 8], high: [i32; 8]) -> [u8; 16] {
        core::array::from_fn(|lane| {
            if lane < 8 { low[lane].to_le_bytes()[0] } else { high[lane - 8].to_le_bytes()[0] }
        })
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; 16]) -> [u8; 16] {
        *x
    }
    #[inline(always)]
    fn store_bytes(self, v: [u8; 16], out: &mut [u8; 16]) {
        *out = v;
    }
    #[inline(always)]
    fn nibbles(self, v: [u8; 16]) -> ([u8; 16], [u8; 16]) {
        (v.map(|byte| byte & 15), v.map(|byte| byte >> 4))
    }
    #[inline(always)]
    fn join_nibbles(self, low: [u8; 16], high: [u8; 16]) -> [u8; 16] {
        core::array::from_fn(|lane| low[lane] | (high[lane] << 4))
    }
    #[inline(always)]
    fn table(self, values: &[f32; 16]) -> [f32; 16] {
        *values
    }
    #[inline(always)]
    fn lookup(self, table: [f32; 16], index: [u8; 16]) -> ([f32; 8], [f32; 8]) {
        let at = |lane: usize| table[usize::from(index[lane] & 15)];
        (core::array::from_fn(at), core::array::from_fn(|lane| at(lane + 8)))
    }
    #[inline(always)]
    fn load_words(self, x: &[i16; 16]) -> [i16; 16] {
        *x
    }
    #[inline(always)]
    fn signed_words(self, v: [u8; 16]) -> [i16; 16] {
        v.map(|byte| i16::from(byte.cast_signed()))
    }
    #[inline(always)]
    fn dot_words(self, sum: [i32; 8], a: [i16; 16], b: [i16; 16]) -> [i32; 8] {
        let product = |at: usize| i32::from(a[at]) * i32::from(b[at]);
        core::array::from_fn(|lane| {
            sum[lane].wrapping_add(product(2 * lane).wrapping_add(product(2 * lane + 1)))
        })
    }
    #[inline(always)]
    fn int_floats(self, v: [i32; 8]) -> [f32; 8] {
        v.map(|lane| lane as f32)
    }
    #[inline(always)]
    fn halves(self, x: &[u16; 8]) -> [f32; 8] {
        x.map(widened)
    }
    #[inline(always)]
    fn join(self, first: [u8; 16], second: [u8; 16]) -> [u8; 32] {
        core::array::from_fn(|lane| if lane < 16 { first[lane] } else { second[lane - 16] })
    }
    #[inline(always)]
    fn load_codes(self, x: &[u8; 32]) -> [u8; 32] {
        *x
    }
    #[inline(always)]
    fn low_nibbles(self, v: [u8; 32]) -> [u8; 32] {
        v.map(|byte| byte & 15)
    }
    #[inline(always)]
    fn high_nibbles(self, v: [u8; 32]) -> [u8; 32] {
        v.map(|byte| byte >> 4)
    }
    #[inline(always)]
    fn or_codes(self, a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
        core::array::from_fn(|lane| a[lane] | b[lane])
    }
    #[inline(always)]
    fn spread_bits(self, bits: u32) -> [u8; 32] {
        core::array::from_fn(|lane| ((bits >> lane & 1) as u8) << 4)
    }
    #[inline(always)]
    fn fifth_bits<const BIT: i32>(self, v: [u8; 32]) -> [u8; 32] {
        v.map(|byte| (byte >> BIT & 1) << 4)
    }
    #[inline(always)]
    fn top_bits<const SHIFT: i32>(self, v: [u8; 32]) -> [u8; 32] {
        v.map(|byte| (byte >> SHIFT & 3) << 4)
    }
    #[inline(always)]
    fn dot_codes(self, codes: [u8; 32], x: Split<'_>) -> [i32; 8] {
        self.scaled_dot([0; 8], codes, [1, 1], x)
    }
    #[inline(always)]
    fn no_sum(self) -> [i32; 8] {
        [0; 8]
    }
    #[inline(always)]
    fn scaled_dot(self, sum: [i32; 8], codes: [u8; 32], scales: [i16; 2], x: Split<'_>) -> [i32; 8] {
        core::array::from_fn(|lane| {
            let product = |at: usize| i32::from(codes[at]) * i32::from(x.whole[at]);
            let four: i32 = (4 * lane..4 * lane + 4).map(product).sum();
            sum[lane].wrapping_add(four.wrapping_mul(i32::from(scales[lane / 4])))
        })
    }
    #[inline(always)]
    fn total(self, sum: [i32; 8]) -> [i32; 8] {
        sum
    }
}
