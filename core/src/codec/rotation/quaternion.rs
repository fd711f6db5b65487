//! Unit quaternions on channel quadruples: v' = q v, or v' = q v r* for all of SO(4) (IsoQuant).

use super::blocks::{Block, BlockRotation, block_sizes};
use super::planar;
use crate::codec::random::Random;

/// Quadruples; the tail is covered by smaller blocks.
pub(super) fn rotation(dim: usize, seed: u64, both_sides: bool) -> BlockRotation {
    let mut random = Random::new(seed, 0x5155_4154);
    let block = |size| match size {
        4 if both_sides => two_sided(&mut random),
        4 => Block::new(left(unit(&mut random))),
        _ => planar::block(size, &mut random),
    };
    BlockRotation::new(block_sizes(dim, 4).into_iter().map(block).collect())
}

/// v' = q v r* with independent q and r: Haar on SO(4).
pub(super) fn two_sided(random: &mut Random) -> Block {
    let (q, r) = (left(unit(random)), right(unit(random)));
    let entry = |i: usize, j: usize| (0..4).map(|k| q[i][k] * r[k][j]).sum();
    let rows: [[f64; 4]; 4] = core::array::from_fn(|i| core::array::from_fn(|j| entry(i, j)));
    Block::new(rows)
}

/// A uniform unit quaternion: four normals over their norm.
pub(super) fn unit(random: &mut Random) -> [f64; 4] {
    let draws: [f64; 4] = core::array::from_fn(|_| random.normal());
    let norm = libm::sqrt(draws.iter().map(|x| x * x).sum());
    draws.map(|x| x / norm)
}

/// The matrix of v -> q v.
fn left([a, b, c, d]: [f64; 4]) -> [[f64; 4]; 4] {
    [[a, -b, -c, -d], [b, a, -d, c], [c, d, a, -b], [d, -c, b, a]]
}

/// The matrix of v -> v q*.
fn right([a, b, c, d]: [f64; 4]) -> [[f64; 4]; 4] {
    [[a, b, c, d], [-b, a, -d, c], [-c, d, a, -b], [-d, -c, b, a]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_and_right_products_commute() {
        let mut random = Random::new(1, 1);
        let (q, r) = (left(unit(&mut random)), right(unit(&mut random)));
        let product = |a: [[f64; 4]; 4], b: [[f64; 4]; 4], i: usize, j: usize| -> f64 {
            (0..4).map(|k| a[i][k] * b[k][j]).sum()
        };
        for i in 0..4 {
            for j in 0..4 {
                assert!((product(q, r, i, j) - product(r, q, i, j)).abs() < 1e-15);
            }
        }
    }
}
