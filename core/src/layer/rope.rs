//! Rotary position embedding of half-split channels (Su et al., arXiv:2104.09864).

use super::vectorised;

/// Turn channel `i` with channel `i + width / 2` for each row of `width`; `angles` are the rows' cosines and sines,
/// half a row each. `back` turns the other way, which is also the gradient.
pub fn rotate(x: &[f32], width: usize, [cos, sin]: [&[f32]; 2], back: bool, out: &mut [f32]) {
    let half = width / 2;
    let sign = if back { -1.0 } else { 1.0 };
    vectorised(|| {
        let angles = cos.chunks_exact(half).zip(sin.chunks_exact(half));
        for ((x, out), (cos, sin)) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(angles) {
            let (first, second) = x.split_at(half);
            let (left, right) = out.split_at_mut(half);
            for i in 0..half {
                let sin = sign * sin[i];
                left[i] = first[i] * cos[i] - second[i] * sin;
                right[i] = second[i] * cos[i] + first[i] * sin;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::values;
    use super::*;

    #[test]
    fn turning_back_undoes_turning() {
        let x = values(1, 2 * 6);
        let angles = values(2, 2 * 3);
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|angle| (angle.cos(), angle.sin())).unzip();
        let (mut there, mut back) = (vec![0.0; 12], vec![0.0; 12]);
        rotate(&x, 6, [&cos, &sin], false, &mut there);
        rotate(&there, 6, [&cos, &sin], true, &mut back);
        assert!(x.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!((there[0] - (x[0] * cos[0] - x[3] * sin[0])).abs() < 1e-6);
        assert!((there[3] - (x[3] * cos[0] + x[0] * sin[0])).abs() < 1e-6);
    }
}
