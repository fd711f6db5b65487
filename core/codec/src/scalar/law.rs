//! The law of one coordinate of a rotated vector, in units of its standard deviation.
//!
//! For x uniform on the unit sphere of R^d, z = sqrt(d) x_1 has density proportional to (1 - z²/d)^((d-3)/2)
//! (arXiv:2504.19874, section 2); with z = sqrt(d) sin t that is cos^(d-2) t, smooth for every d >= 2, which
//! Gauss–Legendre panels integrate to rounding error.

use core::f64::consts::{FRAC_PI_2, PI};

/// Beyond 14 standard deviations no law here has mass that a double could hold.
const REACH: f64 = 14.0;
const ORDER: usize = 16;

/// The law of a coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Law {
    /// A coordinate of a uniform point on the sphere of R^d, d >= 2.
    Sphere(u32),
    /// The limit of large d.
    Gaussian,
}

/// Mass, first moment and squared distance to `about` of one interval.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    pub(crate) mass: f64,
    pub(crate) first: f64,
    pub(crate) spread: f64,
}

/// A law with its constants and quadrature nodes worked out.
#[derive(Debug, Clone)]
pub(crate) struct Integrator {
    law: Law,
    constant: f64,
    nodes: [(f64, f64); ORDER],
}

impl Integrator {
    pub(crate) fn new(law: Law) -> Self {
        let constant = match law {
            Law::Sphere(dim) => gamma_ratio(dim) / PI.sqrt(),
            Law::Gaussian => 1.0 / (2.0 * PI).sqrt(),
        };
        Self { law, constant, nodes: gauss_legendre() }
    }

    /// The largest |z| worth integrating to.
    pub(crate) fn reach(&self) -> f64 {
        match self.law {
            Law::Sphere(dim) => f64::from(dim).sqrt().min(REACH),
            Law::Gaussian => REACH,
        }
    }

    /// Density of z.
    pub(crate) fn density(&self, z: f64) -> f64 {
        match self.law {
            Law::Sphere(dim) => {
                let d = f64::from(dim);
                let inside = 1.0 - z * z / d;
                if inside <= 0.0 {
                    return 0.0;
                }
                self.constant / d.sqrt() * libm::pow(inside, (d - 3.0) / 2.0)
            }
            Law::Gaussian => self.constant * libm::exp(-z * z / 2.0),
        }
    }

    /// Moments of the interval `from <= z <= to`.
    pub(crate) fn moments(&self, from: f64, to: f64, about: f64) -> Moments {
        let (from, to) = (self.parameter(from), self.parameter(to));
        let panel = match self.law {
            Law::Sphere(dim) => 0.5 / f64::from(dim).sqrt(),
            Law::Gaussian => 0.5,
        };
        let panels = ((to - from) / panel).ceil().max(1.0);
        let half = (to - from) / panels / 2.0;
        let mut sum = Moments::default();
        let mut index = 0.0;
        while index < panels {
            let middle = from + half * (2.0 * index + 1.0);
            for (node, weight) in self.nodes {
                let (z, density) = self.point(middle + half * node);
                let mass = half * weight * density;
                sum.mass += mass;
                sum.first += mass * z;
                sum.spread += mass * (z - about) * (z - about);
            }
            index += 1.0;
        }
        sum
    }

    /// The variable in which the density is smooth: the angle on a sphere, z itself for a Gaussian.
    fn parameter(&self, z: f64) -> f64 {
        let z = z.min(self.reach());
        match self.law {
            Law::Sphere(dim) => {
                let sine = z / f64::from(dim).sqrt();
                if sine >= 1.0 { FRAC_PI_2 } else { libm::asin(sine) }
            }
            Law::Gaussian => z,
        }
    }

    fn point(&self, parameter: f64) -> (f64, f64) {
        match self.law {
            Law::Sphere(dim) => {
                let d = f64::from(dim);
                let (sin, cos) = libm::sincos(parameter);
                (d.sqrt() * sin, self.constant * libm::pow(cos, d - 2.0))
            }
            Law::Gaussian => (parameter, self.density(parameter)),
        }
    }
}

/// Gamma(d/2) / Gamma((d-1)/2), by its two-step recurrence.
pub(crate) fn gamma_ratio(dim: u32) -> f64 {
    let mut ratio = if dim.is_multiple_of(2) { 1.0 / PI.sqrt() } else { PI.sqrt() / 2.0 };
    let mut step = 2 + dim % 2;
    while step < dim {
        ratio *= f64::from(step) / f64::from(step - 1);
        step += 2;
    }
    ratio
}

/// Nodes and weights on [-1, 1]: roots of the Legendre polynomial by Newton's method.
fn gauss_legendre() -> [(f64, f64); ORDER] {
    let n = ORDER as f64;
    core::array::from_fn(|index| {
        let mut x = libm::cos(PI * (index as f64 + 0.75) / (n + 0.5));
        let mut slope = 1.0;
        for _ in 0..8 {
            let (mut below, mut value) = (1.0, x);
            for k in 2..=ORDER {
                let k = k as f64;
                (below, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * below) / k);
            }
            slope = n * (x * value - below) / (x * x - 1.0);
            x -= value / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_has_unit_mass_and_unit_variance() {
        for law in [2, 3, 4, 7, 64, 576, 8192].map(Law::Sphere).into_iter().chain([Law::Gaussian]) {
            let integrator = Integrator::new(law);
            let half = integrator.moments(0.0, f64::INFINITY, 0.0);
            assert!((2.0 * half.mass - 1.0).abs() < 1e-11, "{law:?} mass {}", 2.0 * half.mass);
            assert!((2.0 * half.spread - 1.0).abs() < 1e-11, "{law:?} variance {}", 2.0 * half.spread);
        }
    }

    #[test]
    fn three_dimensions_are_uniform() {
        let integrator = Integrator::new(Law::Sphere(3));
        let quarter = integrator.moments(0.0, 3.0_f64.sqrt() / 2.0, 0.0);
        assert!((quarter.mass - 0.25).abs() < 1e-14);
    }
}
