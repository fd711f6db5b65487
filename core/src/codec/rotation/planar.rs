//! Givens rotations of channel pairs by a uniform angle: Haar on SO(2) (PlanarQuant).

use core::f64::consts::TAU;

use super::blocks::{Block, BlockRotation, block_sizes};
use super::{quaternion, rotor};
use crate::codec::random::Random;

/// Pairs, and a triple at the end of an odd width.
pub(super) fn rotation(dim: usize, seed: u64) -> BlockRotation {
    let mut random = Random::new(seed, 0x5041_4952);
    BlockRotation::new(block_sizes(dim, 2).into_iter().map(|size| block(size, &mut random)).collect())
}

/// A Haar-random block of any size up to 4; a single channel is left alone.
pub(super) fn block(size: usize, random: &mut Random) -> Block {
    match size {
        2 => {
            let (sin, cos) = libm::sincos(TAU * random.uniform());
            Block::new([[cos, -sin], [sin, cos]])
        }
        3 => rotor::block(random),
        4 => quaternion::two_sided(random),
        _ => Block::new([[1.0]]),
    }
}
