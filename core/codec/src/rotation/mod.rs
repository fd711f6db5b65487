//! Orthogonal maps that spread a vector's energy over its channels before scalar quantisation.

mod blocks;
mod dense;
mod hadamard;
mod planar;
mod quaternion;
mod rotor;
mod turns;

use serde::{Deserialize, Serialize};

pub use blocks::{Block, BlockRotation};
pub use dense::{Dense, MAX_DENSE_DIM};
pub use hadamard::Hadamard;

use super::CodecError;
use super::kernel::RotateOne;
use dhurandhar_leaf::simd::Isa;

/// Which rotation, without its random parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RotationKind {
    /// None: plain scalar quantisation.
    Identity,
    /// Random signs and a Walsh–Hadamard transform, 1 to 3 rounds.
    Hadamard {
        /// Rounds of signs and transform.
        rounds: u32,
    },
    /// A dense Haar-random orthogonal matrix.
    Dense,
    /// Givens rotations of channel pairs (PlanarQuant).
    Planar,
    /// Cl(3,0) rotors on channel triples (RotorQuant).
    Rotor,
    /// Unit quaternions from the left on channel quadruples (IsoQuant, fast).
    Quaternion,
    /// Unit quaternions from both sides (IsoQuant, full).
    QuaternionTwoSided,
    /// One Hadamard round, then rotors.
    HadamardRotor,
}

impl RotationKind {
    /// The Hadamard rotation this library prefers at a width: one round for powers of two, else two.
    pub fn hadamard_for(dim: usize) -> Self {
        Self::Hadamard { rounds: if dim.is_power_of_two() { 1 } else { 2 } }
    }
}

/// A rotation with its parameters.
#[derive(Debug, Clone)]
pub enum Rotation {
    /// None.
    Identity,
    /// Signs and Walsh–Hadamard rounds.
    Hadamard(Hadamard),
    /// A dense matrix.
    Dense(Dense),
    /// Small blocks along the diagonal.
    Blocks(BlockRotation),
    /// Hadamard, then blocks.
    Hybrid(Hadamard, BlockRotation),
}

impl Rotation {
    /// Draws the rotation of `kind` for vectors of `dim` channels.
    pub fn new(kind: RotationKind, dim: usize, seed: u64) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        Ok(match kind {
            RotationKind::Identity => Self::Identity,
            RotationKind::Hadamard { rounds } => Self::Hadamard(Hadamard::new(dim, rounds, seed)?),
            RotationKind::Dense => Self::Dense(Dense::haar(dim, seed)?),
            RotationKind::Planar => Self::Blocks(planar::rotation(dim, seed)),
            RotationKind::Rotor => Self::Blocks(rotor::rotation(dim, seed)),
            RotationKind::Quaternion => Self::Blocks(quaternion::rotation(dim, seed, false)),
            RotationKind::QuaternionTwoSided => Self::Blocks(quaternion::rotation(dim, seed, true)),
            RotationKind::HadamardRotor => {
                let rounds = if dim.is_power_of_two() { 1 } else { 2 };
                Self::Hybrid(Hadamard::new(dim, rounds, seed)?, rotor::rotation(dim, seed))
            }
        })
    }

    /// P x for one vector.
    pub fn forward(&self, isa: Isa, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        isa.run(RotateOne { rotation: self, inverse: false, x, out: &mut out });
        out
    }

    /// P^T x for one vector.
    pub fn inverse(&self, isa: Isa, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        isa.run(RotateOne { rotation: self, inverse: true, x, out: &mut out });
        out
    }

    /// What kernels leave undone: they compute `gain * P`.
    pub(crate) fn gain(&self) -> f32 {
        match self {
            Self::Hadamard(hadamard) => hadamard.gain(),
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Random;

    pub(super) const KINDS: [RotationKind; 10] = [
        RotationKind::Identity,
        RotationKind::Hadamard { rounds: 1 },
        RotationKind::Hadamard { rounds: 2 },
        RotationKind::Hadamard { rounds: 3 },
        RotationKind::Dense,
        RotationKind::Planar,
        RotationKind::Rotor,
        RotationKind::Quaternion,
        RotationKind::QuaternionTwoSided,
        RotationKind::HadamardRotor,
    ];

    fn norm(x: &[f32]) -> f64 {
        x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn rotations_keep_norms_and_invert(dim in 1_usize..160, seed in any::<u64>()) {
            let x = Random::new(seed, 99).normals(dim);
            for kind in KINDS {
                let rotation = Rotation::new(kind, dim, seed).unwrap();
                let y = rotation.forward(Isa::detect(), &x);
                prop_assert!((norm(&y) / norm(&x) - 1.0).abs() < 2e-6, "{:?} {}", kind, dim);
                let back = rotation.inverse(Isa::detect(), &y);
                let error: Vec<f32> = back.iter().zip(&x).map(|(a, b)| a - b).collect();
                prop_assert!(norm(&error) < 4e-6 * norm(&x), "{:?} {} {}", kind, dim, norm(&error));
            }
        }

        #[test]
        fn instruction_sets_rotate_to_the_same_bits(dim in 1_usize..600, seed in any::<u64>()) {
            let x = Random::new(seed, 98).normals(dim);
            for kind in KINDS.into_iter().filter(|kind| *kind != RotationKind::Dense || dim < 100) {
                let rotation = Rotation::new(kind, dim, seed).unwrap();
                prop_assert_eq!(rotation.forward(Isa::SCALAR, &x), rotation.forward(Isa::detect(), &x));
                prop_assert_eq!(rotation.inverse(Isa::SCALAR, &x), rotation.inverse(Isa::detect(), &x));
            }
        }
    }
}
