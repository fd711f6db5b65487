//! Codebooks of common head widths, solved beforehand and shipped as numbers.
//!
//! Solving takes one to four milliseconds a codebook. A browser downloads no table: its 17 KB cost a visitor
//! more than the solver does, and the solver gives the same bits.

use super::Law;
use super::lloyd_max::{LloydMax, solve};

/// Widths whose codebooks are shipped, at 1 to 8 bits each.
pub const DIMS: [u32; 8] = [64, 80, 96, 112, 128, 192, 256, 512];

#[cfg(not(target_arch = "wasm32"))]
static TABLE: &[u8] = include_bytes!("codebooks.bin");
#[cfg(target_arch = "wasm32")]
static TABLE: &[u8] = &[];

/// Numbers of a codebook: its centroids, distortion and entropy.
const fn numbers(bits: u32) -> usize {
    (1 << (bits - 1)) + 2
}

/// The shipped codebook of `law` at `bits` bits, where there is one.
pub fn shipped(law: Law, bits: u32) -> Option<LloydMax> {
    let Law::Sphere(dim) = law else { return None };
    let row = DIMS.iter().position(|&shipped| shipped == dim)?;
    if !(1..=8).contains(&bits) {
        return None;
    }
    let width: usize = (1..=8).map(numbers).sum();
    let from = row * width + (1..bits).map(numbers).sum::<usize>();
    let bytes = TABLE.get(8 * from..8 * (from + numbers(bits)))?;
    let (values, _) = bytes.as_chunks::<8>();
    let mut centroids: Vec<f64> = values.iter().map(|value| f64::from_le_bytes(*value)).collect();
    let (entropy, distortion) = (centroids.pop()?, centroids.pop()?);
    Some(LloydMax::of(centroids, distortion, entropy))
}

/// The table as the solver gives it: what `codebooks.bin` holds, f64 little-endian.
pub fn table() -> Vec<u8> {
    let mut bytes = Vec::new();
    for dim in DIMS {
        for bits in 1..=8 {
            let LloydMax { centroids, distortion, entropy, .. } = solve(Law::Sphere(dim), bits);
            for value in centroids.into_iter().chain([distortion, entropy]) {
                bytes.extend(value.to_le_bytes());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_what_the_solver_gives() {
        assert!(table() == TABLE, "solver or widths changed: run the example ship_codebooks");
        for dim in DIMS {
            for bits in 1..=8 {
                assert_eq!(shipped(Law::Sphere(dim), bits), Some(solve(Law::Sphere(dim), bits)));
            }
        }
    }

    #[test]
    fn other_widths_are_not_shipped() {
        for (law, bits) in
            [(Law::Gaussian, 4), (Law::Sphere(255), 4), (Law::Sphere(128), 0), (Law::Sphere(128), 9)]
        {
            assert_eq!(shipped(law, bits), None);
        }
    }
}
