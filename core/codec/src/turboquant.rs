//! TurboQuant_mse (arXiv:2504.19874, algorithm 1): rotate, quantise every coordinate with the codebook of its
//! law, store one scale per vector.
//!
//! The same construction is EDEN (Vargaftik et al. 2022) with its scale set to one; the other scale modes are
//! EDEN's and RaBitQ's and cost no extra bits.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kernel::{DecodeBatch, EncodeBatch, ScoreBatch};
use super::pack::{plane_bytes, plane_name, plane_widths};
use super::rotation::{Rotation, RotationKind};
use super::scalar::{Codebook, Law};
use super::{Codec, CodecError, Layout, Planes, PlanesMut};
use dhurandhar_leaf::simd::Isa;

/// The rotation seed that codecs use unless told otherwise.
pub const DEFAULT_SEED: u64 = 2026;

/// What the one stored scalar of a vector is; c are the decoded coordinates, x the vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleMode {
    /// |x|, as in the paper: least error by theory, inner products shrunk by 1 - D.
    #[default]
    Paper,
    /// |x| over the norm of the decoded unit vector: norms are kept.
    Norm,
    /// |x|² / <x, c>: inner products are unbiased.
    Unbiased,
    /// <x, c> / |c|²: least error for the codes at hand.
    LeastSquares,
}

/// How the scalar is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleFormat {
    /// 16 bits, up to 65504; a larger scale is an error.
    #[default]
    F16,
    /// 32 bits.
    F32,
}

impl ScaleFormat {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Everything that determines a TurboQuant codec but the width of its vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurboQuantConfig {
    /// Bits of a code, 1 to 8.
    pub bits: u32,
    /// The rotation; `None` is a Hadamard of one round for powers of two and of two rounds otherwise.
    pub rotation: Option<RotationKind>,
    /// What is stored as the scale.
    pub scale_mode: ScaleMode,
    /// How it is stored.
    pub scale_format: ScaleFormat,
    /// Seed of the rotation.
    pub seed: u64,
}

impl TurboQuantConfig {
    /// The paper's codec at `bits` bits with an f16 scale.
    pub fn new(bits: u32) -> Self {
        Self {
            bits,
            rotation: None,
            scale_mode: ScaleMode::Paper,
            scale_format: ScaleFormat::F16,
            seed: DEFAULT_SEED,
        }
    }

    /// The same with a given rotation.
    #[must_use]
    pub fn with_rotation(mut self, rotation: RotationKind) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// The same with a given scale mode.
    #[must_use]
    pub fn with_scale(mut self, mode: ScaleMode) -> Self {
        self.scale_mode = mode;
        self
    }

    /// The same with a given scale format.
    #[must_use]
    pub fn with_scale_format(mut self, format: ScaleFormat) -> Self {
        self.scale_format = format;
        self
    }

    /// The same with a given rotation seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// A rotation, a codebook and a scale: TurboQuant_mse, or with block rotations RotorQuant and its kin.
#[derive(Debug, Clone)]
pub struct TurboQuant {
    pub(crate) dim: usize,
    pub(crate) rotation: Rotation,
    pub(crate) book: Arc<Codebook>,
    pub(crate) scale_mode: ScaleMode,
    pub(crate) scale_format: ScaleFormat,
    /// sqrt(d) over the rotation's gain: over the norm, it makes coordinates standard.
    pub(crate) unit: f32,
    /// 1 / (sqrt(d) gain): times the scale, it undoes both.
    pub(crate) inverse_unit: f32,
    config: TurboQuantConfig,
    kind: RotationKind,
    layout: Layout,
    isa: Isa,
}

impl TurboQuant {
    /// A codec for vectors of `dim` channels (1 to 8192).
    pub fn new(dim: usize, config: TurboQuantConfig) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        CodecError::check_bits("turboquant", config.bits, 1, 8)?;
        let kind = config.rotation.unwrap_or_else(|| RotationKind::hadamard_for(dim));
        let rotation = Rotation::new(kind, dim, config.seed)?;
        let mut layout = Layout::new(dim).plane("scale", config.scale_format.bytes());
        for width in plane_widths(config.bits) {
            layout = layout.plane(plane_name(width), plane_bytes(dim, width));
        }
        let root = libm::sqrt(dim as f64);
        let gain = f64::from(rotation.gain());
        Ok(Self {
            dim,
            book: Codebook::shared(Law::Sphere(dim as u32), config.bits),
            scale_mode: config.scale_mode,
            scale_format: config.scale_format,
            unit: (root / gain) as f32,
            inverse_unit: (1.0 / (root * gain)) as f32,
            rotation,
            config,
            kind,
            layout,
            isa: Isa::detect(),
        })
    }

