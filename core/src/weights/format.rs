//! The weight formats a prediction can be made for, by the names people use.

use super::stock::StockType;
use crate::leaf::wire::wire_named;
use serde::Serialize;
use std::fmt;

/// How the weights are, or would be, stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WeightFormat {
    /// As the imported file stores them, byte for byte.
    AsStored,
    /// The sizes the publisher states for its own mobile checkpoint.
    Published,
    /// What stock `llama-quantize` would write, tensor by tensor.
    Stock(StockType),
    /// A format with one size for every matrix it quantises.
    Uniform(UniformFormat),
    /// Exactly N bits for every parameter, no scales: an ideal that no file reaches (the seed's measure).
    Bits(u8),
}

/// Formats described by one number of bits per weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UniformFormat {
    /// 4-bit blocks of 32 with an f16 scale, embeddings included (LiteRT, ExecuTorch, ONNX).
    Int4Block32,
    /// 8 bits with one f32 scale per row, embeddings included.
    Int8PerRow,
    /// AWQ or GPTQ: `bits` with an f16 scale and a zero point for each `group`; embeddings and head stay in 16 bits.
    Grouped {
        /// Bits of a weight.
        bits: u8,
        /// Weights that share a scale.
        group: u16,
    },
    /// 8-bit floats with few scales; embeddings and head stay in 16 bits.
    Fp8,
    /// 8-bit integers with a scale for a channel; embeddings and head stay in 16 bits.
    Int8,
    /// 4-bit floats with an 8-bit scale for 16; embeddings and head stay in 16 bits.
    Nvfp4,
    /// bitsandbytes NF4, blocks of 64, f32 scales; embeddings and head stay in 16 bits.
    Nf4,
    /// NF4 with double quantisation.
    Nf4Double,
    /// MLX affine: `bits` with a 16-bit scale and bias for each `group`, embeddings included.
    Mlx {
        /// Bits of a weight.
        bits: u8,
        /// Weights that share a scale.
        group: u16,
    },
    /// MLX's microscaled floats: `mxfp4` and `mxfp8` with an 8-bit scale for 32, `nvfp4` for 16, embeddings included.
    MlxFloat(MlxFloat),
}

/// Modes of MLX's files beside the affine one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MlxFloat {
    /// 4 bits, a scale for 32.
    Mxfp4,
    /// 8 bits, a scale for 32.
    Mxfp8,
    /// 4 bits, a scale for 16.
    Nvfp4,
}

/// Formats of a name of their own.
const FIXED: [(&str, UniformFormat); 10] = [
    ("int4_block32", UniformFormat::Int4Block32),
    ("int8_row", UniformFormat::Int8PerRow),
    ("fp8", UniformFormat::Fp8),
    ("int8", UniformFormat::Int8),
    ("nvfp4", UniformFormat::Nvfp4),
    ("nf4", UniformFormat::Nf4),
    ("nf4_double", UniformFormat::Nf4Double),
    ("mlx_mxfp4", UniformFormat::MlxFloat(MlxFloat::Mxfp4)),
    ("mlx_mxfp8", UniformFormat::MlxFloat(MlxFloat::Mxfp8)),
    ("mlx_nvfp4", UniformFormat::MlxFloat(MlxFloat::Nvfp4)),
];

/// Weights that share a scale in MLX's files where nothing is said.
const MLX_GROUP: u16 = 64;

impl UniformFormat {
    /// Those that are offered by name; others of a kind are read and written all the same.
    const ALL: [Self; 10] = [
        Self::Int4Block32,
        Self::Int8PerRow,
        Self::Grouped { bits: 4, group: 128 },
        Self::Fp8,
        Self::Int8,
        Self::Nvfp4,
        Self::Nf4,
        Self::Nf4Double,
        Self::Mlx { bits: 4, group: MLX_GROUP },
        Self::Mlx { bits: 8, group: MLX_GROUP },
    ];

    /// A format by its name, in lower case.
    fn parse(name: &str) -> Option<Self> {
        if let Some((_, known)) = FIXED.iter().find(|(known, _)| *known == name) {
            return Some(*known);
        }
        let number = |text: &str| text.parse::<u64>().ok();
        let bits = |text: &str| u8::try_from(number(text)?).ok();
        let group = |text: &str| {
            let group = u16::try_from(number(text)?).ok()?;
            (group.is_power_of_two() && (16..=4096).contains(&group)).then_some(group)
        };
        if let Some((width, size)) = name.strip_prefix("int").and_then(|rest| rest.split_once("_g")) {
            let bits = bits(width).filter(|bits| matches!(bits, 2 | 3 | 4 | 8))?;
            return Some(Self::Grouped { bits, group: group(size)? });
        }
        let (width, rest) = name.strip_prefix("mlx_")?.split_once("bit")?;
        let size = if rest.is_empty() { MLX_GROUP } else { group(rest.strip_prefix("_g")?)? };
        let bits = bits(width).filter(|bits| matches!(bits, 2..=6 | 8))?;
        Some(Self::Mlx { bits, group: size })
    }

