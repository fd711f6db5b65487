//! Rotors of the geometric algebra Cl(3,0) on channel triples: v' = R v R~ (RotorQuant).
//!
//! R = s + bivector is a unit quaternion in other words; four normals, normalised, are Haar on SO(3). The
//! sandwich product is kept as the 3 x 3 matrix it equals: nine multiplications instead of the fifteen of
//! Rodrigues' form.

use super::blocks::{Block, BlockRotation, block_sizes};
use super::planar;
use super::quaternion::unit;
use crate::codec::random::Random;

/// Triples; a tail of two is a Givens pair, a tail of one turns the last triple into a quadruple.
pub(super) fn rotation(dim: usize, seed: u64) -> BlockRotation {
    let mut random = Random::new(seed, 0x524F_544F);
    BlockRotation::new(block_sizes(dim, 3).into_iter().map(|size| planar::block(size, &mut random)).collect())
}

pub(super) fn block(random: &mut Random) -> Block {
    Block::new(matrix(unit(random)))
}

/// The matrix of v' = v + 2 s (a x v) + 2 a x (a x v) for the rotor (s, a).
fn matrix([s, x, y, z]: [f64; 4]) -> [[f64; 3]; 3] {
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - s * z), 2.0 * (x * z + s * y)],
        [2.0 * (x * y + s * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - s * x)],
        [2.0 * (x * z - s * y), 2.0 * (y * z + s * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_about_z_takes_x_to_y() {
        let half = core::f64::consts::FRAC_1_SQRT_2;
        let turned = matrix([half, 0.0, 0.0, half]).map(|row| row[0]);
        assert!(turned[0].abs() < 1e-15 && (turned[1] - 1.0).abs() < 1e-15 && turned[2].abs() < 1e-15);
    }
}
