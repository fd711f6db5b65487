//! How a cache is coded, and which layers of a model have one.

use half::f16;
use serde::{Deserialize, Serialize};

use super::Coding;
use crate::turboquant::DEFAULT_SEED;
use crate::{CodecError, CodecKind, SINK_TOKENS};
use dhurandhar_leaf::wire::{wire_enum, wire_struct};

/// Codecs, bits and exceptions of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KvCacheConfig {
    /// How keys are stored.
    pub keys: Coding,
    /// How values are stored.
    pub values: Coding,
    /// How queries are rounded before they meet keys; not at all when `None`. llama.cpp's processor back end rounds them to
    /// 8 bits where keys are quantised.
    pub queries: Option<Coding>,
    /// First tokens kept in f16.
    pub sinks: usize,
    /// Most recent tokens kept in f16.
    pub recent: usize,
    /// How many of the first and of the last layers with a cache get `protected_bits`.
    pub protected_layers: usize,
    /// Bits of keys and values in protected layers; a codec that has no so many takes its most.
    pub protected_bits: u32,
    /// Seed of the rotations.
    pub seed: u64,
}

impl KvCacheConfig {
    /// The recommended preset: centred keys with the unbiased scale, four sink tokens in f16.
    pub fn recommended(k_bits: u32, v_bits: u32) -> Self {
        let keys = Coding::Code { codec: CodecKind::CentredKeys, bits: k_bits };
        let values = Coding::Code { codec: CodecKind::Turboquant, bits: v_bits };
        Self { sinks: SINK_TOKENS, ..Self::coded(keys, values) }
    }

    /// One codec for all tokens of all layers.
    pub fn plain(codec: CodecKind, k_bits: u32, v_bits: u32) -> Self {
        Self::coded(Coding::Code { codec, bits: k_bits }, Coding::Code { codec, bits: v_bits })
    }

    /// All tokens of all layers alike.
    pub fn coded(keys: Coding, values: Coding) -> Self {
        Self {
            keys,
            values,
            queries: None,
            sinks: 0,
            recent: 0,
            protected_layers: 0,
            protected_bits: 8,
            seed: DEFAULT_SEED,
        }
    }

    /// Queries of `dim` channels as products with keys see them.
    pub fn rounded_queries(&self, queries: &[f32], dim: usize) -> Result<Vec<f32>, CodecError> {
        match self.queries {
            None => Ok(queries.to_vec()),
            Some(Coding::F16) => Ok(queries.iter().map(|query| f16::from_f32(*query).to_f32()).collect()),
            Some(Coding::Code { codec, bits }) => {
                let codec = codec.build(dim, bits, &[], self.seed)?;
                codec.decode(&codec.encode(queries)?)
            }
        }
    }

    /// How keys and values of the `rank`-th of `owners` layers with a cache are stored.
    pub fn codings(&self, rank: usize, owners: usize) -> [Coding; 2] {
        let codings = [self.keys, self.values];
        if self.protects(rank, owners) {
            codings.map(|coding| coding.with_bits(self.protected_bits))
        } else {
            codings
        }
    }

    /// Whether the `rank`-th of `owners` layers with a cache is a protected one.
    pub fn protects(&self, rank: usize, owners: usize) -> bool {
        rank < self.protected_layers || owners - rank <= self.protected_layers
    }

    /// Tokens of a side kept in f16 before the first that is coded: all where nothing is.
    pub(super) fn sinks_of(&self, coding: Coding) -> usize {
        if coding == Coding::F16 { usize::MAX } else { self.sinks }
    }
}

/// What a layer caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvLayer {
    /// Its own keys and values; keys alone where values have no channels.
    Own {
        /// KV heads.
        heads: u32,
        /// Channels of a key.
        k_dim: u32,
        /// Channels of a value; 0 where values are read from keys.
        v_dim: u32,
        /// Tokens of the sliding window; none where all stay.
        window: Option<u64>,
    },
    /// Nothing: it reads those of `donor`.
    Shared {
        /// The layer that owns the cache, counted from 0.
        donor: usize,
    },
    /// Nothing: it is recurrent.
    Recurrent,
}

impl KvLayer {
    pub(super) fn owns(&self) -> bool {
        matches!(self, Self::Own { .. })
    }

    pub(super) fn heads_and_dims(&self) -> Option<(usize, [usize; 2])> {
        match *self {
            Self::Own { heads, k_dim, v_dim, .. } => Some((heads as usize, [k_dim as usize, v_dim as usize])),
            _ => None,
        }
    }

    /// The sliding window in tokens.
    pub(super) fn window(&self) -> Option<usize> {
        match *self {
            Self::Own { window, .. } => window.map(|window| usize::try_from(window).unwrap_or(usize::MAX)),
            _ => None,
        }
    }
}

/// The layers of a model as far as its KV cache is concerned: all that its memory depends on, and little to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvGeometry {
    layers: Vec<KvLayer>,
}

wire_struct!(KvGeometry { layers });
wire_enum!(KvLayer { 0 Own { heads, k_dim, v_dim, window }, 1 Shared { donor }, 2 Recurrent });

impl KvGeometry {
    /// These layers, from the first.
    pub fn new(layers: Vec<KvLayer>) -> Self {
        Self { layers }
    }

    /// A layer that caches `heads` keys of `dim` channels for each token, and no values.
    pub fn of_keys(heads: u32, dim: u32) -> Self {
        Self { layers: vec![KvLayer::Own { heads, k_dim: dim, v_dim: 0, window: None }] }
    }

    /// The same layers without windows, so that every token stays.
    #[must_use]
    pub fn without_windows(mut self) -> Self {
        for layer in &mut self.layers {
            if let KvLayer::Own { window, .. } = layer {
                *window = None;
            }
        }
        self
    }

    /// Channels of the widest head that is cached; none if nothing is.
    pub fn widest_head(&self) -> Option<usize> {
        self.layers.iter().filter_map(KvLayer::heads_and_dims).flat_map(|(_, dims)| dims).max()
    }

    pub(super) fn layers(&self) -> &[KvLayer] {
        &self.layers
    }
}

wire_struct!(KvCacheConfig { keys, values, queries, sinks, recent, protected_layers, protected_bits, seed });
