//! Unit quaternions on channel quadruples: v' = q v, or v' = q v r* for all of SO(4) (IsoQuant).

use super::blocks::{BlockRotation, block_sizes};
use super::turns;
use crate::random::Random;

/// Quadruples; the tail is covered by smaller blocks.
pub(super) fn rotation(dim: usize, seed: u64, both_sides: bool) -> BlockRotation {
    let mut random = Random::new(seed, 0x5155_4154);
    let block = |size| match size {
        4 if !both_sides => turns::one_sided(&mut random),
        _ => turns::of_size(size, &mut random),
    };
    BlockRotation::new(block_sizes(dim, 4).into_iter().map(block).collect())
}
