//! Loops that do nothing but keep a processor or its memory busy: what is timed to tell how fast those are. They stand here,
//! since a small program is built for size elsewhere, and these would run at half their speed.
#![cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(unsafe_code, reason = "code for instruction sets that are looked for before it is called")
)]

/// Independent sums: enough to fill the pipelines, few enough for the registers.
const CHAINS: usize = 12;
/// Sums in a register of AVX2.
const LANES: usize = 8;
const FACTOR: f32 = 0.999;
const ADDEND: f32 = 0.001;

/// Multiplications and additions of a round of [`multiply`].
pub const OPERATIONS: u64 = (CHAINS * LANES * 2) as u64;

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
fn starts(start: f32) -> [[f32; LANES]; CHAINS] {
    std::array::from_fn(|chain| std::array::from_fn(|lane| start + (chain * LANES + lane) as f32))
}

/// Chains of multiplications with additions in plain Rust, the twin of the others; the sum of what comes out.
#[cfg(any(test, not(target_arch = "aarch64")))]
fn plain(start: f32, rounds: u64) -> f32 {
    let mut sums = starts(start);
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
    let mut sums = starts(start).map(|lanes| unsafe { std::mem::transmute::<[f32; LANES], __m256>(lanes) });
    let (factor, addend) = (_mm256_set1_ps(FACTOR), _mm256_set1_ps(ADDEND));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, addend);
        }
    }
    // SAFETY: likewise.
    let lanes = sums.map(|sum| unsafe { std::mem::transmute::<__m256, [f32; LANES]>(sum) });
    lanes.iter().flatten().sum()
}

/// The same with two registers a chain.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn wide(start: f32, rounds: u64) -> f32 {
    use core::arch::aarch64::{float32x4_t, vdupq_n_f32, vfmaq_f32};
    type Pair = [float32x4_t; 2];
    // SAFETY: two registers are eight floats, whatever they are.
    let mut sums = starts(start).map(|lanes| unsafe { std::mem::transmute::<[f32; LANES], Pair>(lanes) });
    let (factor, addend) = (vdupq_n_f32(FACTOR), vdupq_n_f32(ADDEND));
    for _ in 0..rounds {
        for half in sums.iter_mut().flatten() {
            *half = vfmaq_f32(addend, *half, factor);
        }
    }
    // SAFETY: likewise.
    let lanes = sums.map(|sum| unsafe { std::mem::transmute::<Pair, [f32; LANES]>(sum) });
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
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both.
        return unsafe { wide(start, rounds) };
    }
    plain(start, rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_chains_give_the_bits_of_plain_ones() {
        for rounds in [0, 1, 7, 100] {
            assert_eq!(multiply(0.5, rounds).to_bits(), plain(0.5, rounds).to_bits());
        }
    }

    #[test]
    fn every_word_is_added() {
        assert_eq!(sum(&[1; 512]), 64 * 0x0101_0101_0101_0101);
    }
}
