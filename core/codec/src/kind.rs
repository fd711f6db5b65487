//! The codecs by name, as command line, page and tables know them.

use core::str::FromStr;
use dhurandhar_leaf::named;
use dhurandhar_leaf::wire::wire_listed;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::centred::{Centred, mean_vector};
use super::rotation::RotationKind;
use super::scalar::{Codebook, Law};
use super::seed::{SeedRotor, SeedTurbo, published_bits};
use super::{
    BlockCodec, Codec, CodecError, MixedPrecision, ProdConfig, ScaleMode, SketchKind, TurboQuant,
    TurboQuantConfig, TurboQuantProd,
};

/// A codec without its width and bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CodecKind {
    /// TurboQuant_mse as in the paper.
    Turboquant,
    /// The same with the norm-preserving scale.
    TurboquantNorm,
    /// The same with the unbiased scale.
    TurboquantUnbiased,
    /// The same with the least-squares scale.
    TurboquantLeastSquares,
    /// The same with a dense Haar rotation.
    TurboquantDense,
    /// TurboQuant_prod with the paper's Gaussian sketch.
    TurboquantProd,
    /// TurboQuant_prod with a Hadamard sketch.
    TurboquantProdHadamard,
    /// The loudest quarter of the channels at one bit more.
    TurboquantMixed,
    /// Recommended for keys: centred, unbiased scale; keep the first tokens in f16.
    CentredKeys,
    /// Cl(3,0) rotors on triples.
    Rotorquant,
    /// Givens pairs.
    Planarquant,
    /// Quaternions from the left.
    Isoquant,
    /// Quaternions from both sides.
    IsoquantTwoSided,
    /// Hadamard, then rotors.
    HadamardRotor,
    /// The seed project's TurboQuant; bits are its residual bits.
    SeedTurbo,
    /// The seed project's RotorQuant; bits are its residual bits.
    SeedRotor,
    /// llama.cpp's 8-bit cache type, a line to compare with.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// The same after a Hadamard transform, as llama.cpp does at widths of whole 64s.
    #[serde(rename = "q8_0-hadamard")]
    Q8_0Hadamard,
    /// llama.cpp's 4-bit cache type, a line to compare with.
    #[serde(rename = "q4_0")]
    Q4_0,
    /// The same after a Hadamard transform, as llama.cpp does at widths of whole 64s.
    #[serde(rename = "q4_0-hadamard")]
    Q4_0Hadamard,
}

/// A codec name that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown codec `{name}`; expected one of {expected}")]
pub struct UnknownCodec {
    name: String,
    expected: String,
}

impl CodecKind {
    /// The widths it takes: bits of a code, or residual bits of the seed's codecs.
    pub fn bits_range(self) -> core::ops::RangeInclusive<u32> {
        match self {
            Self::SeedTurbo | Self::SeedRotor => 2..=8,
            Self::TurboquantMixed => 1..=7,
            Self::Q8_0 | Self::Q8_0Hadamard => 8..=8,
            Self::Q4_0 | Self::Q4_0Hadamard => 4..=4,
            _ => 1..=8,
        }
    }

    /// The rotation, for cost counts; the seed's TurboQuant pads first.
    pub fn rotation(self, dim: usize) -> RotationKind {
        match self {
            Self::TurboquantDense => RotationKind::Dense,
            Self::Rotorquant | Self::SeedRotor => RotationKind::Rotor,
            Self::Planarquant => RotationKind::Planar,
            Self::Isoquant => RotationKind::Quaternion,
            Self::IsoquantTwoSided => RotationKind::QuaternionTwoSided,
            Self::HadamardRotor => RotationKind::HadamardRotor,
            Self::SeedTurbo => RotationKind::Hadamard { rounds: 1 },
            Self::Q8_0 | Self::Q4_0 => RotationKind::Identity,
            _ => RotationKind::hadamard_for(dim),
        }
    }

    fn scale_mode(self) -> ScaleMode {
        match self {
            Self::TurboquantNorm => ScaleMode::Norm,
            Self::TurboquantUnbiased | Self::CentredKeys => ScaleMode::Unbiased,
            Self::TurboquantLeastSquares => ScaleMode::LeastSquares,
            _ => ScaleMode::Paper,
        }
    }

    /// Whether [`CodecKind::build`] looks at its sample.
    pub fn takes_sample(self) -> bool {
        matches!(self, Self::CentredKeys | Self::TurboquantMixed)
    }

