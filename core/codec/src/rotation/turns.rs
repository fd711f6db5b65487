//! Haar-random turns of one to four channels, of which the block rotations are made.

use core::f64::consts::TAU;

use super::blocks::Block;
use crate::random::Random;

/// A turn of any size up to 4; a single channel is left alone.
pub(super) fn of_size(size: usize, random: &mut Random) -> Block {
    match size {
        2 => {
            let (sin, cos) = libm::sincos(TAU * random.uniform());
            Block::new([[cos, -sin], [sin, cos]])
        }
        3 => Block::new(rotor(unit(random))),
        4 => two_sided(random),
        _ => Block::new([[1.0]]),
    }
}

/// v' = q v with a uniform unit quaternion.
pub(super) fn one_sided(random: &mut Random) -> Block {
    Block::new(left(unit(random)))
}

/// v' = q v r* with independent q and r: Haar on SO(4).
fn two_sided(random: &mut Random) -> Block {
    let (q, r) = (left(unit(random)), right(unit(random)));
    let entry = |i: usize, j: usize| (0..4).map(|k| q[i][k] * r[k][j]).sum();
    let rows: [[f64; 4]; 4] = core::array::from_fn(|i| core::array::from_fn(|j| entry(i, j)));
    Block::new(rows)
}

/// A uniform unit quaternion: four normals over their norm.
fn unit(random: &mut Random) -> [f64; 4] {
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

/// The matrix of v' = v + 2 s (a x v) + 2 a x (a x v) for the rotor (s, a).
fn rotor([s, x, y, z]: [f64; 4]) -> [[f64; 3]; 3] {
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

    #[test]
    fn a_quarter_turn_about_z_takes_x_to_y() {
        let half = core::f64::consts::FRAC_1_SQRT_2;
        let turned = rotor([half, 0.0, 0.0, half]).map(|row| row[0]);
        assert!(turned[0].abs() < 1e-15 && (turned[1] - 1.0).abs() < 1e-15 && turned[2].abs() < 1e-15);
    }
}
