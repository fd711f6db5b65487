//! Randomised Hadamard: random signs, then a Walsh–Hadamard transform, once to three times.
//!
//! A width that is no power of two is covered by two overlapping windows of the largest power of two below
//! it, the first at the start, the second at the end, with fresh signs between them: orthogonal, every channel
//! mixed, no padding stored. Channels are shuffled between rounds, so that the windows share their energy.

use crate::CodecError;
use crate::random::Random;

/// Signs and windows of a randomised Hadamard rotation.
#[derive(Debug, Clone)]
pub struct Hadamard {
    dim: usize,
    window: usize,
    window_factor: f32,
    gain: f32,
    signs: Vec<Vec<f32>>,
    /// Signs between the two windows of a round; without them the second would undo part of the first.
    inner_signs: Vec<Vec<f32>>,
    /// Before a later round of a width with two windows: channel i comes from, and goes to.
    orders: Vec<[Vec<u32>; 2]>,
    /// On the way back, what follows the transform of the first and of the second window of a round.
    factors_back: Vec<[Vec<f32>; 2]>,
}

impl Hadamard {
    /// Draws the signs of `rounds` rounds (1 to 3).
    pub fn new(dim: usize, rounds: u32, seed: u64) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        if !(1..=3).contains(&rounds) {
            let (value, expected) = (rounds.to_string(), "1 to 3".to_owned());
            return Err(CodecError::Parameter { field: "rounds", value, expected });
        }
        let window = if dim.is_power_of_two() { dim } else { dim.next_power_of_two() / 2 };
        let root = libm::sqrt(window as f64);
        // Powers of two leave the factor 1/sqrt(d) of each round to the caller.
        let gain = if window == dim { (0..rounds).fold(1.0, |gain, _| gain * root) } else { 1.0 };
        let mut random = Random::new(seed, 0x5349_474E);
        let signs: Vec<Vec<f32>> = (0..rounds).map(|_| masks(&mut random, dim)).collect();
        let inner_signs: Vec<Vec<f32>> = (0..rounds).map(|_| masks(&mut random, window)).collect();
        let shuffled = if window == dim { 0 } else { dim };
        let orders = (1..rounds).map(|_| order(&mut random, shuffled)).collect();
        let window_factor = (1.0 / root) as f32;
        let factors_back = if window == dim {
            Vec::new()
        } else {
            signs
                .iter()
                .zip(&inner_signs)
                .map(|(signs, inner)| factors_back(window_factor, [dim, window], signs, inner))
                .collect()
        };
        Ok(Self { dim, window, window_factor, gain: gain as f32, signs, inner_signs, orders, factors_back })
    }

    /// Channels.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The size of the transforms: the largest power of two up to the width.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Rounds of signs and transform.
    pub fn rounds(&self) -> usize {
        self.signs.len()
    }

    pub(crate) fn window_factor(&self) -> f32 {
        self.window_factor
    }

    pub(crate) fn gain(&self) -> f32 {
        self.gain
    }

    /// The shuffle before a round after the first: where channel i comes from, and where it went. May be empty.
    pub(crate) fn orders(&self, round: usize) -> &[Vec<u32>; 2] {
        &self.orders[round - 1]
    }

    /// On the way back, what each channel of the first window, and of the second, is multiplied by after its transform: the
    /// factor, with every sign that follows before channels are shuffled. None at a power of two.
    pub(crate) fn factors_back(&self, round: usize) -> &[Vec<f32>; 2] {
        &self.factors_back[round]
    }

    /// Signs before the second window of a round.
    pub(crate) fn inner_signs(&self, round: usize) -> &[f32] {
        &self.inner_signs[round]
    }

    /// -0.0 where a channel changes sign, padded with 0.0 to whole registers.
    pub(crate) fn signs(&self, round: usize) -> &[f32] {
        &self.signs[round]
    }
}

/// Channel i changes places with a random later one, in turn; as lists to read from, there and back.
fn order(random: &mut Random, dim: usize) -> [Vec<u32>; 2] {
    let mut from: Vec<u32> = (0..dim as u32).collect();
    for at in 0..dim {
        from.swap(at, at + random.index(dim - at));
    }
    let mut back = vec![0; dim];
    for (at, source) in from.iter().enumerate() {
        back[*source as usize] = at as u32;
    }
    [from, back]
}

/// A sign that follows a product is the sign of its factor: the bits are the same.
fn factors_back(factor: f32, [dim, window]: [usize; 2], signs: &[f32], inner: &[f32]) -> [Vec<f32>; 2] {
    let signed = |mask: f32, factor: f32| f32::from_bits(factor.to_bits() ^ mask.to_bits());
    let first = signs[..window].iter().map(|mask| signed(*mask, factor)).collect();
    let second = (dim - window..dim).zip(inner).map(|(channel, mask)| {
        // The first window gives its own channels their sign.
        let last = if channel < window { 0.0 } else { signs[channel] };
        signed(last, signed(*mask, factor))
    });
    [first, second.collect()]
}

fn masks(random: &mut Random, dim: usize) -> Vec<f32> {
    let mut word = 0;
    let mut masks = vec![0.0; dim.next_multiple_of(16)];
    for (channel, mask) in masks[..dim].iter_mut().enumerate() {
        if channel % 64 == 0 {
            word = random.bits();
        }
        *mask = if (word >> (channel % 64)) & 1 == 1 { -0.0 } else { 0.0 };
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::Rotation;
    use dhurandhar_leaf::simd::Isa;

    #[test]
    fn one_hot_becomes_flat_at_a_power_of_two() {
        let rotation = Rotation::Hadamard(Hadamard::new(64, 1, 3).unwrap());
        let mut x = vec![0.0; 64];
        x[17] = 8.0;
        assert!(rotation.forward(Isa::SCALAR, &x).iter().all(|v| (v.abs() - 1.0).abs() < 1e-6));
    }

    #[test]
    fn rounds_and_windows() {
        assert_eq!(Hadamard::new(96, 2, 0).unwrap().window(), 64);
        assert_eq!(Hadamard::new(255, 2, 0).unwrap().window(), 128);
        assert_eq!(Hadamard::new(1, 1, 0).unwrap().window(), 1);
        assert!(Hadamard::new(64, 0, 0).is_err());
        assert!(Hadamard::new(64, 4, 0).is_err());
        assert!(Hadamard::new(0, 1, 0).is_err());
    }
}
