//! Seeded random draws: PCG64-MCG words, normals by Box–Muller.
//!
//! The same seed gives the same bits on every target: the generator is named and versioned, and the
//! transcendental functions come from `libm`, never from the host.

use core::f64::consts::TAU;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

/// A stream of random numbers for one purpose.
#[derive(Debug, Clone)]
pub struct Random {
    words: Pcg64Mcg,
    spare: Option<f64>,
}

impl Random {
    /// The stream of `seed` for one purpose; different purposes give independent streams.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut state = seed ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let low = split_mix(&mut state);
        let high = split_mix(&mut state);
        Self { words: Pcg64Mcg::new((u128::from(high) << 64) | u128::from(low)), spare: None }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..below`; the bias of the multiply-shift is below 2^-32 for widths in use.
    pub fn index(&mut self, below: usize) -> usize {
        ((u128::from(self.bits()) * below as u128) >> 64) as usize
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        let (sin, cos) = libm::sincos(TAU * self.uniform());
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// `n` standard normals in single precision.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal() as f32).collect()
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014), the usual way to spread a small seed.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_matches_its_published_first_words() {
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn normals_have_unit_variance_and_no_mean() {
        let draws = Random::new(7, 1).normals(100_000);
        let mean = draws.iter().map(|&x| f64::from(x)).sum::<f64>() / 1e5;
        let square = draws.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 4.0 / 1e5_f64.sqrt());
        assert!((square - 1.0).abs() < 4.0 * (2.0 / 1e5_f64).sqrt());
    }

    #[test]
    fn purposes_are_independent_and_seeds_repeat() {
        assert_eq!(Random::new(1, 2).bits(), Random::new(1, 2).bits());
        assert_ne!(Random::new(1, 2).bits(), Random::new(1, 3).bits());
    }
}
