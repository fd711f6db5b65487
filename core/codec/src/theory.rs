//! Closed forms beside which codecs are measured, and the paper's printed figures that they correct.
//!
//! D(b) is the exact distortion of the Lloyd–Max quantiser at b bits; everything else follows from it
//! (arXiv:2504.19874, theorems 1 to 3; unbiased scale: EDEN, arXiv:2604.18555).

use core::f64::consts::{FRAC_PI_2, PI};

use super::CodecError;
use super::scalar::{Codebook, Law};

/// D(b): mean squared error over variance of the best b-bit quantiser of `law`, b = 1 to 8.
pub fn distortion(law: Law, bits: u32) -> Result<f64, CodecError> {
    CodecError::check_bits("distortion", bits, 1, 8)?;
    Ok(Codebook::shared(law, bits).exact().distortion)
}

/// The reference line of theorem 3: 4^-b.
pub fn four_to_minus(bits: u32) -> f64 {
    libm::ldexp(1.0, -2 * bits as i32)
}

/// d times the variance of an inner product with a unit query, for `b` bits in all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InnerProductVariance {
    /// TurboQuant_prod, Gaussian sketch, d → ∞: π/2 · D(b-1).
    pub prod: f64,
    /// The unbiased scale without a sketch: D(b) / (1 - D(b)).
    pub unbiased: f64,
    /// The paper's own scale, which shrinks by 1 - D(b): D(b) (1 - D(b)), its bias not counted.
    pub biased: f64,
}

/// Variances in the limit of large d, b = 1 to 8. One bit of `prod` is the sketch alone: D(0) = 1.
pub fn inner_product_variance(bits: u32) -> Result<InnerProductVariance, CodecError> {
    let d = distortion(Law::Gaussian, bits)?;
    let first_stage = if bits == 1 { 1.0 } else { distortion(Law::Gaussian, bits - 1)? };
    Ok(InnerProductVariance { prod: FRAC_PI_2 * first_stage, unbiased: d / (1.0 - d), biased: d * (1.0 - d) })
}

/// Bits per channel when `wide` of `dim` channels have `bits + 1` bits and the rest `bits`, with `scales` f16 scales a vector.
///
/// `dim` of 0 gives 0.
pub fn mixed_bits(dim: u32, wide: u32, bits: u32, scales: u32) -> f64 {
    if dim == 0 {
        return 0.0;
    }
    f64::from(bits) + (f64::from(wide.min(dim)) + 16.0 * f64::from(scales)) / f64::from(dim)
}

/// Distortion of `2^bits` equal arcs of the circle (d = 2), each decoded to its mean times the best length.
///
/// A counterexample to "for every d" in theorem 3: 2 bits a coordinate are 16 arcs. An arc of half-angle a
/// has a mean of length sin a / a, so the error is 1 - (sin a / a)².
pub fn circle_distortion(bits_per_coordinate: u32) -> f64 {
    let half_angle = PI / libm::exp2(2.0 * f64::from(bits_per_coordinate));
    let mean = libm::sin(half_angle) / half_angle;
    1.0 - mean * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64, tolerance: f64) {
        assert!((value - expected).abs() < tolerance, "{value}, expected {expected}");
    }

    #[test]
    fn distortions_are_the_textbook_ones() {
        // Max (1960), table I.
        for (bits, expected) in [(1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009_497)] {
            near(distortion(Law::Gaussian, bits).unwrap(), expected, 6e-5);
            assert!(distortion(Law::Gaussian, bits).unwrap() > four_to_minus(bits));
        }
        assert!(distortion(Law::Gaussian, 0).is_err() && distortion(Law::Gaussian, 9).is_err());
    }

    #[test]
    fn variances_follow_the_closed_forms() {
        for (bits, prod, unbiased) in
            [(1, 1.571, 0.571), (2, 0.571, 0.1331), (3, 0.1845, 0.0358), (4, 0.0543, 0.0096)]
        {
            let variance = inner_product_variance(bits).unwrap();
            near(variance.prod, prod, 6e-4);
            near(variance.unbiased, unbiased, 6e-4);
            assert!(variance.biased < variance.unbiased && variance.unbiased < variance.prod);
        }
    }

    #[test]
    fn mixtures_and_the_circle() {
        near(mixed_bits(128, 32, 2, 0), 2.25, 1e-12);
        near(mixed_bits(128, 32, 2, 2), 2.5, 1e-12);
        near(mixed_bits(128, 32, 3, 2), 3.5, 1e-12);
        near(mixed_bits(0, 0, 3, 2), 0.0, 1e-12);
        near(circle_distortion(2), 0.0128, 1e-4);
        assert!(circle_distortion(2) < four_to_minus(2));
    }
}
