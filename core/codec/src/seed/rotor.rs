//! `seed-rotor`: one random rotor per channel triple, then sign and residual; a tail of d mod 3 stays as it is.

use super::turbo::Stage;
use super::{ROTATION_SEED, SeedStream};
use crate::{Codec, CodecError, Layout, Planes, PlanesMut};

/// The seed's RotorQuant variant at r residual bits, scalars in f32 as it holds them.
#[derive(Debug, Clone)]
pub struct SeedRotor {
    rotors: Vec<[f32; 4]>,
    stage: Stage,
}

impl SeedRotor {
    /// A codec for `dim` channels, at least 3, and `residual_bits` of 2 to 8.
    pub fn new(dim: usize, residual_bits: u32) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        if dim < 3 {
            return Err(CodecError::DimFor { codec: "seed-rotor", dim, expected: "3 channels or more" });
        }
        let rotors = (0..dim / 3).map(|block| rotor(ROTATION_SEED + block as u32)).collect();
        Ok(Self { rotors, stage: Stage::new("seed-rotor", dim, dim, residual_bits)? })
    }

    fn turn(&self, x: &mut [f32], side: f32) {
        for (v, rotor) in x.as_chunks_mut::<3>().0.iter_mut().zip(&self.rotors) {
            let axis = [side * rotor[1], side * rotor[2], side * rotor[3]];
            let once = cross(axis, *v);
            let twice = cross(axis, once);
            for k in 0..3 {
                v[k] = v[k] + 2.0 * rotor[0] * once[k] + 2.0 * twice[k];
            }
        }
    }
}

/// The unit rotor that the seed draws for a block.
pub(super) fn rotor(seed: u32) -> [f32; 4] {
    let draws = SeedStream::new(seed).normals(4);
    let norm = libm::sqrt(draws.iter().map(|&x| f64::from(x) * f64::from(x)).sum()) as f32;
    core::array::from_fn(|k| draws[k] / norm)
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

impl Codec for SeedRotor {
    fn layout(&self) -> &Layout {
        self.stage.layout()
    }

    fn label(&self) -> String {
        self.stage.label()
    }

    fn encode_into(&self, vectors: &[f32], mut out: PlanesMut<'_>) -> Result<(), CodecError> {
        self.check_input(vectors, &out)?;
        for (vector, x) in vectors.chunks_exact(self.dim()).enumerate() {
            let mut z = x.to_vec();
            self.turn(&mut z, 1.0);
            self.stage.store(x, &z, vector, &mut out)?;
        }
        Ok(())
    }

    fn decode_into(&self, packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_output(&packed, out)?;
        for (vector, out) in out.chunks_exact_mut(self.dim()).enumerate() {
            self.stage.load(&packed, vector, out)?;
            self.turn(out, -1.0);
        }
        Ok(())
    }

    fn inner_products(&self, query: &[f32], packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_query(query, &packed, out)?;
        let mut turned = query.to_vec();
        self.turn(&mut turned, 1.0);
        self.stage.inner_products(&turned, &packed, out)
    }
}
