//! Storage of keys and values, scales and norms included.

use crate::leaf::BlockType;
use crate::leaf::wire::wire_named;
use serde::Serialize;
use std::fmt;

/// How a runtime stores one side of the KV cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KvFormat {
    /// A type that llama.cpp offers for its cache.
    Block(BlockType),
    /// TurboQuant: b bits per channel and one f16 scale per head vector.
    TurboQuant(u8),
    /// Exactly N bits per channel, nothing else: an ideal (the seed's measure).
    Bits(u8),
}

/// Cache types by name.
const BLOCKS: [BlockType; 9] = [
    BlockType::F32,
    BlockType::F16,
    BlockType::Bf16,
    BlockType::Q8_0,
    BlockType::Q5_1,
    BlockType::Q5_0,
    BlockType::Q4_1,
    BlockType::Q4_0,
    BlockType::Iq4Nl,
];

/// A KV format nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown KV format `{name}`; expected one of {expected}, or a number of bits from 1 to 32")]
pub struct UnknownKvFormat {
    /// What was asked for.
    pub name: String,
    /// The known names.
    pub expected: String,
}

impl KvFormat {
    /// 16-bit floats: every runtime's default.
    pub const F16: Self = Self::Block(BlockType::F16);
    /// The 8-bit block type.
    pub const Q8_0: Self = Self::Block(BlockType::Q8_0);
    /// The 4-bit block type.
    pub const Q4_0: Self = Self::Block(BlockType::Q4_0);

    /// Names that can be chosen, largest first.
    pub fn names() -> Vec<String> {
        let blocks = BLOCKS.iter().map(|block| Self::Block(*block));
        blocks.chain((1..=8).rev().map(Self::TurboQuant)).map(|format| format.to_string()).collect()
    }

    /// A format by name; a bare number means plain bits.
    pub fn parse(name: &str) -> Result<Self, UnknownKvFormat> {
        let lower = name.trim().to_ascii_lowercase();
        let block = BLOCKS.iter().find(|block| block.name() == lower).map(|block| Self::Block(*block));
        let number = |text: &str, max| text.parse().ok().filter(|bits| (1..=max).contains(bits));
        let turbo = lower.strip_prefix("turbo").map(|rest| rest.trim_start_matches(['-', '_']));
        let bits = lower.strip_suffix("bit").unwrap_or(&lower);
        block
            .or(turbo.and_then(|rest| number(rest, 8)).map(Self::TurboQuant))
            .or(number(bits, 32).map(Self::Bits))
            .ok_or_else(|| UnknownKvFormat { name: name.to_owned(), expected: Self::names().join(", ") })
    }

    /// Bytes of one token's vectors in one layer: `heads` vectors of `head_dim` channels.
    ///
    /// Block types run along the concatenated heads, as llama.cpp lays rows out; TurboQuant adds 16 bits a
    /// vector; plain bits are kept exact and rounded only when summed, so the result is in bits.
    pub fn bits(self, heads: u64, head_dim: u64) -> u64 {
        let channels = heads * head_dim;
        match self {
            Self::Block(block) => block.size(1, channels) * 8,
            Self::TurboQuant(bits) => channels * u64::from(bits) + heads * 16,
            Self::Bits(bits) => channels * u64::from(bits),
        }
    }

    /// Bits per channel for heads of `head_dim` channels, everything counted.
    pub fn bits_per_channel(self, head_dim: u64) -> f64 {
        // 32 heads make every block type come out whole.
        self.bits(32, head_dim) as f64 / (32 * head_dim.max(1)) as f64
    }
}

impl fmt::Display for KvFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => f.write_str(block.name()),
            Self::TurboQuant(bits) => write!(f, "turbo{bits}"),
            Self::Bits(bits) => write!(f, "{bits}bit"),
        }
    }
}

impl Serialize for KvFormat {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

wire_named!(KvFormat);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_and_scales_are_counted() {
        for name in KvFormat::names().iter().chain([&"6bit".to_string()]) {
            assert_eq!(KvFormat::parse(name).unwrap().to_string(), *name);
        }
        assert!((KvFormat::Q8_0.bits_per_channel(128) - 8.5).abs() < 1e-12);
        assert!((KvFormat::TurboQuant(4).bits_per_channel(128) - 4.125).abs() < 1e-12);
        assert!((KvFormat::Bits(4).bits_per_channel(100) - 4.0).abs() < 1e-12);
        assert!(KvFormat::parse("turbo9").is_err());
        assert!(KvFormat::parse("0").is_err());
    }
}
