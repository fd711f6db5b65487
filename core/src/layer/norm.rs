//! RMS normalisation (Zhang and Sennrich, arXiv:1910.07467).

use super::{sum, vectorised};

/// `x / sqrt(mean(x^2) + eps) * weight` for each row of `width`; a weight of ones where there is none.
pub fn rms_norm(x: &[f32], weight: Option<&[f32]>, width: usize, eps: f32, out: &mut [f32]) {
    vectorised(|| {
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let scale = scale(x, eps);
            match weight {
                Some(weight) => {
                    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
                        *out = x * scale * weight;
                    }
                }
                None => out.iter_mut().zip(x).for_each(|(out, x)| *out = x * scale),
            }
        }
    });
}

/// With `g = gradient * weight` and `s` the row's factor: `s g - x s^3 mean(g x)`.
pub fn rms_norm_back(
    x: &[f32],
    weight: Option<&[f32]>,
    width: usize,
    eps: f32,
    gradient: &[f32],
    out: &mut [f32],
) {
    vectorised(|| {
        let rows = x.chunks_exact(width).zip(gradient.chunks_exact(width));
        for ((x, gradient), out) in rows.zip(out.chunks_exact_mut(width)) {
            let scale = scale(x, eps);
            match weight {
                Some(weight) => {
                    for ((out, gradient), weight) in out.iter_mut().zip(gradient).zip(weight) {
                        *out = gradient * weight;
                    }
                }
                None => out.copy_from_slice(gradient),
            }
            let along = sum(out, x, |g, x| g * x) / width as f32 * scale * scale;
            for (out, x) in out.iter_mut().zip(x) {
                *out = scale * (*out - x * along);
            }
        }
    });
}

#[inline(always)]
fn scale(x: &[f32], eps: f32) -> f32 {
    1.0 / (sum(x, x, |a, b| a * b) / x.len() as f32 + eps).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, values};
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_function() {
        let (width, eps) = (19, 1e-5);
        let (x, weights) = (values(1, 3 * width), values(2, 3 * width));
        let factor = values(3, width);
        for weight in [None, Some(factor.as_slice())] {
            let forward = |x: &[f32]| {
                let mut out = vec![0.0; x.len()];
                rms_norm(x, weight, width, eps, &mut out);
                out
            };
            let mut gradient = vec![0.0; x.len()];
            rms_norm_back(&x, weight, width, eps, &weights, &mut gradient);
            check(&x, &weights, &gradient, forward);
        }
        let mut out = vec![0.0; 2];
        rms_norm(&[3.0, 4.0], Some(&[1.0, 2.0]), 2, 0.0, &mut out);
        let root = 12.5_f32.sqrt();
        assert!((out[0] - 3.0 / root).abs() < 1e-6 && (out[1] - 8.0 / root).abs() < 1e-6);
    }
}
