//! Vectors as 16-bit integers, for products with the integers that blocks store.
//!
//! Sixteen bits keep an error of a part in 65,000 of the largest number of a group; eight, as runtimes take them, would
//! be seen in the logits.

use crate::simd::Split;

/// Two hundred and fifty-six numbers of a vector, in 32s; zeros beyond its end.
#[derive(Debug, Clone)]
pub(super) struct Part {
    whole: [[i16; 32]; 8],
    /// The same as `256 high + low`.
    high: [[i8; 32]; 8],
    low: [[i8; 32]; 8],
    /// What a one of each 32 stands for; all the same where all share it.
    pub(super) scales: [f32; 8],
    /// Sums of what the integers stand for, of 16 or 32 numbers each.
    pub(super) sums: [f32; 16],
}

impl Part {
    /// One of the 32s.
    #[inline(always)]
    pub(super) fn split(&self, at: usize) -> Split<'_> {
        Split { whole: &self.whole[at], high: &self.high[at], low: &self.low[at] }
    }
}

/// One vector after another, as integers.
#[derive(Debug, Clone)]
pub(super) struct Coded {
    parts: Vec<Part>,
    /// Parts of a vector.
    each: usize,
}

/// Adding and taking away 1.5 x 2^23 rounds to an integer, which then lies in the low bits.
const ROUND: f32 = 12_582_912.0;
/// The largest integer whose high byte is one: 127 x 256 + 127.
const LARGEST: f32 = 32_639.0;

impl Coded {
    /// Vectors of `length` numbers, `group` of which share a scale and `summed` a sum; none where a number is not finite,
    /// or where groups do not fill a vector.
    pub(super) fn new(vectors: &[f32], length: usize, group: usize, summed: usize) -> Option<Self> {
        let whole = length > 0 && length.is_multiple_of(group) && vectors.len().is_multiple_of(length);
        if !whole || !vectors.iter().all(|x| x.is_finite()) {
            return None;
        }
        let pieces = vectors.chunks_exact(length).flat_map(|vector| vector.chunks(256));
        let parts = pieces.map(|piece| part(piece, group, summed)).collect();
        Some(Self { parts, each: length.div_ceil(256) })
    }

    /// The parts of each vector.
    pub(super) fn each(&self) -> core::slice::ChunksExact<'_, Part> {
        self.parts.chunks_exact(self.each)
    }
}

fn part(x: &[f32], group: usize, summed: usize) -> Part {
    let mut part = Part {
        whole: [[0; 32]; 8],
        high: [[0; 32]; 8],
        low: [[0; 32]; 8],
        scales: [0.0; 8],
        sums: [0.0; 16],
    };
    let codes = part.whole.as_flattened_mut();
    for (at, (codes, x)) in codes.chunks_mut(group).zip(x.chunks(group)).enumerate() {
        let largest = x.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let factor = if largest > 0.0 { LARGEST / largest } else { 0.0 };
        // The smallest numbers there are have no factor that is one.
        let factor = if factor.is_finite() { factor } else { 0.0 };
        for (code, x) in codes.iter_mut().zip(x) {
            #[expect(clippy::cast_possible_truncation, reason = "the low bits are the integer")]
            let low = (x * factor + ROUND).to_bits() as u16;
            *code = low.cast_signed();
        }
        let blocks = group / 32;
        part.scales[at * blocks..(at + 1) * blocks].fill(largest / LARGEST);
    }
    for ((whole, high), low) in part.whole.iter().zip(&mut part.high).zip(&mut part.low) {
        for ((whole, high), low) in whole.iter().zip(high).zip(low) {
            *low = whole.to_le_bytes()[0].cast_signed();
            *high = (whole - i16::from(*low)).to_le_bytes()[1].cast_signed();
        }
    }
    let codes = part.whole.as_flattened().chunks_exact(summed);
    for (at, (sum, codes)) in part.sums.iter_mut().zip(codes).enumerate() {
        // Exact: no more than 32 numbers of 16 bits.
        let whole: i32 = codes.iter().map(|code| i32::from(*code)).sum();
        *sum = whole as f32 * part.scales[at * summed / 32];
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::around_zero;

    #[test]
    fn codes_are_the_nearest_integers() {
        let x = around_zero(3, 640);
        let coded = Coded::new(&x, 320, 32, 32).unwrap();
        let vectors: Vec<&[Part]> = coded.each().collect();
        assert_eq!(vectors.iter().map(|parts| parts.len()).collect::<Vec<_>>(), [2, 2]);
        for (x, parts) in x.chunks_exact(320).zip(vectors) {
            for (at, x) in x.iter().enumerate() {
                let (part, block) = (&parts[at / 256], at % 256 / 32);
                let split = part.split(block);
                let code = i32::from(split.whole[at % 32]);
                let (scale, high, low) = (part.scales[block], split.high[at % 32], split.low[at % 32]);
                assert!((code as f32 * scale - x).abs() <= scale * 0.51, "{at}");
                assert_eq!(code, 256 * i32::from(high) + i32::from(low));
            }
            let sum: f32 = x[288..].iter().sum();
            assert!((parts[1].sums[1] - sum).abs() < 32.0 * parts[1].scales[1]);
            assert!(parts[1].scales[2..].iter().chain(&parts[1].sums[2..]).all(|none| none.to_bits() == 0));
        }
    }

    #[test]
    fn nothing_and_the_smallest_numbers_are_zero_and_what_is_no_number_is_refused() {
        let coded = Coded::new(&[0.0; 32], 32, 32, 32).unwrap();
        assert!(coded.parts[0].whole.as_flattened().iter().all(|code| *code == 0));
        let coded = Coded::new(&[f32::from_bits(1); 32], 32, 32, 32).unwrap();
        assert!(coded.parts[0].whole.as_flattened().iter().all(|code| *code == 0));
        let mut x = [1.0; 32];
        x[7] = f32::NAN;
        assert!(Coded::new(&x, 32, 32, 32).is_none());
        x[7] = f32::INFINITY;
        assert!(Coded::new(&x, 32, 32, 32).is_none() && Coded::new(&[1.0; 48], 48, 32, 32).is_none());
    }
}
