//! The exact Lloyd–Max quantiser of a coordinate law (Lloyd 1957, Max 1960).
//!
//! Cells end midway between neighbouring centroids and every centroid is the mean of its cell. Only the
//! positive half is solved; the law is even. Newton's method on the tridiagonal system, from companded
//! quantiles, takes a handful of steps.

use super::law::{Integrator, Law, Moments};

/// The optimum for one law and width, in units of the coordinate's standard deviation.
#[derive(Debug, Clone, PartialEq)]
pub struct LloydMax {
    /// The 2^(b-1) positive centroids, ascending.
    pub centroids: Vec<f64>,
    /// The 2^(b-1) - 1 boundaries between them.
    pub thresholds: Vec<f64>,
    /// Mean squared error over the variance: the normalised MSE of the codec.
    pub distortion: f64,
    /// Entropy of a code, bits.
    pub entropy: f64,
}

impl LloydMax {
    /// A codebook of known `centroids`; its boundaries lie midway between them.
    pub(super) fn of(centroids: Vec<f64>, distortion: f64, entropy: f64) -> Self {
        Self { thresholds: thresholds(&centroids), centroids, distortion, entropy }
    }
}

/// Newton needs fewer than ten; Lloyd's own steps stand in when one overshoots.
const MAX_STEPS: usize = 500;

/// Solves for `bits` bits (1 to 8).
pub fn solve(law: Law, bits: u32) -> LloydMax {
    let half = 1_usize << (bits.clamp(1, 8) - 1);
    if law == Law::Sphere(1) {
        // The sphere of R^1 is {-1, 1}: one magnitude, no error.
        let thresholds = vec![f64::INFINITY; half - 1];
        return LloydMax { centroids: vec![1.0; half], thresholds, distortion: 0.0, entropy: 1.0 };
    }
    let integrator = Integrator::new(law);
    let mut centroids = companded(&integrator, half);
    let mut cells = cells(&integrator, &centroids);
    for _ in 0..MAX_STEPS {
        let worst = worst_offset(&centroids, &cells);
        let Some((next, next_cells)) = step(&integrator, &centroids, &cells) else { break };
        (centroids, cells) = (next, next_cells);
        if worst < 1e-9 {
            // Newton squares the error: this step was the last that could help.
            break;
        }
    }
    describe(&integrator, centroids)
}

/// The largest distance of a centroid from the mean of its cell.
fn worst_offset(centroids: &[f64], cells: &[Moments]) -> f64 {
    cells.iter().zip(centroids).map(|(cell, c)| (cell.first / cell.mass - c).abs()).fold(0.0, f64::max)
}

/// A Newton step, shortened until it lowers the residual, else one of Lloyd's.
fn step(integrator: &Integrator, centroids: &[f64], cells: &[Moments]) -> Option<(Vec<f64>, Vec<Moments>)> {
    let residual = |centroids: &[f64], cells: &[Moments]| -> f64 {
        cells.iter().zip(centroids).map(|(cell, c)| (cell.first / cell.mass - c).powi(2)).sum()
    };
    let before = residual(centroids, cells);
    let delta = newton_step(integrator, centroids, cells);
    for share in [1.0, 0.5, 0.25, 0.125] {
        let next: Vec<f64> = centroids.iter().zip(&delta).map(|(c, delta)| c + share * delta).collect();
        let ordered = next.windows(2).all(|pair| pair[0] < pair[1]);
        if ordered && next[0] > 0.0 && next[next.len() - 1] < integrator.reach() {
            let moved = self::cells(integrator, &next);
            if residual(&next, &moved) < before {
                return Some((next, moved));
            }
        }
    }
    if worst_offset(centroids, cells) < 1e-12 {
        return None;
    }
    let next: Vec<f64> = cells.iter().map(|cell| cell.first / cell.mass).collect();
    let moved = self::cells(integrator, &next);
    Some((next, moved))
}

fn thresholds(centroids: &[f64]) -> Vec<f64> {
    centroids.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect()
}

fn cells(integrator: &Integrator, centroids: &[f64]) -> Vec<Moments> {
    let bounds = thresholds(centroids);
    let from = core::iter::once(0.0).chain(bounds.iter().copied());
    let to = bounds.iter().copied().chain([f64::INFINITY]);
    from.zip(to).zip(centroids).map(|((from, to), &about)| integrator.moments(from, to, about)).collect()
}

/// Quantiles of density^(1/3), the best companding law at high rate (Panter and Dite 1951).
fn companded(integrator: &Integrator, half: usize) -> Vec<f64> {
    const STEPS: usize = 4000;
    let reach = integrator.reach().min(8.0);
    let step = reach / STEPS as f64;
    let mut cumulative = vec![0.0];
    for index in 0..STEPS {
        let weight = libm::cbrt(integrator.density((index as f64 + 0.5) * step));
        cumulative.push(cumulative[index] + weight);
    }
    let total = cumulative[STEPS];
    let quantile = |share: f64| {
        let after = cumulative.partition_point(|&sum| sum < share * total).clamp(1, STEPS);
        let (low, high) = (cumulative[after - 1], cumulative[after]);
        (after as f64 - (high - share * total) / (high - low)) * step
    };
    (0..half).map(|index| quantile((index as f64 + 0.5) / half as f64)).collect()
}

