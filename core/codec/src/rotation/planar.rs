//! Givens rotations of channel pairs by a uniform angle: Haar on SO(2) (PlanarQuant).

use super::blocks::{BlockRotation, block_sizes};
use super::turns;
use crate::random::Random;

/// Pairs, and a triple at the end of an odd width.
pub(super) fn rotation(dim: usize, seed: u64) -> BlockRotation {
    let mut random = Random::new(seed, 0x5041_4952);
    BlockRotation::new(
        block_sizes(dim, 2).into_iter().map(|size| turns::of_size(size, &mut random)).collect(),
    )
}
