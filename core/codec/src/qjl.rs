//! TurboQuant_prod (arXiv:2504.19874, algorithm 2): b-1 bits of TurboQuant_mse and a one-bit
//! Johnson–Lindenstrauss sketch of what they miss, for unbiased inner products.
//!
//! Implemented as published, with an orthogonal sketch as the better choice of S. For attention the unbiased
//! scale of `TurboQuant` has a fraction of its variance at the same bits.

use core::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::kernel::{read_scale, write_scale};
use super::pack::{pack_plane, plane_bytes, unpack_plane};
use super::rotation::{Dense, Hadamard, Rotation};
use super::scalar::gamma_ratio;
use super::turboquant::{DEFAULT_SEED, ScaleFormat, TurboQuant, TurboQuantConfig};
use super::{Codec, CodecError, Layout, Planes, PlanesMut};
use dhurandhar_leaf::simd::Isa;
use dhurandhar_leaf::simd::dot_product;

/// Vectors whose residual is held at a time.
const CHUNK: usize = 64;

/// The matrix S of the sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SketchKind {
    /// Independent normal entries, as in the paper; up to 1024 channels.
    #[default]
    Gaussian,
    /// A Haar-random orthogonal matrix: 2.75 times less variance for the same bits; up to 1024 channels.
    Orthogonal,
    /// A randomised Hadamard: as good as orthogonal, at any width, in d log d.
    Hadamard,
}

/// Everything that determines a TurboQuant_prod codec but the width of its vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProdConfig {
    /// Bits in total, 1 to 8: the sketch takes one of them.
    pub bits: u32,
    /// The sketch matrix.
    pub sketch: SketchKind,
    /// How the two scalars are stored.
    pub scale_format: ScaleFormat,
    /// Seed of rotation and sketch.
    pub seed: u64,
}

impl ProdConfig {
    /// The paper's codec at `bits` bits in total, f16 scalars.
    pub fn new(bits: u32) -> Self {
        Self { bits, sketch: SketchKind::Gaussian, scale_format: ScaleFormat::F16, seed: DEFAULT_SEED }
    }

    /// The same with another sketch.
    #[must_use]
    pub fn with_sketch(mut self, sketch: SketchKind) -> Self {
        self.sketch = sketch;
        self
    }
}

/// Codes of b-1 bits, one sign per channel, and two scalars.
#[derive(Debug, Clone)]
pub struct TurboQuantProd {
    config: ProdConfig,
    stage: Option<TurboQuant>,
    sketch: Rotation,
    /// What makes S^T sign(S r) an unbiased estimate of r / |r|.
    unit: f32,
    layout: Layout,
    isa: Isa,
}

impl TurboQuantProd {
    /// A codec for vectors of `dim` channels.
    pub fn new(dim: usize, config: ProdConfig) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        CodecError::check_bits("turboquant-prod", config.bits, 1, 8)?;
        let stage = TurboQuantConfig::new(config.bits - 1)
            .with_scale_format(config.scale_format)
            .with_seed(config.seed);
        let stage = (config.bits > 1).then(|| TurboQuant::new(dim, stage)).transpose()?;
        let seed = config.seed ^ 0x514A_4C00;
        let d = dim as f64;
        let orthogonal = libm::sqrt(PI) * gamma_ratio(dim as u32 + 1) / d;
        let (sketch, unit) = match config.sketch {
            SketchKind::Gaussian => (Rotation::Dense(Dense::gaussian(dim, seed)?), libm::sqrt(PI / 2.0) / d),
            SketchKind::Orthogonal => (Rotation::Dense(Dense::haar(dim, seed)?), orthogonal),
            SketchKind::Hadamard => {
                let rounds = if dim.is_power_of_two() { 1 } else { 2 };
                (Rotation::Hadamard(Hadamard::new(dim, rounds, seed)?), orthogonal)
            }
        };
        let mut layout = Layout::new(dim);
        if let Some(stage) = &stage {
            layout = layout.extend(stage.layout());
        }
        let layout = layout.plane("residual norm", config.scale_format.bytes());
        let layout = layout.plane("sketch", plane_bytes(dim, 1));
        Ok(Self { config, stage, sketch, unit: unit as f32, layout, isa: Isa::detect() })
    }

    /// Where the planes of the sketch begin.
    fn first(&self) -> usize {
        self.layout.planes().len() - 2
    }

    /// Signs of S r as ±1 from packed bits.
    fn signs(&self, packed: &Planes<'_>, vector: usize, codes: &mut [u8], signs: &mut [f32]) {
        codes.fill(0);
        unpack_plane(packed.row(self.first() + 1, vector), 0, 1, codes);
        for (sign, code) in signs.iter_mut().zip(codes) {
            *sign = 1.0 - 2.0 * f32::from(*code);
        }
    }

    fn encode_sketch(&self, x: &[f32], vector: usize, out: &mut PlanesMut<'_>) -> Result<(), CodecError> {
        if let Some(channel) = x.iter().position(|value| !value.is_finite()) {
            return Err(CodecError::NotFinite { vector, channel, value: x[channel] });
        }
        let norm = libm::sqrt(x.iter().map(|&v| f64::from(v) * f64::from(v)).sum());
        let first = self.first();
        write_scale(self.config.scale_format, norm, vector, out.row(first, vector))?;
        let sketch = out.row(first + 1, vector);
        if norm == 0.0 {
            sketch.fill(0);
            return Ok(());
        }
        let unit: Vec<f32> = x.iter().map(|&v| (f64::from(v) / norm) as f32).collect();
        let image = self.sketch.forward(self.isa, &unit);
        let codes: Vec<u8> = image.iter().map(|&v| u8::from(v < 0.0)).collect();
        pack_plane(&codes, 0, 1, sketch);
        Ok(())
    }

    fn encode_chunk(&self, x: &[f32], mut out: PlanesMut<'_>) -> Result<(), CodecError> {
        let mut residual = x.to_vec();
        if let Some(stage) = &self.stage {
            stage.encode_into(x, out.skip(0))?;
            let mut decoded = vec![0.0; x.len()];
            stage.decode_into(out.as_shared(), &mut decoded)?;
            for (residual, decoded) in residual.iter_mut().zip(decoded) {
                *residual -= decoded;
            }
        }
        let rows = residual.chunks_exact(self.dim()).enumerate();
        rows.into_iter().try_for_each(|(vector, r)| self.encode_sketch(r, vector, &mut out))
    }

    fn decode_chunk(&self, packed: &Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        match &self.stage {
            Some(stage) => stage.decode_into(packed.clone(), out)?,
            None => out.fill(0.0),
        }
        let (mut codes, mut signs) = (vec![0; self.dim()], vec![0.0; self.dim()]);
        for (vector, out) in out.chunks_exact_mut(self.dim()).enumerate() {
            let norm = read_scale(packed.row(self.first(), vector), vector)?;
            self.signs(packed, vector, &mut codes, &mut signs);
            let back = self.sketch.inverse(self.isa, &signs);
            for (out, back) in out.iter_mut().zip(back) {
                *out += norm * self.unit * back;
            }
        }
        Ok(())
    }
}