/// The Newton correction on F_i = mean_i - c_i by the Thomas algorithm.
///
/// For a log-concave law the mean of a cell moves less than its ends do, so the system is dominated by its
/// diagonal and the step is safe.
fn newton_step(integrator: &Integrator, centroids: &[f64], cells: &[Moments]) -> Vec<f64> {
    let n = centroids.len();
    let bounds = thresholds(centroids);
    let density: Vec<f64> = bounds.iter().map(|&bound| integrator.density(bound)).collect();
    let (mut upper, mut right) = (vec![0.0; n], vec![0.0; n]);
    for i in 0..n {
        // How the mean of cell i moves with the centroid on its left and the one on its right.
        let mean = cells[i].first / cells[i].mass;
        let pull = |bound: usize| density[bound] * (bounds[bound] - mean) / (2.0 * cells[i].mass);
        let low = if i > 0 { pull(i - 1) } else { 0.0 };
        let high = if i + 1 < n { pull(i) } else { 0.0 };
        let diagonal = high - low - 1.0;
        let target = centroids[i] - mean;
        let (above, before) = if i > 0 { (upper[i - 1], right[i - 1]) } else { (0.0, 0.0) };
        let pivot = diagonal + low * above;
        upper[i] = high / pivot;
        right[i] = (target + low * before) / pivot;
    }
    for i in (0..n.saturating_sub(1)).rev() {
        right[i] -= upper[i] * right[i + 1];
    }
    right
}

fn describe(integrator: &Integrator, centroids: Vec<f64>) -> LloydMax {
    let cells = cells(integrator, &centroids);
    let distortion = 2.0 * cells.iter().map(|cell| cell.spread).sum::<f64>();
    let entropy = -2.0 * cells.iter().map(|cell| cell.mass * libm::log2(cell.mass)).sum::<f64>();
    LloydMax::of(centroids, distortion, entropy)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Target {
        #[serde(rename = "D")]
        distortion: f64,
        entropy_bits: f64,
        centroids_positive: Vec<f64>,
    }

    #[test]
    fn codebooks_match_the_independent_targets() {
        let json = include_str!("../../tests/fixtures/lloyd_max_targets.json");
        let all: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).unwrap();
        let mut compared = 0;
        for (name, widths) in all.iter().filter(|(name, _)| !name.starts_with('_')) {
            let law = if name == "gauss" { Law::Gaussian } else { Law::Sphere(name.parse().unwrap()) };
            let widths: BTreeMap<u32, Target> = serde_json::from_value(widths.clone()).unwrap();
            for (bits, target) in widths {
                let own = solve(law, bits);
                let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
                assert!(close(own.distortion, target.distortion), "{name} {bits} D {}", own.distortion);
                assert!(close(own.entropy, target.entropy_bits), "{name} {bits} entropy {}", own.entropy);
                assert_eq!(own.centroids.len(), target.centroids_positive.len());
                for (a, b) in own.centroids.iter().zip(&target.centroids_positive) {
                    assert!(close(*a, *b), "{name} {bits} centroid {a} {b}");
                }
                compared += 1;
            }
        }
        assert_eq!(compared, 13 * 8);
    }

    #[test]
    fn one_bit_is_the_mean_magnitude() {
        let own = solve(Law::Gaussian, 1);
        assert!((own.centroids[0] - (2.0 / core::f64::consts::PI).sqrt()).abs() < 1e-14);
        assert!((own.distortion - (1.0 - 2.0 / core::f64::consts::PI)).abs() < 1e-14);
    }

    #[test]
    fn small_dimensions_have_an_optimum_too() {
        // d = 3 is the uniform law on [-sqrt 3, sqrt 3], whose optimum is the uniform quantiser: D = 4^-b.
        for bits in 1..=8 {
            let own = solve(Law::Sphere(3), bits);
            assert!((own.distortion * 4.0_f64.powi(i32::try_from(bits).unwrap()) - 1.0).abs() < 1e-9);
        }
        for bits in 1..=8 {
            for dim in [1, 2, 4, 5, 8192] {
                let own = solve(Law::Sphere(dim), bits);
                assert!(own.distortion >= 0.0 && own.distortion < 0.4);
                assert!(own.centroids.iter().all(|c| c.is_finite() && *c > 0.0));
                assert!(own.centroids.windows(2).all(|pair| pair[0] <= pair[1]));
            }
        }
    }

    #[test]
    fn centroids_are_the_means_of_their_cells() {
        for dim in (2..40).chain([48, 100, 255, 1000, 4096, 8192]) {
            let integrator = Integrator::new(Law::Sphere(dim));
            for bits in 1..=8 {
                let own = solve(Law::Sphere(dim), bits);
                for (cell, c) in cells(&integrator, &own.centroids).iter().zip(&own.centroids) {
                    assert!((cell.first / cell.mass - c).abs() < 1e-11, "d={dim} b={bits} {c}");
                }
            }
        }
    }
}
