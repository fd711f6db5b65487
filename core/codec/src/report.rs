//! What `compare-codecs` and `benchmark-kv` write as JSON.

use serde::{Deserialize, Serialize};

use super::attention::{AttentionError, Layer};
use super::cost::{Operations, operations, published_rotor, published_turbo};
use super::kv_cache::KvMemory;
use super::rotation::RotationKind;
use super::sweep::{SweepRow, coded_head};
use super::{CodecError, CodecKind};
use dhurandhar_leaf::wire::wire_struct;

/// Family and version of [`CodecComparison`].
pub const COMPARISON_SCHEMA: &str = "dhurandhar.codecs/1";
/// Family and version of [`KvBenchmark`].
pub const BENCHMARK_SCHEMA: &str = "dhurandhar.kv-benchmark/1";

/// The vectors that were compared on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sample {
    /// Channels of a vector.
    pub head_dim: usize,
    /// How many vectors.
    pub vectors: usize,
    /// Where they come from, in words.
    pub source: String,
    /// First vectors kept in f16.
    pub sinks: usize,
}

/// Codecs side by side at their true bits, and what their rotations cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CodecComparison {
    /// Always [`COMPARISON_SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub tool_version: String,
    /// The vectors.
    pub config: Sample,
    /// A row for every codec and width.
    pub quality: Vec<SweepRow>,
    /// What attention becomes, where queries and values were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attention: Vec<AttentionRow>,
    /// Arithmetic by width of the vector.
    pub costs: Vec<RotationCost>,
}

/// Attention under one codec and width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttentionRow {
    /// The codec of the keys.
    pub codec: CodecKind,
    /// Bits of a code.
    pub bits: u32,
    /// How attention differs from the exact one.
    pub attention: AttentionError,
}

wire_struct!(AttentionRow { codec, bits, attention });

impl AttentionRow {
    /// Attention of `layer` with a codec at one width, its first `sinks` tokens in f16; values are coded plainly where the codec is one
    /// for keys.
    pub fn of(
        layer: &Layer<'_>,
        codec: CodecKind,
        bits: u32,
        sinks: usize,
        seed: u64,
    ) -> Result<Self, CodecError> {
        layer.check()?;
        let coded = |codec: CodecKind, all: &[f32]| -> Result<Vec<f32>, CodecError> {
            let heads = all.chunks(layer.tokens * layer.dim);
            let heads = heads.map(|head| coded_head(codec, bits, layer.dim, head, sinks, seed));
            Ok(heads.collect::<Result<Vec<_>, _>>()?.concat())
        };
        let (keys, values) = (coded(codec, layer.keys)?, coded(codec.for_values(), layer.values)?);
        Ok(Self { codec, bits, attention: layer.compare(&keys, &values)? })
    }
}

/// What codecs do to vectors and to the KV cache of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KvBenchmark {
    /// Always [`BENCHMARK_SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub tool_version: String,
    /// The model.
    pub model: String,
    /// Tokens in the cache.
    pub context_tokens: u64,
    /// Where the vectors come from, in words.
    pub source: String,
    /// A row for every codec.
    pub quality: Vec<SweepRow>,
    /// The model's cache under every codec.
    pub kv_cache: Vec<CachedModel>,
}

/// A model's cache under one codec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CachedModel {
    /// The codec.
    pub codec: CodecKind,
    /// Bits of key codes.
    pub k_bits: u32,
    /// Bits of value codes.
    pub v_bits: u32,
    /// Bytes by what they hold.
    pub memory: KvMemory,
    /// The label under which such a setting is published elsewhere.
    pub published_label: Option<String>,
}

/// Arithmetic of the two families' rotations at one width, and the seed project's figures for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RotationCost {
    /// Channels of a vector.
    pub head_dim: usize,
    /// The Hadamard transform that this width gets.
    pub hadamard: Operations,
    /// Rotors as matrices.
    pub rotor: Operations,
    /// The seed's count for its TurboQuant: additions.
    pub published_turbo: u64,
    /// The seed's count for its RotorQuant: multiply-adds.
    pub published_rotor: u64,
}

impl RotationCost {
    /// Counts for vectors of `dim` channels, 1 to 8192.
    pub fn of(dim: usize) -> Result<Self, CodecError> {
        Ok(Self {
            head_dim: dim,
            hadamard: operations(RotationKind::hadamard_for(dim), dim)?,
            rotor: operations(RotationKind::Rotor, dim)?,
            published_turbo: published_turbo(dim),
            published_rotor: published_rotor(dim),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_stand_side_by_side() {
        let cost = RotationCost::of(128).unwrap();
        assert_eq!((cost.hadamard.adds, cost.published_turbo), (896, 896));
        assert_eq!((cost.rotor.multiplies, cost.published_rotor), (382, 630));
        assert!(RotationCost::of(0).is_err());
    }
}