    /// The same codec on a given instruction set; the bytes are the same on all of them.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// Whether its codes are one nibble plane of at least a register; the last register may overlap the one before.
    #[inline(always)]
    pub(crate) fn whole_nibbles(&self) -> bool {
        self.config.bits == 4 && self.dim >= 32 && self.dim.is_multiple_of(2)
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &TurboQuantConfig {
        &self.config
    }

    /// The codebook in use.
    pub fn codebook(&self) -> &Codebook {
        &self.book
    }

    /// The expected normalised MSE for isotropic vectors under [`ScaleMode::Paper`]: exact, for this d and b.
    pub fn theory_nmse(&self) -> f64 {
        self.book.exact().distortion
    }
}

impl Codec for TurboQuant {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn label(&self) -> String {
        let name = match self.kind {
            RotationKind::Identity => "no rotation".to_owned(),
            RotationKind::Hadamard { rounds: 1 } => "TurboQuant".to_owned(),
            RotationKind::Hadamard { rounds } => format!("TurboQuant, {rounds} rounds"),
            RotationKind::Dense => "TurboQuant, dense Haar".to_owned(),
            RotationKind::Planar => "PlanarQuant (Givens)".to_owned(),
            RotationKind::Rotor => "RotorQuant (Cl(3,0))".to_owned(),
            RotationKind::Quaternion => "IsoQuant (quaternion)".to_owned(),
            RotationKind::QuaternionTwoSided => "IsoQuant (two-sided)".to_owned(),
            RotationKind::HadamardRotor => "Hadamard + rotor".to_owned(),
        };
        let scale = match self.scale_mode {
            ScaleMode::Paper => "",
            ScaleMode::Norm => ", norm scale",
            ScaleMode::Unbiased => ", unbiased scale",
            ScaleMode::LeastSquares => ", least-squares scale",
        };
        format!("{name} b={}{scale}", self.config.bits)
    }

    fn encode_into(&self, vectors: &[f32], out: PlanesMut<'_>) -> Result<(), CodecError> {
        self.check_input(vectors, &out)?;
        self.isa.run(EncodeBatch { codec: self, vectors, out })
    }

    fn decode_into(&self, packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_output(&packed, out)?;
        self.isa.run(DecodeBatch { codec: self, packed, out })
    }

    fn inner_products(&self, query: &[f32], packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_query(query, &packed, out)?;
        let rotated = self.rotation.forward(self.isa, query);
        self.isa.run(ScoreBatch { codec: self, rotated_query: &rotated, packed, out })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Packed, Random};

