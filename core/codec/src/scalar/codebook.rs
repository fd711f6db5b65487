//! A Lloyd–Max codebook as kernels use it: single-precision tables, sign-magnitude codes.
//!
//! The top bit of a code is the sign (-0.0 counts as positive), the low bits index the positive half. The
//! index of |z| is the number of thresholds that do not exceed it, whatever the search.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Law;
use super::lloyd_max::{LloydMax, solve};
use super::shipped::shipped;

/// The exact codebook of a law and width with its lookup tables.
#[derive(Debug, PartialEq)]
pub struct Codebook {
    law: Law,
    bits: u32,
    exact: LloydMax,
    thresholds: Vec<f32>,
    signed: Box<[f32; 256]>,
    grid: Option<Box<Grid>>,
}

/// Cells of equal width over |z|, each holding at most one threshold: one load and one compare find an index.
#[derive(Debug, PartialEq)]
struct Grid {
    cells_per_unit: f32,
    below: [u8; CELLS],
    next: [f32; CELLS],
}

const CELLS: usize = 1024;

static SHARED: Mutex<BTreeMap<(Law, u32), Arc<Codebook>>> = Mutex::new(BTreeMap::new());

impl Codebook {
    /// The codebook of `law` at `bits` bits (1 to 8): shipped or solved, once, and shared.
    pub fn shared(law: Law, bits: u32) -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.entry((law, bits)).or_insert_with(|| Arc::new(Self::new(law, bits))).clone()
    }

    fn new(law: Law, bits: u32) -> Self {
        let exact = shipped(law, bits).unwrap_or_else(|| solve(law, bits));
        let thresholds: Vec<f32> = exact.thresholds.iter().map(|&t| t as f32).collect();
        let half = exact.centroids.iter().map(|&c| c as f32);
        let mut signed = Box::new([0.0; 256]);
        for (slot, value) in signed.iter_mut().zip(half.clone().chain(half.map(|c| -c))) {
            *slot = value;
        }
        let grid = Grid::new(&thresholds);
        Self { law, bits, exact, thresholds, signed, grid }
    }

    /// The law the codebook is optimal for.
    pub fn law(&self) -> Law {
        self.law
    }

    /// Bits of a code.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The optimum in double precision.
    pub fn exact(&self) -> &LloydMax {
        &self.exact
    }

    /// The 2^(b-1) - 1 boundaries between magnitudes.
    pub fn thresholds(&self) -> &[f32] {
        &self.thresholds
    }

    /// The value of every code, in standard deviations of the coordinate.
    pub fn values(&self) -> &[f32] {
        &self.signed[..1 << self.bits]
    }

    /// The same, with zeros for what is no code.
    pub(crate) fn table(&self) -> &[f32; 256] {
        &self.signed
    }

    /// The bit that holds the sign.
    pub(crate) fn sign_bit(&self) -> u8 {
        1 << (self.bits - 1)
    }

    /// Codes of `z * factor`, one by one.
    #[inline(always)]
    pub(crate) fn codes(&self, z: &[f32], factor: f32, codes: &mut [u8]) {
        let sign_bit = self.sign_bit();
        let sign = |z: f32| if z < 0.0 { sign_bit } else { 0 };
        if let Some(grid) = &self.grid {
            for (code, z) in codes.iter_mut().zip(z) {
                let z = z * factor;
                *code = sign(z) | grid.index(z.abs());
            }
            return;
        }
        for (code, z) in codes.iter_mut().zip(z) {
            let z = z * factor;
            *code = sign(z) | self.thresholds.partition_point(|&t| t <= z.abs()) as u8;
        }
    }

    /// The code of z.
    pub fn code(&self, z: f32) -> u8 {
        let mut code = [0];
        self.codes(&[z], 1.0, &mut code);
        code[0]
    }
}

/// Rounds to an integer below `CELLS` in the low bits of 2^23 + x: monotone, branch-free, the same everywhere.
#[inline(always)]
fn cell(magnitude: f32, cells_per_unit: f32) -> usize {
    let x = (magnitude * cells_per_unit).min((CELLS - 1) as f32);
    (x + 8_388_608.0).to_bits() as usize & (CELLS - 1)
}

impl Grid {
    /// `None` if thresholds lie too close together for the table.
    fn new(thresholds: &[f32]) -> Option<Box<Self>> {
        let finite: Vec<f32> = thresholds.iter().copied().filter(|t| t.is_finite()).collect();
        let mut cells_per_unit = 8.0_f32;
        while finite.windows(2).any(|pair| cell(pair[0], cells_per_unit) == cell(pair[1], cells_per_unit)) {
            cells_per_unit *= 2.0;
            if cells_per_unit > CELLS as f32 {
                return None;
            }
        }
        let mut grid = Box::new(Self { cells_per_unit, below: [0; CELLS], next: [f32::INFINITY; CELLS] });
        for &threshold in &finite {
            let at = cell(threshold, cells_per_unit);
            grid.next[at] = threshold;
            for count in &mut grid.below[at + 1..] {
                *count += 1;
            }
        }
        (finite.last().is_none_or(|&last| cell(last, cells_per_unit) < CELLS - 1)).then_some(grid)
    }

    /// How many thresholds do not exceed `magnitude`. Exact: the cell of a number is monotone in it.
    #[inline(always)]
    fn index(&self, magnitude: f32) -> u8 {
        let cell = cell(magnitude, self.cells_per_unit);
        self.below[cell] + u8::from(magnitude >= self.next[cell])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(book: &Codebook, z: f32) -> u8 {
        let index = book.thresholds().iter().filter(|&&t| t <= z.abs()).count();
        u8::try_from(index).unwrap() | if z < 0.0 { book.sign_bit() } else { 0 }
    }

    proptest! {
        #[test]
        fn the_grid_counts_thresholds(bits in 1_u32..=8, dim in 1_u32..600, z in -20.0_f32..20.0) {
            let book = Codebook::shared(Law::Sphere(dim), bits);
            prop_assert_eq!(book.code(z), counted(&book, z));
            for &threshold in book.thresholds().iter().filter(|t| t.is_finite()) {
                for z in [threshold, threshold.next_down(), -threshold.next_up()] {
                    prop_assert_eq!(book.code(z), counted(&book, z));
                }
            }
        }
    }

    #[test]
    fn common_widths_have_a_grid() {
        for dim in [2, 3, 4, 8, 64, 80, 128, 255, 256, 512, 8192] {
            for bits in 1..=8 {
                assert!(Codebook::shared(Law::Sphere(dim), bits).grid.is_some(), "d={dim} b={bits}");
            }
        }
    }

    #[test]
    fn negative_zero_is_positive_and_values_are_nearest() {
        let book = Codebook::shared(Law::Sphere(128), 4);
        assert_eq!(book.code(-0.0), 0);
        assert_eq!(book.values().len(), 16);
        for z in [-3.0_f32, -0.4, 0.1, 0.9, 7.0] {
            let own = (book.values()[usize::from(book.code(z))] - z).abs();
            assert!(book.values().iter().all(|value| (value - z).abs() >= own));
        }
    }
}
