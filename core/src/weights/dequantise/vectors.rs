//! Vectors as 16-bit integers, for products with the integers that blocks store.
//!
//! Sixteen bits keep an error of a part in 65,000 of the largest number of a group; eight, as runtimes take them, would
//! be seen in the logits.

/// Numbers of a sum that minima are multiplied by.
pub(super) const SUMMED: usize = 32;

/// One vector after another, in groups of numbers that share a scale.
#[derive(Debug, Clone)]
pub(super) struct Coded {
    /// Numbers of a group.
    pub(super) group: usize,
    /// Numbers of a vector.
    pub(super) length: usize,
    /// The integers.
    pub(super) codes: Vec<i16>,
    /// One a group.
    pub(super) scales: Vec<f32>,
    /// Sums of 32 numbers each.
    pub(super) sums: Vec<f32>,
}

/// Adding and taking away 1.5 x 2^23 rounds to an integer, which then lies in the low bits.
const ROUND: f32 = 12_582_912.0;
const LARGEST: f32 = 32_767.0;

impl Coded {
    /// Vectors of `length` numbers; none where a number is not finite, or where groups do not fill a vector.
    pub(super) fn new(vectors: &[f32], length: usize, group: usize) -> Option<Self> {
        let whole = length > 0 && length.is_multiple_of(group) && vectors.len().is_multiple_of(length);
        if !whole || !vectors.iter().all(|x| x.is_finite()) {
            return None;
        }
        let mut codes = vec![0; vectors.len()];
        let mut scales = Vec::with_capacity(vectors.len() / group);
        for (codes, x) in codes.chunks_exact_mut(group).zip(vectors.chunks_exact(group)) {
            let largest = x.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let factor = if largest > 0.0 { LARGEST / largest } else { 0.0 };
            // The smallest numbers there are have no factor that is one.
            let factor = if factor.is_finite() { factor } else { 0.0 };
            for (code, x) in codes.iter_mut().zip(x) {
                #[expect(clippy::cast_possible_truncation, reason = "the low bits are the integer")]
                let low = (x * factor + ROUND).to_bits() as u16;
                *code = low.cast_signed();
            }
            scales.push(largest / LARGEST);
        }
        let sums = vectors.chunks_exact(SUMMED).map(|x| x.iter().sum()).collect();
        Some(Self { group, length, codes, scales, sums })
    }

    /// Integers, scales and sums of each vector.
    pub(super) fn each(&self) -> impl Iterator<Item = One<'_>> {
        let codes = self.codes.chunks_exact(self.length);
        let scales = self.scales.chunks_exact(self.length / self.group);
        let sums = self.sums.chunks_exact(self.length / SUMMED);
        codes.zip(scales).zip(sums).map(|((codes, scales), sums)| One { codes, scales, sums })
    }
}

/// One vector.
#[derive(Debug, Clone, Copy)]
pub(super) struct One<'a> {
    pub(super) codes: &'a [i16],
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [f32],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Random;

    #[test]
    fn codes_are_the_nearest_integers() {
        let x = Random::new(3, 9).normals(512);
        let coded = Coded::new(&x, 256, 32).unwrap();
        for (at, x) in x.iter().enumerate() {
            let scale = coded.scales[at / 32];
            let error = (f32::from(coded.codes[at]) * scale - x).abs();
            assert!(error <= scale * 0.51, "{at}");
        }
        let sum: f32 = x[32..64].iter().sum();
        assert!((coded.sums[1] - sum).abs() < 1e-5);
        assert_eq!(coded.each().count(), 2);
    }

    #[test]
    fn nothing_and_the_smallest_numbers_are_zero_and_what_is_no_number_is_refused() {
        let coded = Coded::new(&[0.0; 32], 32, 32).unwrap();
        assert!(coded.codes.iter().all(|code| *code == 0));
        let coded = Coded::new(&[f32::from_bits(1); 32], 32, 32).unwrap();
        assert!(coded.codes.iter().all(|code| *code == 0));
        let mut x = [1.0; 32];
        x[7] = f32::NAN;
        assert!(Coded::new(&x, 32, 32).is_none());
        x[7] = f32::INFINITY;
        assert!(Coded::new(&x, 32, 32).is_none() && Coded::new(&[1.0; 48], 48, 32).is_none());
    }
}
