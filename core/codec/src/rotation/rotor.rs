//! Rotors of the geometric algebra Cl(3,0) on channel triples: v' = R v R~ (RotorQuant).
//!
//! R = s + bivector is a unit quaternion in other words; four normals, normalised, are Haar on SO(3). The
//! sandwich product is kept as the 3 x 3 matrix it equals: nine multiplications instead of the fifteen of
//! Rodrigues' form.

use super::blocks::{BlockRotation, block_sizes};
use super::turns;
use crate::random::Random;

/// Triples; a tail of two is a Givens pair, a tail of one turns the last triple into a quadruple.
pub(super) fn rotation(dim: usize, seed: u64) -> BlockRotation {
    let mut random = Random::new(seed, 0x524F_544F);
    BlockRotation::new(
        block_sizes(dim, 3).into_iter().map(|size| turns::of_size(size, &mut random)).collect(),
    )
}