    const MODES: [ScaleMode; 4] =
        [ScaleMode::Paper, ScaleMode::Norm, ScaleMode::Unbiased, ScaleMode::LeastSquares];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 200 }))]
        #[test]
        fn instruction_sets_agree_to_the_bit(
            dim in 1_usize..400,
            bits in 1_u32..=8,
            rounds in 1_u32..=3,
            mode in 0_usize..4,
            power in -60_i32..10,
            seed in any::<u64>(),
        ) {
            let config = TurboQuantConfig::new(bits)
                .with_rotation(RotationKind::Hadamard { rounds })
                .with_scale(MODES[mode])
                .with_seed(seed);
            let fast = TurboQuant::new(dim, config).unwrap();
            let scalar = fast.clone().on(Isa::SCALAR);
            let factor = libm::ldexp(1.0, power) as f32;
            let x: Vec<f32> = Random::new(seed, 5).normals(3 * dim).iter().map(|v| v * factor).collect();
            let packed = fast.encode(&x).unwrap();
            prop_assert_eq!(&packed, &scalar.encode(&x).unwrap());
            let bits_of = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let decoded = fast.decode(&packed).unwrap();
            prop_assert!(decoded.iter().all(|v| v.is_finite()));
            prop_assert_eq!(bits_of(decoded), bits_of(scalar.decode(&packed).unwrap()));
            let (mut a, mut b) = (vec![0.0; 3], vec![0.0; 3]);
            fast.inner_products(&x[..dim], packed.planes(), &mut a).unwrap();
            scalar.inner_products(&x[..dim], packed.planes(), &mut b).unwrap();
            prop_assert_eq!(bits_of(a), bits_of(b));
        }

        #[test]
        fn chunks_encode_to_the_bytes_of_the_whole(dim in 1_usize..70, n in 0_usize..20, step in 1_usize..7) {
            let codec = TurboQuant::new(dim, TurboQuantConfig::new(3)).unwrap();
            let x = Random::new(3, 3).normals(dim * n);
            let whole = codec.encode(&x).unwrap();
            let mut pieces = Packed::zeroed(codec.layout(), n);
            for (chunk, x) in pieces.planes_mut().chunks(step).into_iter().zip(x.chunks(dim * step)) {
                codec.encode_into(x, chunk).unwrap();
            }
            prop_assert_eq!(whole, pieces);
        }
    }

    #[test]
    fn zero_stays_zero_and_sizes_do_not_matter() {
        for bits in 1..=8 {
            let codec = TurboQuant::new(64, TurboQuantConfig::new(bits)).unwrap();
            let packed = codec.encode(&[0.0; 64]).unwrap();
            assert!(packed.bytes().iter().all(|&byte| byte == 0));
            assert_eq!(codec.decode(&packed).unwrap(), [0.0; 64]);
            assert_eq!(codec.encode(&[]).unwrap().vectors(), 0);
        }
        let config = TurboQuantConfig::new(4).with_scale_format(ScaleFormat::F32);
        let codec = TurboQuant::new(64, config).unwrap();
        let x = Random::new(1, 1).normals(64);
        let plain = codec.decode(&codec.encode(&x).unwrap()).unwrap();
        for power in [-120, -100, -40, 60, 100] {
            let factor = libm::ldexp(1.0, power) as f32;
            let scaled: Vec<f32> = x.iter().map(|v| v * factor).collect();
            let decoded = codec.decode(&codec.encode(&scaled).unwrap()).unwrap();
            for (a, b) in decoded.iter().zip(&plain) {
                assert!((a / factor - b).abs() <= 1e-5 * b.abs() + 1e-7, "2^{power}: {a} {b}");
            }
        }
    }

    #[test]
    fn bad_input_is_named() {
        assert!(TurboQuant::new(0, TurboQuantConfig::new(4)).is_err());
        assert!(TurboQuant::new(8193, TurboQuantConfig::new(4)).is_err());
        assert!(TurboQuant::new(64, TurboQuantConfig::new(0)).is_err());
        assert!(TurboQuant::new(64, TurboQuantConfig::new(9)).is_err());
        let codec = TurboQuant::new(64, TurboQuantConfig::new(4)).unwrap();
        let mut x = vec![1.0; 128];
        assert!(matches!(codec.encode(&x[..100]), Err(CodecError::Length { got: 100, .. })));
        x[70] = f32::NAN;
        assert!(matches!(codec.encode(&x), Err(CodecError::NotFinite { vector: 1, channel: 6, .. })));
        x[70] = f32::NEG_INFINITY;
        assert!(matches!(codec.encode(&x), Err(CodecError::NotFinite { vector: 1, channel: 6, .. })));
        x[70] = 1e30;
        assert!(matches!(codec.encode(&x), Err(CodecError::ScaleOverflow { vector: 1, format: "f16", .. })));
        let mut bytes = codec.encode(&[1.0; 64]).unwrap().bytes().to_vec();
        bytes[..2].copy_from_slice(&[0xFF, 0x7F]);
        let corrupt = Packed::from_bytes(codec.layout(), 1, bytes).unwrap();
        assert!(matches!(codec.decode(&corrupt), Err(CodecError::CorruptScale { vector: 0, .. })));
    }

    #[test]
    fn widths_from_one_to_the_largest_round_trip() {
        for dim in [1, 2, 3, 5, 7, 8, 31, 80, 96, 255, 576, 8191, 8192] {
            for bits in [1, 4, 8] {
                let codec = TurboQuant::new(dim, TurboQuantConfig::new(bits)).unwrap();
                let x = Random::new(9, 9).normals(dim);
                let decoded = codec.decode(&codec.encode(&x).unwrap()).unwrap();
                let error: f32 = decoded.iter().zip(&x).map(|(a, b)| (a - b) * (a - b)).sum();
                let norm: f32 = x.iter().map(|v| v * v).sum();
                assert!(error <= 0.75 * norm, "d={dim} b={bits}: {error} of {norm}");
            }
        }
    }
}
