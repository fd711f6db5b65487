//! How far decoded vectors are from what they were: errors, angles, norms and inner products.

use dhurandhar_leaf::wire::wire_struct;
use serde::{Deserialize, Serialize};

use super::Random;

/// Averages over a batch of vectors. Zero vectors count for `mse` alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quality {
    /// Vectors compared.
    pub vectors: usize,
    /// Mean squared error of an entry, in squared units of the input.
    pub mse: f64,
    /// Mean of |x - x'|² / |x|²: what the theory line predicts.
    pub nmse: f64,
    /// Standard error of `nmse` over vectors.
    pub nmse_standard_error: f64,
    /// Mean cosine between x and x'.
    pub cosine: f64,
    /// Mean of |x'| / |x|.
    pub norm_ratio: f64,
}

/// Sums that turn into a [`Quality`]; feed it chunk by chunk.
#[derive(Debug, Clone, Default)]
pub struct QualitySums {
    vectors: usize,
    entries: usize,
    counted: usize,
    squared_error: f64,
    nmse: f64,
    nmse_squares: f64,
    cosine: f64,
    norm_ratio: f64,
}

impl QualitySums {
    /// Adds vectors of `dim` channels and their decoded counterparts.
    pub fn add(&mut self, original: &[f32], decoded: &[f32], dim: usize) {
        let rows = original.chunks_exact(dim.max(1)).zip(decoded.chunks_exact(dim.max(1)));
        for (x, y) in rows {
            let [own, other, shared, error] = moments(x, y);
            self.vectors += 1;
            self.entries += dim;
            self.squared_error += error;
            if own == 0.0 {
                continue;
            }
            self.counted += 1;
            self.nmse += error / own;
            self.nmse_squares += (error / own) * (error / own);
            self.cosine += if other > 0.0 { shared / libm::sqrt(own * other) } else { 0.0 };
            self.norm_ratio += libm::sqrt(other / own);
        }
    }

    /// The averages so far; all zero for an empty batch.
    pub fn finish(&self) -> Quality {
        let n = self.counted.max(1) as f64;
        let nmse = self.nmse / n;
        let variance = (self.nmse_squares / n - nmse * nmse).max(0.0);
        Quality {
            vectors: self.vectors,
            mse: self.squared_error / self.entries.max(1) as f64,
            nmse,
            nmse_standard_error: libm::sqrt(variance / n),
            cosine: self.cosine / n,
            norm_ratio: self.norm_ratio / n,
        }
    }
}

/// |x|², |y|², <x, y>, |x - y|².
fn moments(x: &[f32], y: &[f32]) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for (&x, &y) in x.iter().zip(y) {
        let (x, y) = (f64::from(x), f64::from(y));
        sums[0] += x * x;
        sums[1] += y * y;
        sums[2] += x * y;
        sums[3] += (x - y) * (x - y);
    }
    sums
}

/// Compares a batch with its decoded counterpart.
pub fn compare(original: &[f32], decoded: &[f32], dim: usize) -> Quality {
    let mut sums = QualitySums::default();
    sums.add(original, decoded, dim);
    sums.finish()
}

/// Error of inner products with a unit query at a given correlation to the vector, both of unit norm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InnerProductError {
    /// Mean of <y, x'> - <y, x>.
    pub bias: f64,
    /// Standard error of `bias`.
    pub bias_standard_error: f64,
    /// d times the variance of <y, x'> - <y, x>.
    pub scaled_variance: f64,
    /// d times the mean square of <y, x'> - <y, x>.
    pub scaled_mean_square: f64,
}

/// Sums that turn into an [`InnerProductError`]; each vector meets its own random query.
#[derive(Debug, Clone)]
pub struct InnerProductSums {
    correlation: f64,
    random: Random,
    dim: usize,
    count: usize,
    sum: f64,
    squares: f64,
}

impl InnerProductSums {
    /// Queries of unit norm whose cosine with their vector is `correlation` (-1 to 1).
    pub fn new(dim: usize, correlation: f64, seed: u64) -> Self {
        let random = Random::new(seed, 0x5155_4552);
        Self { correlation: correlation.clamp(-1.0, 1.0), random, dim, count: 0, sum: 0.0, squares: 0.0 }
    }

    /// Adds vectors and their decoded counterparts; zero vectors are skipped.
    pub fn add(&mut self, original: &[f32], decoded: &[f32]) {
        let dim = self.dim.max(1);
        let mut across = vec![0.0_f64; dim];
        for (x, y) in original.chunks_exact(dim).zip(decoded.chunks_exact(dim)) {
            let squares: f64 = x.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
            if squares == 0.0 {
                continue;
            }
            // A direction of random signs is isotropic to second order, which is all that is averaged here.
            let (mut along, mut own, mut signs) = (0.0, 0.0, 0);
            for (channel, (across, &x)) in across.iter_mut().zip(x).enumerate() {
                if channel % 64 == 0 {
                    signs = self.random.bits();
                }
                *across = if (signs >> (channel % 64)) & 1 == 1 { 1.0 } else { -1.0 };
                along += *across * f64::from(x);
            }
            let (mut error_along, mut error_across) = (0.0, 0.0);
            for ((across, &x), &y) in across.iter().zip(x).zip(y) {
                let rest = across - along / squares * f64::from(x);
                let error = f64::from(y) - f64::from(x);
                own += rest * rest;
                error_along += error * f64::from(x);
                error_across += error * rest;
            }
            let across_unit = if own > 0.0 { error_across / libm::sqrt(own * squares) } else { 0.0 };
            let side = libm::sqrt(1.0 - self.correlation * self.correlation);
            let error = self.correlation * error_along / squares + side * across_unit;
            self.count += 1;
            self.sum += error;
            self.squares += error * error;
        }
    }

    /// The averages so far; zero for an empty batch.
    pub fn finish(&self) -> InnerProductError {
        let n = self.count.max(1) as f64;
        let bias = self.sum / n;
        let variance = (self.squares / n - bias * bias).max(0.0);
        let d = self.dim as f64;
        InnerProductError {
            bias,
            bias_standard_error: libm::sqrt(variance / n),
            scaled_variance: d * variance,
            scaled_mean_square: d * self.squares / n,
        }
    }
}

wire_struct!(Quality { vectors, mse, nmse, nmse_standard_error, cosine, norm_ratio });
wire_struct!(InnerProductError { bias, bias_standard_error, scaled_variance, scaled_mean_square });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunk_vector_has_known_figures() {
        let x = Random::new(1, 1).normals(8 * 100);
        let y: Vec<f32> = x.iter().map(|v| v * 0.5).collect();
        let quality = compare(&x, &y, 8);
        assert!((quality.nmse - 0.25).abs() < 1e-6);
        assert!((quality.cosine - 1.0).abs() < 1e-6);
        assert!((quality.norm_ratio - 0.5).abs() < 1e-6);
        assert!(quality.nmse_standard_error < 1e-6);
        let mut sums = InnerProductSums::new(8, 0.6, 1);
        sums.add(&x, &y);
        let error = sums.finish();
        assert!((error.bias + 0.3).abs() < 1e-6, "{error:?}");
        assert!(error.scaled_variance < 1e-6);
    }

    #[test]
    fn zeros_and_nothing_give_numbers() {
        let quality = compare(&[0.0; 8], &[0.0; 8], 4);
        assert_eq!((quality.vectors, quality.mse, quality.nmse), (2, 0.0, 0.0));
        assert_eq!(compare(&[], &[], 4).vectors, 0);
        assert!(InnerProductSums::new(4, 0.5, 0).finish().bias.abs() < 1e-12);
    }
}
