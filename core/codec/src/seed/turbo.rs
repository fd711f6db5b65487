//! `seed-turbo`: zero padding to a power of two, one Hadamard round, sign and residual.

use super::{ROTATION_SEED, SeedStream, published_bits};
use crate::kernel::{fwht_in_place, read_scale, write_scale};
use crate::pack::{pack_plane, plane_bytes, plane_name, plane_widths, unpack_plane};
use crate::scalar::SignResidual;
use crate::turboquant::ScaleFormat;
use crate::{Codec, CodecError, Layout, Planes, PlanesMut};
use dhurandhar_leaf::simd::Isa;
use dhurandhar_leaf::simd::dot_product;

/// The seed's TurboQuant variant at r residual bits, scalars in f32 as it holds them.
#[derive(Debug, Clone)]
pub struct SeedTurbo {
    signs: Vec<bool>,
    stage: Stage,
}

impl SeedTurbo {
    /// A codec for `dim` channels and `residual_bits` of 2 to 8.
    pub fn new(dim: usize, residual_bits: u32) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        let padded = dim.next_power_of_two();
        let signs = SeedStream::new(ROTATION_SEED).bits(padded);
        Ok(Self { signs, stage: Stage::new("seed-turbo", dim, padded, residual_bits)? })
    }

    /// The vector padded with zeros and rotated.
    fn turn(&self, x: &[f32], z: &mut [f32]) {
        z.fill(0.0);
        for ((z, &x), &sign) in z.iter_mut().zip(x).zip(&self.signs) {
            *z = if sign { x } else { -x };
        }
        fwht_in_place(Isa::detect(), z);
        let factor = 1.0 / libm::sqrtf(self.signs.len() as f32);
        for z in z {
            *z *= factor;
        }
    }
}

impl Codec for SeedTurbo {
    fn layout(&self) -> &Layout {
        &self.stage.layout
    }

    fn label(&self) -> String {
        self.stage.label()
    }

    fn encode_into(&self, vectors: &[f32], mut out: PlanesMut<'_>) -> Result<(), CodecError> {
        self.check_input(vectors, &out)?;
        let mut z = vec![0.0; self.signs.len()];
        for (vector, x) in vectors.chunks_exact(self.dim()).enumerate() {
            self.turn(x, &mut z);
            self.stage.store(x, &z, vector, &mut out)?;
        }
        Ok(())
    }

    fn decode_into(&self, packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_output(&packed, out)?;
        let factor = 1.0 / libm::sqrtf(self.signs.len() as f32);
        let mut z = vec![0.0; self.signs.len()];
        for (vector, out) in out.chunks_exact_mut(self.dim()).enumerate() {
            self.stage.load(&packed, vector, &mut z)?;
            fwht_in_place(Isa::detect(), &mut z);
            for ((out, &z), &sign) in out.iter_mut().zip(&z).zip(&self.signs) {
                *out = if sign { z * factor } else { -z * factor };
            }
        }
        Ok(())
    }

    fn inner_products(&self, query: &[f32], packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_query(query, &packed, out)?;
        let mut turned = vec![0.0; self.signs.len()];
        self.turn(query, &mut turned);
        self.stage.inner_products(&turned, &packed, out)
    }
}

/// The stage both seed codecs share: packed signs, residuals and two scalars.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    name: &'static str,
    coordinates: usize,
    bits: u32,
    quantiser: SignResidual,
    layout: Layout,
}

impl Stage {
    pub(super) fn new(
        name: &'static str,
        dim: usize,
        coordinates: usize,
        bits: u32,
    ) -> Result<Self, CodecError> {
        CodecError::check_bits(name, bits, 2, 8)?;
        let mut layout = Layout::new(dim).plane("norm", 4).plane("residual scale", 4);
        layout = layout.plane("signs", plane_bytes(coordinates, 1));
        for width in plane_widths(bits) {
            layout = layout.plane(plane_name(width), plane_bytes(coordinates, width));
        }
        Ok(Self { name, coordinates, bits, quantiser: SignResidual::new(bits), layout })
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn label(&self) -> String {
        format!("{} r={} (published as {} bits)", self.name, self.bits, published_bits(self.bits))
    }

    /// Quantises rotated coordinates; `x` is the vector they came from, for error messages.
    pub(super) fn store(
        &self,
        x: &[f32],
        z: &[f32],
        vector: usize,
        out: &mut PlanesMut<'_>,
    ) -> Result<(), CodecError> {
        if let Some(channel) = x.iter().position(|value| !value.is_finite()) {
            return Err(CodecError::NotFinite { vector, channel, value: x[channel] });
        }
        if x.iter().all(|&value| value == 0.0) {
            for plane in 0..out.len() {
                out.row(plane, vector).fill(0);
            }
            return Ok(());
        }
        let (mut signs, mut residuals) = (vec![0; self.coordinates], vec![0; self.coordinates]);
        let (norm, scale) = self.quantiser.quantise(z, &mut signs, &mut residuals);
        write_scale(ScaleFormat::F32, f64::from(norm), vector, out.row(0, vector))?;
        write_scale(ScaleFormat::F32, f64::from(scale), vector, out.row(1, vector))?;
        pack_plane(&signs, 0, 1, out.row(2, vector));
        let mut shift = 0;
        for (plane, width) in plane_widths(self.bits).enumerate() {
            pack_plane(&residuals, shift, width, out.row(3 + plane, vector));
            shift += width;
        }
        Ok(())
    }

    /// Products of a rotated query with the rotated coordinates: the rotation keeps them, padding meets zeros.
    pub(super) fn inner_products(
        &self,
        turned: &[f32],
        packed: &Planes<'_>,
        out: &mut [f32],
    ) -> Result<(), CodecError> {
        let mut z = vec![0.0; self.coordinates];
        for (vector, out) in out.iter_mut().enumerate() {
            self.load(packed, vector, &mut z)?;
            *out = dot_product(Isa::detect(), turned, &z);
        }
        Ok(())
    }

    /// Rotated coordinates of a packed vector. A zero norm is the zero vector, unlike in the seed, where it
    /// decodes to noise of 1e-8.
    pub(super) fn load(&self, packed: &Planes<'_>, vector: usize, z: &mut [f32]) -> Result<(), CodecError> {
        let norm = read_scale(packed.row(0, vector), vector)?;
        let scale = read_scale(packed.row(1, vector), vector)?;
        if norm == 0.0 {
            z.fill(0.0);
            return Ok(());
        }
        let (mut signs, mut residuals) = (vec![0; self.coordinates], vec![0; self.coordinates]);
        unpack_plane(packed.row(2, vector), 0, 1, &mut signs);
        let mut shift = 0;
        for (plane, width) in plane_widths(self.bits).enumerate() {
            unpack_plane(packed.row(3 + plane, vector), shift, width, &mut residuals);
            shift += width;
        }
        self.quantiser.values(norm, scale, &signs, &residuals, z);
        Ok(())
    }
}
