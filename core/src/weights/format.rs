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
    /// AWQ or GPTQ, groups of 128; embeddings and head stay in 16 bits.
    Int4Group128,
    /// bitsandbytes NF4, blocks of 64, f32 scales; embeddings and head stay in 16 bits.
    Nf4,
    /// NF4 with double quantisation.
    Nf4Double,
    /// MLX affine 4-bit, groups of 64, embeddings included.
    Mlx4,
    /// MLX affine 8-bit, groups of 64, embeddings included.
    Mlx8,
}

impl UniformFormat {
    const ALL: [(&'static str, Self); 7] = [
        ("int4_block32", Self::Int4Block32),
        ("int8_row", Self::Int8PerRow),
        ("int4_g128", Self::Int4Group128),
        ("nf4", Self::Nf4),
        ("nf4_double", Self::Nf4Double),
        ("mlx_4bit", Self::Mlx4),
        ("mlx_8bit", Self::Mlx8),
    ];

    /// Bits per weight of the matrices it quantises, scales and zero points included.
    pub fn bits_per_weight(self) -> f64 {
        match self {
            Self::Int4Block32 | Self::Nf4 | Self::Mlx4 => 4.5,
            Self::Int8PerRow => 8.0,
            Self::Int4Group128 => 4.0 + 20.0 / 128.0,
            // f8 scales per block of 64 and f32 per 256 of those.
            Self::Nf4Double => 4.0 + 8.0 / 64.0 + 32.0 / (64.0 * 256.0),
            Self::Mlx8 => 8.5,
        }
    }

    /// Whether embedding tables and the head are quantised too.
    pub fn quantises_embeddings(self) -> bool {
        matches!(self, Self::Int4Block32 | Self::Int8PerRow | Self::Mlx4 | Self::Mlx8)
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
        formats.extend(UniformFormat::ALL.iter().map(|(_, uniform)| Self::Uniform(*uniform)));
        formats.iter().map(ToString::to_string).collect()
    }

    /// A format by name; a bare number means plain bits.
    pub fn parse(name: &str) -> Result<Self, UnknownFormat> {
        let lower = name.trim().to_ascii_lowercase().replace('-', "_");
        let uniform = UniformFormat::ALL.iter().find(|(known, _)| *known == lower);
        let bits = lower.strip_suffix("bits").or(lower.strip_suffix("bit")).unwrap_or(&lower);
        match lower.as_str() {
            "as_stored" | "stored" => Ok(Self::AsStored),
            "published" => Ok(Self::Published),
            _ => StockType::parse(&lower)
                .map(Self::Stock)
                .or(uniform.map(|(_, uniform)| Self::Uniform(*uniform)))
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
            Self::Uniform(uniform) => {
                let name = UniformFormat::ALL.iter().find(|(_, known)| known == uniform);
                f.write_str(name.map_or("", |(name, _)| name))
            }
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
        for name in
            WeightFormat::names().iter().chain(["as_stored".into(), "published".into(), "3bit".into()].iter())
        {
            assert_eq!(WeightFormat::parse(name).map(|f| f.to_string()).as_deref(), Ok(name.as_str()));
        }
        assert_eq!(WeightFormat::parse("Q4_K_M"), Ok(WeightFormat::Stock(StockType::Q4KM)));
        assert_eq!(WeightFormat::parse("4"), Ok(WeightFormat::Bits(4)));
        assert!(WeightFormat::parse("q9").is_err());
        assert!(WeightFormat::parse("0").is_err());
        assert!(WeightFormat::parse("33").is_err());
    }
}