impl Codec for TurboQuantProd {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn label(&self) -> String {
        let sketch = match self.config.sketch {
            SketchKind::Gaussian => "Gaussian S",
            SketchKind::Orthogonal => "orthogonal S",
            SketchKind::Hadamard => "Hadamard S",
        };
        format!("TurboQuant prod b={}, {sketch}", self.config.bits)
    }

    fn encode_into(&self, vectors: &[f32], out: PlanesMut<'_>) -> Result<(), CodecError> {
        self.check_input(vectors, &out)?;
        let pieces = out.chunks(CHUNK).into_iter().zip(vectors.chunks(CHUNK * self.dim()));
        for (index, (out, x)) in pieces.enumerate() {
            self.encode_chunk(x, out).map_err(|error| error.in_chunk(index * CHUNK))?;
        }
        Ok(())
    }

    fn decode_into(&self, packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_output(&packed, out)?;
        self.decode_chunk(&packed, out)
    }

    fn inner_products(&self, query: &[f32], packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_query(query, &packed, out)?;
        match &self.stage {
            Some(stage) => stage.inner_products(query, packed.clone(), out)?,
            None => out.fill(0.0),
        }
        let image = self.sketch.forward(self.isa, query);
        let (mut codes, mut signs) = (vec![0; self.dim()], vec![0.0; self.dim()]);
        for (vector, out) in out.iter_mut().enumerate() {
            let norm = read_scale(packed.row(self.first(), vector), vector)?;
            self.signs(&packed, vector, &mut codes, &mut signs);
            *out += norm * self.unit * dot_product(self.isa, &image, &signs);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    #[test]
    fn scores_from_codes_equal_scores_from_vectors() {
        for sketch in [SketchKind::Gaussian, SketchKind::Orthogonal, SketchKind::Hadamard] {
            for (dim, bits) in [(1, 1), (64, 1), (80, 3), (128, 4)] {
                let codec = TurboQuantProd::new(dim, ProdConfig::new(bits).with_sketch(sketch)).unwrap();
                let mut random = Random::new(4, 4);
                let (x, y) = (random.normals(70 * dim), random.normals(dim));
                let packed = codec.encode(&x).unwrap();
                let mut scores = vec![0.0; 70];
                codec.inner_products(&y, packed.planes(), &mut scores).unwrap();
                for (score, x) in scores.iter().zip(codec.decode(&packed).unwrap().chunks_exact(dim)) {
                    let direct = dot_product(Isa::SCALAR, x, &y);
                    assert!((score - direct).abs() < 1e-4 * (dim as f32).sqrt(), "{score} {direct}");
                }
            }
        }
    }

    #[test]
    fn zero_stays_zero_and_bad_values_are_named() {
        for bits in [1, 2, 4] {
            let codec = TurboQuantProd::new(64, ProdConfig::new(bits)).unwrap();
            let packed = codec.encode(&[0.0; 64]).unwrap();
            assert_eq!(codec.decode(&packed).unwrap(), [0.0; 64]);
            let mut x = vec![1.0; 64 * 100];
            x[64 * 90 + 3] = f32::NAN;
            let error = codec.encode(&x).unwrap_err();
            assert!(matches!(error, CodecError::NotFinite { vector: 90, channel: 3, .. }), "{error}");
        }
        assert!(TurboQuantProd::new(64, ProdConfig::new(0)).is_err());
        assert!(TurboQuantProd::new(2048, ProdConfig::new(4)).is_err());
    }
}
