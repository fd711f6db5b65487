//! Dense matrices: a Haar-random rotation, as in the paper, and the Gaussian matrix of the QJL sketch.

use crate::CodecError;
use crate::random::Random;

/// Dense matrices cost d² floats and d³ operations to draw; beyond this width use Hadamard.
pub const MAX_DENSE_DIM: usize = 1024;

/// A square matrix, kept by rows and by columns.
#[derive(Debug, Clone)]
pub struct Dense {
    rows: Vec<f32>,
    columns: Vec<f32>,
}

impl Dense {
    /// A Haar-random orthogonal matrix: Gram–Schmidt on the rows of a Gaussian matrix, which is its QR
    /// decomposition with positive diagonal.
    pub fn haar(dim: usize, seed: u64) -> Result<Self, CodecError> {
        check(dim)?;
        let mut random = Random::new(seed, 0x4841_4152);
        let mut rows: Vec<f64> = Vec::with_capacity(dim * dim);
        for _ in 0..dim {
            let mut row: Vec<f64> = (0..dim).map(|_| random.normal()).collect();
            // Twice is enough to be orthogonal to rounding error (Kahan, Parlett).
            for _ in 0..2 {
                for other in rows.chunks_exact(dim) {
                    let shared = sum_of_products(&row, other);
                    for (value, other) in row.iter_mut().zip(other) {
                        *value -= shared * other;
                    }
                }
            }
            let norm = libm::sqrt(sum_of_products(&row, &row));
            rows.extend(row.iter().map(|value| value / norm));
        }
        Ok(Self::from_rows(dim, rows.into_iter().map(|value| value as f32).collect()))
    }

    /// Independent standard normal entries: not a rotation.
    pub fn gaussian(dim: usize, seed: u64) -> Result<Self, CodecError> {
        check(dim)?;
        Ok(Self::from_rows(dim, Random::new(seed, 0x514A_4C53).normals(dim * dim)))
    }

    fn from_rows(dim: usize, rows: Vec<f32>) -> Self {
        let columns = (0..dim * dim).map(|at| rows[at % dim * dim + at / dim]).collect();
        Self { rows, columns }
    }

    pub(crate) fn rows(&self) -> &[f32] {
        &self.rows
    }

    pub(crate) fn columns(&self) -> &[f32] {
        &self.columns
    }
}

fn check(dim: usize) -> Result<(), CodecError> {
    CodecError::check_dim(dim)?;
    if dim > MAX_DENSE_DIM {
        return Err(CodecError::DimFor { codec: "a dense matrix", dim, expected: "1 to 1024 channels" });
    }
    Ok(())
}

/// Four running sums, so that the order is fixed and the loop is not one chain of additions.
fn sum_of_products(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a, b) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (a, b) in a.0.iter().zip(b.0) {
        for k in 0..4 {
            sums[k] += a[k] * b[k];
        }
    }
    let tail: f64 = a.1.iter().zip(b.1).map(|(a, b)| a * b).sum();
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_orthonormal() {
        let dense = Dense::haar(48, 5).unwrap();
        for (i, a) in dense.rows().chunks_exact(48).enumerate() {
            for (j, b) in dense.rows().chunks_exact(48).enumerate() {
                let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn too_wide_is_an_error() {
        assert!(Dense::haar(1025, 0).is_err());
        assert!(Dense::gaussian(0, 0).is_err());
    }
}
