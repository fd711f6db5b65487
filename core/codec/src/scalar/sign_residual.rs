//! The seed's scalar stage: a sign at the root-mean-square magnitude, and an integer residual on top.

/// The quantiser at r residual bits (2 to 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignResidual {
    bits: u32,
}

/// The smallest norm and residual it divides by.
const FLOOR: f32 = 1e-8;

impl SignResidual {
    pub(crate) fn new(bits: u32) -> Self {
        Self { bits }
    }

    fn largest(self) -> i32 {
        (1 << (self.bits - 1)) - 1
    }

    /// Writes signs (1 is negative) and residuals (two's complement, r bits); returns norm and residual scale.
    pub(crate) fn quantise(self, z: &[f32], signs: &mut [u8], residuals: &mut [u8]) -> (f32, f32) {
        let squares: f64 = z.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        let norm = libm::sqrt(squares) as f32;
        let base = base(norm, z.len());
        let residual = |z: f32| if z >= 0.0 { z - base } else { z + base };
        let largest = z.iter().fold(0.0_f32, |largest, &z| largest.max(residual(z).abs()));
        let scale = largest.max(FLOOR) / self.largest() as f32;
        let (low, high) = ((-self.largest() - 1) as f32, self.largest() as f32);
        let mask = ((1_u32 << self.bits) - 1) as u8;
        for ((&z, sign), code) in z.iter().zip(signs).zip(residuals) {
            *sign = u8::from(z < 0.0);
            let level = (residual(z) / scale).round_ties_even().clamp(low, high);
            *code = (level as i32 as u8) & mask;
        }
        (norm, scale)
    }

    /// The values of signs and residuals.
    pub(crate) fn values(self, norm: f32, scale: f32, signs: &[u8], residuals: &[u8], out: &mut [f32]) {
        let base = base(norm, out.len());
        let shift = 8 - self.bits;
        for ((out, &sign), &code) in out.iter_mut().zip(signs).zip(residuals) {
            let level = f32::from(((code << shift) as i8) >> shift);
            *out = if sign == 0 { base } else { -base } + level * scale;
        }
    }
}

fn base(norm: f32, n: usize) -> f32 {
    norm.max(FLOOR) / libm::sqrtf(n as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_residual_bits_come_close() {
        let z = [0.5_f32, -1.0, 2.0, -0.25, 0.0, 0.75, -3.0, 1.0];
        let (mut signs, mut codes, mut out) = ([0; 8], [0; 8], [0.0; 8]);
        let quantiser = SignResidual::new(8);
        let (norm, scale) = quantiser.quantise(&z, &mut signs, &mut codes);
        quantiser.values(norm, scale, &signs, &codes, &mut out);
        assert_eq!(signs, [0, 1, 0, 1, 0, 0, 1, 0]);
        assert!(z.iter().zip(out).all(|(z, out)| (z - out).abs() <= scale / 2.0 + 1e-6));
    }
}