    /// Bits per weight of the matrices it quantises, scales and zero points included.
    pub fn bits_per_weight(self) -> f64 {
        match self {
            Self::Int4Block32 | Self::Nf4 | Self::Nvfp4 | Self::MlxFloat(MlxFloat::Nvfp4) => 4.5,
            Self::MlxFloat(MlxFloat::Mxfp4) => 4.25,
            Self::MlxFloat(MlxFloat::Mxfp8) => 8.25,
            Self::Int8PerRow | Self::Fp8 | Self::Int8 => 8.0,
            Self::Grouped { bits, group } => f64::from(bits) + f64::from(16 + bits) / f64::from(group),
            // f8 scales per block of 64 and f32 per 256 of those.
            Self::Nf4Double => 4.0 + 8.0 / 64.0 + 32.0 / (64.0 * 256.0),
            Self::Mlx { bits, group } => f64::from(bits) + 32.0 / f64::from(group),
        }
    }

    /// Whether embedding tables and the head are quantised too.
    pub fn quantises_embeddings(self) -> bool {
        matches!(self, Self::Int4Block32 | Self::Int8PerRow | Self::Mlx { .. } | Self::MlxFloat(_))
    }
}

impl fmt::Display for UniformFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = FIXED.iter().find(|(_, known)| known == self) {
            return f.write_str(name);
        }
        let (before, bits, between, group) = match *self {
            Self::Mlx { bits, group } => ("mlx_", bits, "bit", group),
            Self::Grouped { bits, group } => ("int", bits, "", group),
            _ => return Ok(()),
        };
        let usual = matches!(self, Self::Mlx { group: MLX_GROUP, .. });
        let (bits, group) = (u64::from(bits), u64::from(group));
        if usual {
            write!(f, "{before}{bits}{between}")
        } else {
            write!(f, "{before}{bits}{between}_g{group}")
        }
    }
}

/// A weight format nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown weight format `{name}`; expected one of {expected}, or a number of bits from 1 to 32")]
pub struct UnknownFormat {
    /// What was asked for.
    pub name: String,
    /// The known names.
    pub expected: String,
}

impl WeightFormat {
    /// Names that can be chosen for any model, largest first.
    pub fn names() -> Vec<String> {
        let mut formats: Vec<Self> = StockType::ALL.iter().map(|stock| Self::Stock(*stock)).collect();
        formats.extend(UniformFormat::ALL.map(Self::Uniform));
        formats.iter().map(ToString::to_string).collect()
    }

    /// A format by name; a bare number means plain bits.
    pub fn parse(name: &str) -> Result<Self, UnknownFormat> {
        let lower = name.trim().to_ascii_lowercase().replace('-', "_");
        let uniform = UniformFormat::parse(&lower);
        let bits = lower.strip_suffix("bits").or(lower.strip_suffix("bit")).unwrap_or(&lower);
        match lower.as_str() {
            "as_stored" | "stored" => Ok(Self::AsStored),
            "published" => Ok(Self::Published),
            _ => StockType::parse(&lower)
                .map(Self::Stock)
                .or(uniform.map(Self::Uniform))
                .or(bits
                    .trim_end_matches('_')
                    .parse()
                    .ok()
                    .filter(|bits| (1..=32).contains(bits))
                    .map(Self::Bits))
                .ok_or_else(|| UnknownFormat { name: name.to_owned(), expected: Self::names().join(", ") }),
        }
    }
}

impl fmt::Display for WeightFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsStored => f.write_str("as_stored"),
            Self::Published => f.write_str("published"),
            Self::Stock(stock) => f.write_str(stock.name()),
            Self::Uniform(uniform) => uniform.fmt(f),
            Self::Bits(bits) => write!(f, "{bits}bit"),
        }
    }
}

impl Serialize for WeightFormat {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

wire_named!(WeightFormat);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back() {
        for name in WeightFormat::names().iter().chain(
            ["as_stored", "published", "3bit", "int3_g64", "mlx_6bit_g32", "mlx_mxfp4"]
                .map(String::from)
                .iter(),
        ) {
            assert_eq!(WeightFormat::parse(name).map(|f| f.to_string()).as_deref(), Ok(name.as_str()));
        }
        assert_eq!(WeightFormat::parse("Q4_K_M"), Ok(WeightFormat::Stock(StockType::Q4KM)));
        assert_eq!(WeightFormat::parse("4"), Ok(WeightFormat::Bits(4)));
        assert!(WeightFormat::parse("q9").is_err());
        assert!(WeightFormat::parse("0").is_err());
        assert!(WeightFormat::parse("33").is_err());
    }
}