    /// A sample of one vector that [`CodecKind::build`] takes the same from as from `sample`; empty where it does not look.
    pub fn summary(self, dim: usize, sample: &[f32]) -> Vec<f32> {
        match self {
            Self::CentredKeys => mean_vector(sample, dim),
            Self::TurboquantMixed => {
                let mut marks = vec![0.0; dim];
                for channel in MixedPrecision::quarter_channels(dim, sample) {
                    marks[channel] = 1.0;
                }
                marks
            }
            _ => Vec::new(),
        }
    }

    /// Whether what it does depends on the seed.
    pub fn turns_at_random(self) -> bool {
        !matches!(
            self,
            Self::SeedTurbo
                | Self::SeedRotor
                | Self::Q8_0
                | Self::Q8_0Hadamard
                | Self::Q4_0
                | Self::Q4_0Hadamard
        )
    }

    /// The codec for vectors of `dim` channels.
    ///
    /// `sample` is what centres and outlier channels are taken from; other codecs do not look at it.
    pub fn build(
        self,
        dim: usize,
        bits: u32,
        sample: &[f32],
        seed: u64,
    ) -> Result<Box<dyn Codec>, CodecError> {
        CodecError::check_dim(dim)?;
        let range = self.bits_range();
        CodecError::check_bits(self.name(), bits, *range.start(), *range.end())?;
        let config = TurboQuantConfig::new(bits)
            .with_rotation(self.rotation(dim))
            .with_scale(self.scale_mode())
            .with_seed(seed);
        let prod = ProdConfig { seed, ..ProdConfig::new(bits) };
        Ok(match self {
            Self::TurboquantProd => Box::new(TurboQuantProd::new(dim, prod)?),
            Self::TurboquantProdHadamard => {
                Box::new(TurboQuantProd::new(dim, prod.with_sketch(SketchKind::Hadamard))?)
            }
            Self::TurboquantMixed => {
                Box::new(MixedPrecision::quarter(dim, sample, TurboQuantConfig { rotation: None, ..config })?)
            }
            Self::CentredKeys => {
                Box::new(Centred::new(TurboQuant::new(dim, config)?, mean_vector(sample, dim))?)
            }
            Self::SeedTurbo => Box::new(SeedTurbo::new(dim, bits)?),
            Self::SeedRotor => Box::new(SeedRotor::new(dim, bits)?),
            Self::Q8_0 | Self::Q4_0 => Box::new(BlockCodec::new(dim, bits, false)?),
            Self::Q8_0Hadamard | Self::Q4_0Hadamard => Box::new(BlockCodec::new(dim, bits, true)?),
            _ => Box::new(TurboQuant::new(dim, config)?),
        })
    }

    /// The codec for values beside keys in this one: centring is for keys only.
    #[must_use]
    pub fn for_values(self) -> Self {
        if self == Self::CentredKeys { Self::Turboquant } else { self }
    }

    /// The label under which such a setting is published elsewhere, when it differs from what is stored.
    pub fn published_label(self, bits: u32) -> Option<String> {
        match self {
            Self::SeedTurbo | Self::SeedRotor => Some(format!("{} bits", published_bits(bits))),
            Self::TurboquantMixed if bits == 2 || bits == 3 => Some(format!("{bits}.5 bits")),
            _ => None,
        }
    }

    /// The exact expected normalised MSE on isotropic vectors, where a closed theory exists: D(b, d).
    pub fn theory_nmse(self, dim: usize, bits: u32) -> Option<f64> {
        let known = (1..=super::MAX_DIM).contains(&dim) && self.bits_range().contains(&bits);
        match self {
            _ if !known => None,
            Self::Turboquant
            | Self::TurboquantDense
            | Self::Rotorquant
            | Self::Planarquant
            | Self::Isoquant
            | Self::IsoquantTwoSided
            | Self::HadamardRotor => Some(Codebook::shared(Law::Sphere(dim as u32), bits).exact().distortion),
            _ => None,
        }
    }
}

