//! AVX2: eight floats in a register.
#![allow(
    unsafe_code,
    clippy::wildcard_imports,
    reason = "vector intrinsics; an `Avx2` value proves that the processor has them"
)]

use core::arch::x86_64::*;

use super::lanes::{Kernel, Simd, Split};

/// Proof that the processor has AVX2, F16C and FMA; and AVX-512's VNNI for registers of this size where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2<const VNNI: bool>(());

impl Avx2<false> {
    /// The proof, if the processor has them.
    pub(super) fn detect() -> Option<Self> {
        let found = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("f16c")
            && std::arch::is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }
}

impl Avx2<true> {
    /// The proof, if the processor has them.
    pub(super) fn detect() -> Option<Self> {
        let found = std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vnni");
        Avx2::<false>::detect().filter(|_| found).map(|_| Self(()))
    }
}

#[target_feature(enable = "avx2,f16c,fma")]
fn enter<K: Kernel>(simd: Avx2<false>, kernel: K) -> K::Output {
    kernel.run(simd)
}

#[target_feature(enable = "avx2,f16c,fma,avx512vl,avx512bw,avx512vnni")]
fn enter_vnni<K: Kernel>(simd: Avx2<true>, kernel: K) -> K::Output {
    kernel.run(simd)
}

impl<const VNNI: bool> Simd for Avx2<VNNI> {
    const MANY_REGISTERS: bool = true;
    const TURNS: bool = true;

