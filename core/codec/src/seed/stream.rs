//! Random tensors as the seed's framework draws them from its CPU generator.

use core::f64::consts::TAU;

use super::mersenne::MersenneTwister;

/// A generator with the framework's conventions for floats.
#[derive(Debug, Clone)]
pub struct SeedStream {
    words: MersenneTwister,
    /// The second of a pair of normals, kept for the next short draw.
    spare: Option<f64>,
}

impl SeedStream {
    /// The generator after a manual seed.
    pub fn new(seed: u32) -> Self {
        Self { words: MersenneTwister::new(seed), spare: None }
    }

    /// `n` draws of 0 or 1.
    pub fn bits(&mut self, n: usize) -> Vec<bool> {
        (0..n).map(|_| self.words.word() % 2 == 1).collect()
    }

    /// `n` uniforms in [0, 1): 24 bits of a word each.
    pub fn uniforms(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.words.word() & 0x00FF_FFFF) as f32 / 16_777_216.0).collect()
    }

    /// `n` standard normals: Box–Muller over blocks of sixteen uniforms, or pair by pair for short tensors.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        if n < 16 {
            return (0..n).map(|_| self.normal() as f32).collect();
        }
        let mut values = self.uniforms(n);
        for block in values.as_chunks_mut::<16>().0 {
            box_muller(block);
        }
        if !n.is_multiple_of(16) {
            let fresh = self.uniforms(16);
            if let (Some(tail), Some(fresh)) = (values.last_chunk_mut::<16>(), fresh.first_chunk::<16>()) {
                *tail = *fresh;
                box_muller(tail);
            }
        }
        values
    }

    /// The seed's default test tensor: 0.3 N, with one entry in twenty raised by 3 N.
    pub fn heavy_tail(&mut self, n: usize) -> Vec<f32> {
        let mut values = self.normals(n);
        let mask = self.uniforms(n);
        let spikes = self.normals(n);
        for ((value, mask), spike) in values.iter_mut().zip(mask).zip(spikes) {
            let raised = if mask < 0.05 { spike * 3.0 } else { 0.0 };
            *value = 0.3 * *value + raised;
        }
        values
    }

    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let angle = TAU * self.uniform_double();
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform_double()));
        let (sin, cos) = libm::sincos(angle);
        self.spare = Some(radius * sin);
        radius * cos
    }

    fn uniform_double(&mut self) -> f64 {
        let high = u64::from(self.words.word());
        let word = (high << 32) | u64::from(self.words.word());
        (word & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64
    }
}

fn box_muller(block: &mut [f32; 16]) {
    for j in 0..8 {
        let (u1, u2) = (1.0 - block[j], block[j + 8]);
        let radius = libm::sqrt(-2.0 * libm::log(f64::from(u1)));
        let (sin, cos) = libm::sincos(TAU * f64::from(u2));
        (block[j], block[j + 8]) = ((radius * cos) as f32, (radius * sin) as f32);
    }
}
