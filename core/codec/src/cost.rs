//! Arithmetic of the forward rotation of one vector, adds and multiplies apart.
//!
//! Counts say little about time: on SIMD hardware the rotation is about a fifth of an encode, and blocks of
//! three fit registers worst. The seed project compares its rotor's multiply-adds with a Hadamard's additions.

use dhurandhar_leaf::wire::wire_struct;
use serde::{Deserialize, Serialize};

use super::rotation::{Rotation, RotationKind};
use super::{CodecError, rotation};

/// Operations on one vector. A fused multiply-add counts once as each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Operations {
    /// Additions and subtractions.
    pub adds: u64,
    /// Multiplications.
    pub multiplies: u64,
    /// Parameters that the rotation keeps, in bits: signs, or f32 entries.
    pub parameter_bits: u64,
}

impl Operations {
    /// Multiply-adds if every multiplication takes an addition along: the usual "FMA" count of dense products.
    pub fn fused(&self) -> u64 {
        self.adds.max(self.multiplies)
    }
}

/// Operations of `kind` on `dim` channels as this library carries them out. Sign flips are free: an XOR.
pub fn operations(kind: RotationKind, dim: usize) -> Result<Operations, CodecError> {
    CodecError::check_dim(dim)?;
    let d = dim as u64;
    Ok(match kind {
        RotationKind::Identity => Operations::default(),
        RotationKind::Hadamard { rounds } => hadamard(d, u64::from(rounds)),
        RotationKind::Dense => {
            Operations { adds: d * (d - 1), multiplies: d * d, parameter_bits: 32 * d * d }
        }
        RotationKind::HadamardRotor => {
            let first = hadamard(d, if dim.is_power_of_two() { 1 } else { 2 });
            let second = operations(RotationKind::Rotor, dim)?;
            Operations {
                adds: first.adds + second.adds,
                multiplies: first.multiplies + second.multiplies,
                parameter_bits: first.parameter_bits + second.parameter_bits,
            }
        }
        _ => match Rotation::new(kind, dim, 0)? {
            Rotation::Blocks(blocks) => block_sum(&blocks),
            _ => Operations::default(),
        },
    })
}

/// d log2 d additions a round for a power of two; two overlapping windows and their scaling otherwise.
fn hadamard(d: u64, rounds: u64) -> Operations {
    let window = if d.is_power_of_two() { d } else { d.next_power_of_two() / 2 };
    let transform = window * u64::from(window.ilog2());
    let per_round = if window == d { (transform, 0) } else { (2 * transform, 2 * window) };
    Operations { adds: rounds * per_round.0, multiplies: rounds * per_round.1, parameter_bits: rounds * d }
}

fn block_sum(blocks: &rotation::BlockRotation) -> Operations {
    let mut sum = Operations::default();
    for block in blocks.blocks().iter().filter(|block| block.size() > 1) {
        let n = block.size() as u64;
        sum.adds += n * (n - 1);
        sum.multiplies += n * n;
        sum.parameter_bits += 32 * n * n;
    }
    sum
}

/// The figure that the seed project publishes for its TurboQuant: floor(d log2 d), which are additions.
pub fn published_turbo(dim: usize) -> u64 {
    let d = dim as f64;
    if dim == 0 { 0 } else { (d * libm::log2(d)).floor() as u64 }
}

/// The figure that the seed project publishes for its RotorQuant: 15 multiply-adds per whole triple.
pub fn published_rotor(dim: usize) -> u64 {
    15 * (dim as u64 / 3)
}

wire_struct!(Operations { adds, multiplies, parameter_bits });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_figures_are_the_published_ones() {
        for (dim, turbo, rotor) in [
            (64, 384, 315),
            (96, 632, 480),
            (128, 896, 630),
            (255, 2038, 1275),
            (256, 2048, 1275),
            (512, 4608, 2550),
        ] {
            assert_eq!((published_turbo(dim), published_rotor(dim)), (turbo, rotor), "d={dim}");
        }
    }

    #[test]
    fn counts_follow_the_derivation() {
        let count = |kind, dim| operations(kind, dim).unwrap();
        let one = count(RotationKind::Hadamard { rounds: 1 }, 128);
        assert_eq!((one.adds, one.multiplies, one.parameter_bits), (896, 0, 128));
        assert_eq!(count(RotationKind::Hadamard { rounds: 2 }, 256).adds, 4096);
        assert_eq!(count(RotationKind::Dense, 128).fused(), 16_384);
        assert_eq!(count(RotationKind::Planar, 128).multiplies, 256);
        assert_eq!(count(RotationKind::Quaternion, 128).multiplies, 512);
        // 42 triples of nine and a pair of four.
        assert_eq!(count(RotationKind::Rotor, 128).multiplies, 42 * 9 + 4);
        assert_eq!(count(RotationKind::Rotor, 1), Operations::default());
        assert!(operations(RotationKind::Rotor, 0).is_err());
    }
}