named!(CodecKind { Turboquant "turboquant", TurboquantNorm "turboquant-norm", TurboquantUnbiased "turboquant-unbiased", TurboquantLeastSquares "turboquant-least-squares", TurboquantDense "turboquant-dense", TurboquantProd "turboquant-prod", TurboquantProdHadamard "turboquant-prod-hadamard", TurboquantMixed "turboquant-mixed", CentredKeys "centred-keys", Rotorquant "rotorquant", Planarquant "planarquant", Isoquant "isoquant", IsoquantTwoSided "isoquant-two-sided", HadamardRotor "hadamard-rotor", SeedTurbo "seed-turbo", SeedRotor "seed-rotor", Q8_0 "q8_0", Q8_0Hadamard "q8_0-hadamard", Q4_0 "q4_0", Q4_0Hadamard "q4_0-hadamard" });

impl FromStr for CodecKind {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownCodec {
            name: name.to_owned(),
            expected: Self::ALL.map(Self::name).join(", "),
        })
    }
}

wire_listed!(CodecKind);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use dhurandhar_leaf::simd::Isa;
    use dhurandhar_leaf::simd::dot_product;

    #[test]
    fn names_read_back_and_serialise_the_same() {
        for kind in CodecKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
        assert!("turbo".parse::<CodecKind>().unwrap_err().to_string().contains("seed-rotor"));
    }

    #[test]
    fn claimed_bits_are_the_packed_length_for_every_codec_width_and_dim() {
        for dim in [3, 8, 64, 80, 96, 127, 128, 255, 256] {
            let x = Random::new(1, 1).normals(dim * 5);
            for kind in CodecKind::ALL {
                for bits in kind.bits_range() {
                    let codec = kind.build(dim, bits, &x, 1).unwrap();
                    let packed = codec.encode(&x).unwrap();
                    let claimed = codec.bits_per_channel() * (dim * 5) as f64;
                    assert!((claimed - 8.0 * packed.bytes().len() as f64).abs() < 1e-6, "{}", codec.label());
                    assert!(codec.decode(&packed).unwrap().iter().all(|v| v.is_finite()));
                }
            }
        }
    }

    #[test]
    fn scores_from_codes_are_those_of_decoded_vectors_for_every_codec() {
        for dim in [5, 64, 96, 255] {
            let x = Random::new(3, 3).normals(dim * 20);
            let query = Random::new(4, 4).normals(dim);
            let length = |x: &[f32]| dot_product(Isa::SCALAR, x, x).sqrt();
            for kind in CodecKind::ALL {
                let range = kind.bits_range();
                for bits in [2, 5, *range.end()].into_iter().filter(|bits| range.contains(bits)) {
                    let codec = kind.build(dim, bits, &x, 1).unwrap();
                    let packed = codec.encode(&x).unwrap();
                    let decoded = codec.decode(&packed).unwrap();
                    for (first, step) in [(0, 1), (1, 3)] {
                        let chosen = packed.planes().every(first, step);
                        let mut scores = vec![0.0; chosen.vectors()];
                        codec.inner_products(&query, chosen, &mut scores).unwrap();
                        let vectors = decoded.chunks_exact(dim).skip(first).step_by(step);
                        assert_eq!(vectors.len(), scores.len());
                        for (score, vector) in scores.iter().zip(vectors) {
                            let direct = dot_product(Isa::SCALAR, &query, vector);
                            let room = 1e-5 * length(&query) * length(vector).max(1e-3);
                            assert!(
                                (score - direct).abs() <= room,
                                "{} d={dim}: {score} {direct}",
                                codec.label()
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn stored_bits_are_those_of_the_table() {
        let stored = |kind: CodecKind, dim: usize, bits: u32| {
            kind.build(dim, bits, &vec![1.0; dim], 0).unwrap().bits_per_channel()
        };
        for (kind, bits, expected) in [
            (CodecKind::Turboquant, 2, [2.25, 2.125, 2.0625]),
            (CodecKind::Turboquant, 4, [4.25, 4.125, 4.0625]),
            (CodecKind::TurboquantProd, 3, [3.5, 3.25, 3.125]),
            (CodecKind::TurboquantMixed, 2, [2.75, 2.5, 2.375]),
            (CodecKind::TurboquantMixed, 3, [3.75, 3.5, 3.375]),
            (CodecKind::SeedTurbo, 4, [6.0, 5.5, 5.25]),
            (CodecKind::Rotorquant, 4, [4.25, 4.125, 4.0625]),
        ] {
            for (dim, expected) in [64, 128, 256].into_iter().zip(expected) {
                assert!((stored(kind, dim, bits) - expected).abs() < 1e-12, "{kind:?} {dim} {bits}");
            }
        }
    }
}