    type F = __m256;
    type I = __m256i;
    type B = __m128i;
    type W = __m256i;
    type C = __m256i;
    /// Of the high bytes, and of the low ones.
    type Sum = [__m256i; 2];
    type Table = (__m256, __m256);

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` proves AVX2.
        unsafe { if VNNI { enter_vnni(Avx2(()), kernel) } else { enter(Avx2(()), kernel) } }
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
        // Each stage adds the swapped neighbour to itself, the upper half of a pair with its sign flipped. A product with
        // one or minus one is exact, so that the fused sum is rounded as a plain one.
        // SAFETY: `self` proves AVX2 and FMA.
        unsafe {
            let signs = _mm256_setr_ps(1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0);
            let v = _mm256_fmadd_ps(v, signs, _mm256_permute_ps::<0b10_11_00_01>(v));
            let signs = _mm256_setr_ps(1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0);
            let v = _mm256_fmadd_ps(v, signs, _mm256_permute_ps::<0b01_00_11_10>(v));
            let signs = _mm256_setr_ps(1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0);
            _mm256_fmadd_ps(v, signs, _mm256_permute2f128_ps::<1>(v, v))
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
    fn transpose(self, [a, b, c, d, e, f, g, h]: [__m256; 8]) -> [__m256; 8] {
        // SAFETY: `self` proves AVX2.
        unsafe {
            // Pairs of lanes, then fours, within halves; then halves change places.
            let pairs = [
                (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)),
                (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d)),
                (_mm256_unpacklo_ps(e, f), _mm256_unpackhi_ps(e, f)),
                (_mm256_unpacklo_ps(g, h), _mm256_unpackhi_ps(g, h)),
            ];
            let low = [
                _mm256_shuffle_ps::<0b01_00_01_00>(pairs[0].0, pairs[1].0),
                _mm256_shuffle_ps::<0b11_10_11_10>(pairs[0].0, pairs[1].0),
                _mm256_shuffle_ps::<0b01_00_01_00>(pairs[0].1, pairs[1].1),
                _mm256_shuffle_ps::<0b11_10_11_10>(pairs[0].1, pairs[1].1),
            ];
            let high = [
                _mm256_shuffle_ps::<0b01_00_01_00>(pairs[2].0, pairs[3].0),
                _mm256_shuffle_ps::<0b11_10_11_10>(pairs[2].0, pairs[3].0),
                _mm256_shuffle_ps::<0b01_00_01_00>(pairs[2].1, pairs[3].1),
                _mm256_shuffle_ps::<0b11_10_11_10>(pairs[2].1, pairs[3].1),
            ];
            [
                _mm256_permute2f128_ps::<0x20>(low[0], high[0]),
                _mm256_permute2f128_ps::<0x20>(low[1], high[1]),
                _mm256_permute2f128_ps::<0x20>(low[2], high[2]),
                _mm256_permute2f128_ps::<0x20>(low[3], high[3]),
                _mm256_permute2f128_ps::<0x31>(low[0], high[0]),
                _mm256_permute2f128_ps::<0x31>(low[1], high[1]),
                _mm256_permute2f128_ps::<0x31>(low[2], high[2]),
                _mm256_permute2f128_ps::<0x31>(low[3], high[3]),
            ]
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
    fn signed_words(self, v: __m128i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_cvtepi8_epi16(v) }
    }
    #[inline(always)]
    fn dot_words(self, sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2, and VNNI where that is said.
        unsafe {
            if VNNI { _mm256_dpwssd_epi32(sum, a, b) } else { _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)) }
        }
    }
    #[inline(always)]
    fn int_floats(self, v: __m256i) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_cvtepi32_ps(v) }
    }
    #[inline(always)]
    fn halves(self, x: &[u16; 8]) -> __m256 {
        // SAFETY: `self` proves F16C; the array holds the 16 bytes that are read.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().cast())) }
    }
    #[inline(always)]
    fn join(self, first: __m128i, second: __m128i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set_m128i(second, first) }
    }
    #[inline(always)]
    fn load_codes(self, x: &[u8; 32]) -> __m256i {
        // SAFETY: `self` proves AVX2; the array holds the 32 bytes that are read.
        unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn low_nibbles(self, v: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_and_si256(v, _mm256_set1_epi8(15)) }
    }
    #[inline(always)]
    fn high_nibbles(self, v: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_and_si256(_mm256_srli_epi16::<4>(v), _mm256_set1_epi8(15)) }
    }
    #[inline(always)]
    fn or_codes(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_or_si256(a, b) }
    }
    #[inline(always)]
    fn spread_bits(self, bits: u32) -> __m256i {
        // Each byte of the bits to eight lanes, each of which keeps its own bit.
        // SAFETY: `self` proves AVX2.
        unsafe {
            let (a, b) = (0x0101_0101_0101_0101, 0x0202_0202_0202_0202);
            let order = _mm256_setr_epi64x(0, a, b, a + b);
            let own = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
            let spread = _mm256_shuffle_epi8(_mm256_set1_epi32(bits.cast_signed()), order);
            let found = _mm256_cmpeq_epi8(_mm256_and_si256(spread, own), own);
            _mm256_and_si256(found, _mm256_set1_epi8(16))
        }
    }
    #[inline(always)]
    fn fifth_bits<const BIT: i32>(self, v: __m256i) -> __m256i {
        // Bits that a shift brings from a neighbour are masked away.
        // SAFETY: `self` proves AVX2.
        unsafe {
            let shifted = match BIT {
                0 => _mm256_slli_epi16::<4>(v),
                1 => _mm256_slli_epi16::<3>(v),
                2 => _mm256_slli_epi16::<2>(v),
                3 => _mm256_slli_epi16::<1>(v),
                4 => v,
                5 => _mm256_srli_epi16::<1>(v),
                6 => _mm256_srli_epi16::<2>(v),
                _ => _mm256_srli_epi16::<3>(v),
            };
            _mm256_and_si256(shifted, _mm256_set1_epi8(16))
        }
    }
    #[inline(always)]
    fn top_bits<const SHIFT: i32>(self, v: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let shifted = match SHIFT {
                0 => _mm256_slli_epi16::<4>(v),
                2 => _mm256_slli_epi16::<2>(v),
                4 => v,
                _ => _mm256_srli_epi16::<2>(v),
            };
            _mm256_and_si256(shifted, _mm256_set1_epi8(0x30))
        }
    }
    #[inline(always)]
    fn dot_codes(self, codes: __m256i, x: Split<'_>) -> __m256i {
        // SAFETY: `self` proves AVX2, and VNNI where that is said; the arrays hold the 32 bytes that are read.
        unsafe {
            let high = _mm256_loadu_si256(x.high.as_ptr().cast());
            let low = _mm256_loadu_si256(x.low.as_ptr().cast());
            if VNNI {
                let high = _mm256_dpbusd_epi32(_mm256_setzero_si256(), codes, high);
                return _mm256_dpbusd_epi32(_mm256_slli_epi32::<8>(high), codes, low);
            }
            // Pairs stay within 16 bits: 2 x 63 x 128.
            let high = _mm256_madd_epi16(_mm256_maddubs_epi16(codes, high), _mm256_set1_epi16(256));
            let low = _mm256_madd_epi16(_mm256_maddubs_epi16(codes, low), _mm256_set1_epi16(1));
            _mm256_add_epi32(high, low)
        }
    }
    #[inline(always)]
    fn no_sum(self) -> [__m256i; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [_mm256_setzero_si256(); 2] }
    }
    #[inline(always)]
    fn scaled_dot(self, sum: [__m256i; 2], codes: __m256i, scales: [i16; 2], x: Split<'_>) -> [__m256i; 2] {
        // SAFETY: `self` proves AVX2; the arrays hold the 32 bytes that are read.
        unsafe {
            let scales = if scales[0] == scales[1] {
                _mm256_set1_epi16(scales[0])
            } else {
                _mm256_set_m128i(_mm_set1_epi16(scales[1]), _mm_set1_epi16(scales[0]))
            };
            let high = _mm256_maddubs_epi16(codes, _mm256_loadu_si256(x.high.as_ptr().cast()));
            let low = _mm256_maddubs_epi16(codes, _mm256_loadu_si256(x.low.as_ptr().cast()));
            [self.dot_words(sum[0], high, scales), self.dot_words(sum[1], low, scales)]
        }
    }
    #[inline(always)]
    fn total(self, [high, low]: [__m256i; 2]) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_add_epi32(_mm256_slli_epi32::<8>(high), low) }
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
