//! Loops that do nothing but keep a processor or its memory busy: what is timed to tell how fast those are. They stand here,
//! since a small program is built for size elsewhere, and these would run at half their speed.
#![cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(unsafe_code, reason = "code for instruction sets that are looked for before it is called")
)]

/// Independent sums: enough to fill the pipelines, few enough for the registers.
const CHAINS: usize = 12;
const FACTOR: f32 = 0.999;
const ADDEND: f32 = 0.001;

/// Sums in a register of the widest instructions that are known here.
fn lanes() -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        return 16;
    }
    8
}

/// Multiplications and additions of a round of [`multiply`].
pub fn operations() -> u64 {
    (CHAINS * lanes() * 2) as u64
}

/// The sum of all words, in as many strands as keep loads in flight.
#[inline(never)]
pub fn sum(memory: &[u8]) -> u64 {
    let mut strands = [0_u64; 32];
    for chunk in memory.as_chunks::<8>().0.as_chunks::<32>().0 {
        for (strand, word) in strands.iter_mut().zip(chunk) {
            *strand = strand.wrapping_add(u64::from_ne_bytes(*word));
        }
    }
    strands.iter().fold(0, |all, strand| all.wrapping_add(*strand))
}

/// What each sum begins with.
fn starts<const LANES: usize>(start: f32) -> [[f32; LANES]; CHAINS] {
    std::array::from_fn(|chain| std::array::from_fn(|lane| start + (chain * LANES + lane) as f32))
}

/// Chains of multiplications with additions in plain Rust, the twin of the others; the sum of what comes out.
#[cfg(any(test, not(target_arch = "aarch64")))]
fn plain<const LANES: usize>(start: f32, rounds: u64) -> f32 {
    let mut sums = starts::<LANES>(start);
    for _ in 0..rounds {
        for lane in sums.iter_mut().flatten() {
            *lane = lane.mul_add(FACTOR, ADDEND);
        }
    }
    sums.iter().flatten().sum()
}

/// The same with a register a chain: compilers leave the plain loop scalar.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn wide(start: f32, rounds: u64) -> f32 {
    use core::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_set1_ps};
    // SAFETY: a register is eight floats, whatever they are.
    let mut sums = starts(start).map(|lanes| unsafe { std::mem::transmute::<[f32; 8], __m256>(lanes) });
    let (factor, addend) = (_mm256_set1_ps(FACTOR), _mm256_set1_ps(ADDEND));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, addend);
        }
    }
    // SAFETY: likewise.
    let lanes = sums.map(|sum| unsafe { std::mem::transmute::<__m256, [f32; 8]>(sum) });
    lanes.iter().flatten().sum()
}

/// The same with registers of twice the width: data sheets count them, and products of a model's weights use them.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn wider(start: f32, rounds: u64) -> f32 {
    use core::arch::x86_64::{__m512, _mm512_fmadd_ps, _mm512_set1_ps};
    // SAFETY: a register is sixteen floats, whatever they are.
    let mut sums = starts(start).map(|lanes| unsafe { std::mem::transmute::<[f32; 16], __m512>(lanes) });
    let (factor, addend) = (_mm512_set1_ps(FACTOR), _mm512_set1_ps(ADDEND));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, addend);
        }
    }
    // SAFETY: likewise.
    let lanes = sums.map(|sum| unsafe { std::mem::transmute::<__m512, [f32; 16]>(sum) });
    lanes.iter().flatten().sum()
}

/// The same with two registers a chain.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn wide(start: f32, rounds: u64) -> f32 {
    use core::arch::aarch64::{float32x4_t, vdupq_n_f32, vfmaq_f32};
    type Pair = [float32x4_t; 2];
    // SAFETY: two registers are eight floats, whatever they are.
    let mut sums = starts(start).map(|lanes| unsafe { std::mem::transmute::<[f32; 8], Pair>(lanes) });
    let (factor, addend) = (vdupq_n_f32(FACTOR), vdupq_n_f32(ADDEND));
    for _ in 0..rounds {
        for half in sums.iter_mut().flatten() {
            *half = vfmaq_f32(addend, *half, factor);
        }
    }
    // SAFETY: likewise.
    let lanes = sums.map(|sum| unsafe { std::mem::transmute::<Pair, [f32; 8]>(sum) });
    lanes.iter().flatten().sum()
}

/// Chains of multiplications with additions in the widest instructions that are known here; the sum of what comes out.
#[cfg(target_arch = "aarch64")]
#[inline(never)]
pub fn multiply(start: f32, rounds: u64) -> f32 {
    // SAFETY: every processor of this kind has NEON.
    unsafe { wide(start, rounds) }
}

/// Chains of multiplications with additions in the widest instructions that are known here; the sum of what comes out.
#[cfg(not(target_arch = "aarch64"))]
#[inline(never)]
pub fn multiply(start: f32, rounds: u64) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if lanes() == 16 {
        // SAFETY: the processor has AVX-512.
        return unsafe { wider(start, rounds) };
    } else if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both.
        return unsafe { wide(start, rounds) };
    }
    plain::<8>(start, rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_chains_give_the_bits_of_plain_ones() {
        for rounds in [0, 1, 7, 100] {
            let twin = if lanes() == 16 { plain::<16>(0.5, rounds) } else { plain::<8>(0.5, rounds) };
            assert_eq!(multiply(0.5, rounds).to_bits(), twin.to_bits());
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                // SAFETY: the processor has both.
                assert_eq!(unsafe { wide(0.5, rounds) }.to_bits(), plain::<8>(0.5, rounds).to_bits());
            }
        }
        assert_eq!(operations() % 192, 0);
    }

    #[test]
    fn every_word_is_added() {
        assert_eq!(sum(&[1; 512]), 64 * 0x0101_0101_0101_0101);
    }
}
