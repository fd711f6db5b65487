//! NEON: two registers of four floats. Part of every aarch64 processor.
#![allow(unsafe_code, clippy::wildcard_imports, reason = "vector intrinsics; NEON is mandatory on aarch64")]

use core::arch::aarch64::*;

use super::lanes::{Kernel, Simd, Split};

/// aarch64's vector instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn new() -> Self {
        Self(())
    }
}

type F = (float32x4_t, float32x4_t);
type I = (uint32x4_t, uint32x4_t);

impl Simd for Neon {
    const MANY_REGISTERS: bool = true;

    type F = F;
    type I = I;
    type B = uint8x16_t;
    type W = (int16x8_t, int16x8_t);
    type C = (uint8x16_t, uint8x16_t);
    type Sum = I;
    /// Byte k of sixteen floats, for k = 0 to 3.
    type Table = [uint8x16_t; 4];

    // Every function has NEON, so a call costs size once and next to no time.
    #[inline(never)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    #[inline(always)]
    fn splat(self, x: f32) -> F {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vdupq_n_f32(x), vdupq_n_f32(x)) }
    }
    #[inline(always)]
    fn load(self, x: &[f32; 8]) -> F {
        // SAFETY: NEON is mandatory on aarch64; the array holds the 32 bytes that are read.
        unsafe { (vld1q_f32(x.as_ptr()), vld1q_f32(x.as_ptr().add(4))) }
    }
    #[inline(always)]
    fn store(self, v: F, out: &mut [f32; 8]) {
        // SAFETY: NEON is mandatory on aarch64; the array holds the 32 bytes that are written.
        unsafe {
            vst1q_f32(out.as_mut_ptr(), v.0);
            vst1q_f32(out.as_mut_ptr().add(4), v.1);
        }
    }
    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vaddq_f32(a.0, b.0), vaddq_f32(a.1, b.1)) }
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vsubq_f32(a.0, b.0), vsubq_f32(a.1, b.1)) }
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vmulq_f32(a.0, b.0), vmulq_f32(a.1, b.1)) }
    }
    #[inline(always)]
    fn abs(self, v: F) -> F {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vabsq_f32(v.0), vabsq_f32(v.1)) }
    }
    #[inline(always)]
    fn flip(self, v: F, mask: F) -> F {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (xor(v.0, mask.0), xor(v.1, mask.1)) }
    }
    #[inline(always)]
    fn butterflies(self, v: F) -> F {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let (a, b) = (four(v.0), four(v.1));
            (vaddq_f32(a, b), vsubq_f32(a, b))
        }
    }
    #[inline(always)]
    fn sum(self, v: F) -> f32 {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let four = vaddq_f32(v.0, v.1);
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
    }
    #[inline(always)]
    fn int(self, x: i32) -> I {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vdupq_n_u32(x as u32), vdupq_n_u32(x as u32)) }
    }
    #[inline(always)]
    fn count_ge(self, count: I, v: F, threshold: F) -> I {
        // A true lane is all ones, that is minus one.
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            (vsubq_u32(count.0, vcgeq_f32(v.0, threshold.0)), vsubq_u32(count.1, vcgeq_f32(v.1, threshold.1)))
        }
    }
    #[inline(always)]
    fn mark_negative(self, code: I, v: F, bit: I) -> I {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            (
                vorrq_u32(code.0, vandq_u32(vcltzq_f32(v.0), bit.0)),
                vorrq_u32(code.1, vandq_u32(vcltzq_f32(v.1), bit.1)),
            )
        }
    }
    #[inline(always)]
    fn narrow(self, low: I, high: I) -> uint8x16_t {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let low = vcombine_u16(vmovn_u32(low.0), vmovn_u32(low.1));
            let high = vcombine_u16(vmovn_u32(high.0), vmovn_u32(high.1));
            vcombine_u8(vmovn_u16(low), vmovn_u16(high))
        }
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; 16]) -> uint8x16_t {
        // SAFETY: NEON is mandatory on aarch64; the array holds the 16 bytes that are read.
        unsafe { vld1q_u8(x.as_ptr()) }
    }
    #[inline(always)]
    fn store_bytes(self, v: uint8x16_t, out: &mut [u8; 16]) {
        // SAFETY: NEON is mandatory on aarch64; the array holds the 16 bytes that are written.
        unsafe { vst1q_u8(out.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn nibbles(self, v: uint8x16_t) -> (uint8x16_t, uint8x16_t) {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vandq_u8(v, vdupq_n_u8(15)), vshrq_n_u8::<4>(v)) }
    }
    #[inline(always)]
    fn join_nibbles(self, low: uint8x16_t, high: uint8x16_t) -> uint8x16_t {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { vorrq_u8(low, vshlq_n_u8::<4>(high)) }
    }
    #[inline(always)]
    fn table(self, values: &[f32; 16]) -> [uint8x16_t; 4] {
        let plane = |byte: usize| {
            let bytes: [u8; 16] = core::array::from_fn(|entry| values[entry].to_le_bytes()[byte]);
            self.load_bytes(&bytes)
        };
        [plane(0), plane(1), plane(2), plane(3)]
    }
    #[inline(always)]
    fn lookup(self, table: [uint8x16_t; 4], index: uint8x16_t) -> (F, F) {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let [a, b, c, d] = [
                vqtbl1q_u8(table[0], index),
                vqtbl1q_u8(table[1], index),
                vqtbl1q_u8(table[2], index),
                vqtbl1q_u8(table[3], index),
            ];
            let low = (vreinterpretq_u16_u8(vzip1q_u8(a, b)), vreinterpretq_u16_u8(vzip1q_u8(c, d)));
            let high = (vreinterpretq_u16_u8(vzip2q_u8(a, b)), vreinterpretq_u16_u8(vzip2q_u8(c, d)));
            (
                (
                    vreinterpretq_f32_u16(vzip1q_u16(low.0, low.1)),
                    vreinterpretq_f32_u16(vzip2q_u16(low.0, low.1)),
                ),
                (
                    vreinterpretq_f32_u16(vzip1q_u16(high.0, high.1)),
                    vreinterpretq_f32_u16(vzip2q_u16(high.0, high.1)),
                ),
            )
        }
    }
    #[inline(always)]
    fn load_words(self, x: &[i16; 16]) -> Self::W {
        // SAFETY: NEON is mandatory on aarch64; the array holds the 32 bytes that are read.
        unsafe { (vld1q_s16(x.as_ptr()), vld1q_s16(x.as_ptr().add(8))) }
    }
    #[inline(always)]
    fn signed_words(self, v: uint8x16_t) -> Self::W {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let v = vreinterpretq_s8_u8(v);
            (vmovl_s8(vget_low_s8(v)), vmovl_high_s8(v))
        }
    }
    #[inline(always)]
    fn dot_words(self, sum: I, a: Self::W, b: Self::W) -> I {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let pairs = |a: int16x8_t, b: int16x8_t| {
                vreinterpretq_u32_s32(vpaddq_s32(
                    vmull_s16(vget_low_s16(a), vget_low_s16(b)),
                    vmull_high_s16(a, b),
                ))
            };
            (vaddq_u32(sum.0, pairs(a.0, b.0)), vaddq_u32(sum.1, pairs(a.1, b.1)))
        }
    }
    #[inline(always)]
    fn int_floats(self, v: I) -> F {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vcvtq_f32_s32(vreinterpretq_s32_u32(v.0)), vcvtq_f32_s32(vreinterpretq_s32_u32(v.1))) }
    }
    #[inline(always)]
    fn halves(self, x: &[u16; 8]) -> F {
        // As `widened` does it.
        // SAFETY: NEON is mandatory on aarch64; the array holds the 16 bytes that are read.
        unsafe {
            let bits = vld1q_u16(x.as_ptr());
            let four = |bits: uint16x4_t| {
                let bits = vmovl_u16(bits);
                let magnitude = vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7FFF)));
                let shift = vdupq_n_f32(f32::from_bits((127 + 112) << 23));
                let finite = vreinterpretq_u32_f32(vmulq_f32(vreinterpretq_f32_u32(magnitude), shift));
                let other = vorrq_u32(magnitude, vdupq_n_u32(0x7F80_0000));
                let largest = vcgeq_u32(magnitude, vdupq_n_u32(0x7C00 << 13));
                let sign = vshlq_n_u32::<16>(vandq_u32(bits, vdupq_n_u32(0x8000)));
                vreinterpretq_f32_u32(vorrq_u32(vbslq_u32(largest, other, finite), sign))
            };
            (four(vget_low_u16(bits)), four(vget_high_u16(bits)))
        }
    }
    #[inline(always)]
    fn join(self, first: uint8x16_t, second: uint8x16_t) -> Self::C {
        (first, second)
    }
    #[inline(always)]
    fn load_codes(self, x: &[u8; 32]) -> Self::C {
        // SAFETY: NEON is mandatory on aarch64; the array holds the 32 bytes that are read.
        unsafe { (vld1q_u8(x.as_ptr()), vld1q_u8(x.as_ptr().add(16))) }
    }
    #[inline(always)]
    fn low_nibbles(self, v: Self::C) -> Self::C {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vandq_u8(v.0, vdupq_n_u8(15)), vandq_u8(v.1, vdupq_n_u8(15))) }
    }
    #[inline(always)]
    fn high_nibbles(self, v: Self::C) -> Self::C {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vshrq_n_u8::<4>(v.0), vshrq_n_u8::<4>(v.1)) }
    }
    #[inline(always)]
    fn or_codes(self, a: Self::C, b: Self::C) -> Self::C {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe { (vorrq_u8(a.0, b.0), vorrq_u8(a.1, b.1)) }
    }
    #[inline(always)]
    fn spread_bits(self, bits: u32) -> Self::C {
        const OWN: [u8; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
        let [a, b, c, d] = bits.to_le_bytes();
        // SAFETY: NEON is mandatory on aarch64; the array holds the 8 bytes that are read.
        unsafe {
            let own = vld1_u8(OWN.as_ptr());
            let sixteen = |low: u8, high: u8| {
                let found = vcombine_u8(vtst_u8(vdup_n_u8(low), own), vtst_u8(vdup_n_u8(high), own));
                vandq_u8(found, vdupq_n_u8(16))
            };
            (sixteen(a, b), sixteen(c, d))
        }
    }
    #[inline(always)]
    fn fifth_bits<const BIT: i32>(self, v: Self::C) -> Self::C {
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let own = vdupq_n_u8(1 << BIT);
            let sixteen = vdupq_n_u8(16);
            (vandq_u8(vtstq_u8(v.0, own), sixteen), vandq_u8(vtstq_u8(v.1, own), sixteen))
        }
    }
    #[inline(always)]
    fn top_bits<const SHIFT: i32>(self, v: Self::C) -> Self::C {
        // A shift by a negative number goes right.
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let (shift, mask) = (vdupq_n_s8(4 - SHIFT as i8), vdupq_n_u8(0x30));
            (vandq_u8(vshlq_u8(v.0, shift), mask), vandq_u8(vshlq_u8(v.1, shift), mask))
        }
    }
    #[inline(always)]
    fn dot_codes(self, codes: Self::C, x: Split<'_>) -> I {
        let (halves, _) = x.whole.as_chunks::<16>();
        let zero = self.int(0);
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            (
                quads(zero.0, widened_bytes(codes.0), self.load_words(&halves[0])),
                quads(zero.1, widened_bytes(codes.1), self.load_words(&halves[1])),
            )
        }
    }
    #[inline(always)]
    fn no_sum(self) -> I {
        self.int(0)
    }
    #[inline(always)]
    fn scaled_dot(self, sum: I, codes: Self::C, scales: [i16; 2], x: Split<'_>) -> I {
        let (halves, _) = x.whole.as_chunks::<16>();
        // SAFETY: NEON is mandatory on aarch64.
        unsafe {
            let scaled = |codes: uint8x16_t, scale: i16| {
                let words = widened_bytes(codes);
                (vmulq_n_s16(words.0, scale), vmulq_n_s16(words.1, scale))
            };
            (
                quads(sum.0, scaled(codes.0, scales[0]), self.load_words(&halves[0])),
                quads(sum.1, scaled(codes.1, scales[1]), self.load_words(&halves[1])),
            )
        }
    }
    #[inline(always)]
    fn total(self, sum: I) -> I {
        sum
    }
}

