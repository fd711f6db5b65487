//! AVX2: eight floats in a register.
#![expect(unsafe_code, reason = "vector intrinsics; an `Avx2` value proves that the processor has them")]
#![allow(clippy::wildcard_imports, reason = "intrinsics carry their module in their names")]

use core::arch::x86_64::*;

use super::simd::{Kernel, Simd};

/// Proof that the processor has AVX2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The proof, if the processor has AVX2.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

#[target_feature(enable = "avx2")]
fn enter<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
    kernel.run(simd)
}

/// A mask that flips signs, from the bits of its lanes.
#[inline(always)]
fn signs(lanes: [i32; 8]) -> __m256 {
    // SAFETY: [i32; 8] and __m256 are 32 bytes of plain data.
    unsafe { core::mem::transmute(lanes) }
}

impl Simd for Avx2 {
    const MANY_REGISTERS: bool = true;

    type F = __m256;
    type I = __m256i;
    type B = __m128i;
    type W = __m256i;
    type Table = (__m256, __m256);

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` proves AVX2.
        unsafe { enter(self, kernel) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    fn load(self, x: &[f32; 8]) -> __m256 {
        // SAFETY: `self` proves AVX2; the array holds the 32 bytes that are read.
        unsafe { _mm256_loadu_ps(x.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, v: __m256, out: &mut [f32; 8]) {
        // SAFETY: `self` proves AVX2; the array holds the 32 bytes that are written.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn abs(self, v: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), v) }
    }
    #[inline(always)]
    fn flip(self, v: __m256, mask: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_xor_ps(v, mask) }
    }
    #[inline(always)]
    fn butterflies(self, v: __m256) -> __m256 {
        const M: i32 = i32::MIN;
        // Each stage adds the swapped neighbour to itself, the upper half of a pair with its sign flipped.
        // SAFETY: `self` proves AVX2.
        unsafe {
            let v = _mm256_add_ps(
                _mm256_permute_ps::<0b10_11_00_01>(v),
                _mm256_xor_ps(v, signs([0, M, 0, M, 0, M, 0, M])),
            );
            let v = _mm256_add_ps(
                _mm256_permute_ps::<0b01_00_11_10>(v),
                _mm256_xor_ps(v, signs([0, 0, M, M, 0, 0, M, M])),
            );
            _mm256_add_ps(
                _mm256_permute2f128_ps::<1>(v, v),
                _mm256_xor_ps(v, signs([0, 0, 0, 0, M, M, M, M])),
            )
        }
    }
    #[inline(always)]
    fn sum(self, v: __m256) -> f32 {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn int(self, x: i32) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set1_epi32(x) }
    }
    #[inline(always)]
    fn count_ge(self, count: __m256i, v: __m256, threshold: __m256) -> __m256i {
        // A true lane is -1.
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_sub_epi32(count, _mm256_castps_si256(_mm256_cmp_ps::<_CMP_GE_OQ>(v, threshold))) }
    }
    #[inline(always)]
    fn mark_negative(self, code: __m256i, v: __m256, bit: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let negative = _mm256_cmp_ps::<_CMP_LT_OQ>(v, _mm256_setzero_ps());
            _mm256_or_si256(code, _mm256_and_si256(_mm256_castps_si256(negative), bit))
        }
    }
    #[inline(always)]
    fn narrow(self, low: __m256i, high: __m256i) -> __m128i {
        // SAFETY: `self` proves AVX2.
        unsafe {
            // Words come out as low 0-3, high 0-3, low 4-7, high 4-7.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(low, high));
            _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words))
        }
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; 16]) -> __m128i {
        // SAFETY: `self` proves AVX2; the array holds the 16 bytes that are read.
        unsafe { _mm_loadu_si128(x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store_bytes(self, v: __m128i, out: &mut [u8; 16]) {
        // SAFETY: `self` proves AVX2; the array holds the 16 bytes that are written.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), v) }
    }
    #[inline(always)]
    fn nibbles(self, v: __m128i) -> (__m128i, __m128i) {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let mask = _mm_set1_epi8(15);
            (_mm_and_si128(v, mask), _mm_and_si128(_mm_srli_epi16::<4>(v), mask))
        }
    }
    #[inline(always)]
    fn join_nibbles(self, low: __m128i, high: __m128i) -> __m128i {
        // Bytes below 16 do not cross into their neighbour.
        // SAFETY: `self` proves AVX2.
        unsafe { _mm_or_si128(low, _mm_slli_epi16::<4>(high)) }
    }
    #[inline(always)]
    fn table(self, values: &[f32; 16]) -> (__m256, __m256) {
        // SAFETY: `self` proves AVX2; the array holds the 64 bytes that are read.
        unsafe { (_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values.as_ptr().add(8))) }
    }
    #[inline(always)]
    fn lookup(self, table: (__m256, __m256), index: __m128i) -> (__m256, __m256) {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let low = _mm256_cvtepu8_epi32(index);
            let high = _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(index));
            (select(table, low), select(table, high))
        }
    }
    #[inline(always)]
    fn load_words(self, x: &[i16; 16]) -> __m256i {
        // SAFETY: `self` proves AVX2; the array holds the 32 bytes that are read.
        unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn splat_words(self, x: i16) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set1_epi16(x) }
    }
    #[inline(always)]
    fn words(self, v: __m128i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_cvtepu8_epi16(v) }
    }
    #[inline(always)]
    fn signed_words(self, v: __m128i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_cvtepi8_epi16(v) }
    }
    #[inline(always)]
    fn sub_words(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_sub_epi16(a, b) }
    }
    #[inline(always)]
    fn mul_words(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_mullo_epi16(a, b) }
    }
    #[inline(always)]
    fn dot_words(self, sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)) }
    }
    #[inline(always)]
    fn int_floats(self, v: __m256i) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_cvtepi32_ps(v) }
    }
    #[inline(always)]
    fn or_bytes(self, a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm_or_si128(a, b) }
    }
    #[inline(always)]
    fn spread_bits(self, bits: u16) -> __m128i {
        // Byte 0 of the bits to eight lanes, byte 1 to the others; each lane keeps its own bit.
        // SAFETY: `self` proves AVX2.
        unsafe {
            let order = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
            let own = _mm_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
            let spread = _mm_shuffle_epi8(_mm_cvtsi32_si128(i32::from(bits)), order);
            let found = _mm_cmpeq_epi8(_mm_and_si128(spread, own), own);
            _mm_and_si128(found, _mm_set1_epi8(16))
        }
    }
    #[inline(always)]
    fn fifth_bits(self, v: __m128i, mask: u8) -> __m128i {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let own = _mm_set1_epi8(mask.cast_signed());
            _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(v, own), own), _mm_set1_epi8(16))
        }
    }
    #[inline(always)]
    fn top_bits<const SHIFT: i32>(self, v: __m128i) -> __m128i {
        // Bits that a shift brings from a neighbour are masked away.
        // SAFETY: `self` proves AVX2.
        unsafe {
            let low = _mm_and_si128(_mm_srli_epi16::<SHIFT>(v), _mm_set1_epi8(3));
            _mm_slli_epi16::<4>(low)
        }
    }
}

/// A permute takes the low three bits of an index; the fourth chooses the half of the table.
///
/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn select(table: (__m256, __m256), index: __m256i) -> __m256 {
    // SAFETY: the caller vouches for AVX2.
    unsafe {
        let low = _mm256_permutevar8x32_ps(table.0, index);
        let high = _mm256_permutevar8x32_ps(table.1, index);
        _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32::<28>(index)))
    }
}