/// # Safety
/// None beyond NEON, which is mandatory on aarch64.
#[inline(always)]
unsafe fn widened_bytes(v: uint8x16_t) -> (int16x8_t, int16x8_t) {
    // SAFETY: NEON is mandatory on aarch64.
    unsafe { (vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(v))), vreinterpretq_s16_u16(vmovl_high_u8(v))) }
}

/// `sum` plus, in each lane, the products of four words each.
///
/// # Safety
/// None beyond NEON, which is mandatory on aarch64.
#[inline(always)]
unsafe fn quads(sum: uint32x4_t, a: (int16x8_t, int16x8_t), b: (int16x8_t, int16x8_t)) -> uint32x4_t {
    // SAFETY: NEON is mandatory on aarch64.
    unsafe {
        let pairs = |a: int16x8_t, b: int16x8_t| {
            vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b))
        };
        vaddq_u32(sum, vreinterpretq_u32_s32(vpaddq_s32(pairs(a.0, b.0), pairs(a.1, b.1))))
    }
}

/// # Safety
/// None beyond NEON, which is mandatory on aarch64.
#[inline(always)]
unsafe fn xor(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: NEON is mandatory on aarch64.
    unsafe { vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b))) }
}

/// Hadamard of four lanes: strides 1 and 2.
///
/// # Safety
/// None beyond NEON, which is mandatory on aarch64.
#[inline(always)]
unsafe fn four(v: float32x4_t) -> float32x4_t {
    // SAFETY: NEON is mandatory on aarch64.
    unsafe {
        let signs = vreinterpretq_f32_u64(vdupq_n_u64(1 << 63));
        let v = vaddq_f32(vrev64q_f32(v), xor(v, signs));
        let (low, high) = (vget_low_f32(v), vget_high_f32(v));
        vcombine_f32(vadd_f32(low, high), vsub_f32(low, high))
    }
}
