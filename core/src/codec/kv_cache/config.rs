//! How a cache is coded, and which layers of a model have one.

use serde::{Deserialize, Serialize};

use super::{Architecture, KvCacheError, KvSource, Mixer};
use crate::codec::turboquant::DEFAULT_SEED;
use crate::codec::{CodecKind, SINK_TOKENS};
use crate::wire::{wire_enum, wire_struct};

/// Codecs, bits and exceptions of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KvCacheConfig {
    /// Codec of keys.
    pub k_codec: CodecKind,
    /// Codec of values.
    pub v_codec: CodecKind,
    /// Bits of key codes.
    pub k_bits: u32,
    /// Bits of value codes.
    pub v_bits: u32,
    /// First tokens kept in f16.
    pub sinks: usize,
    /// Most recent tokens kept in f16.
    pub recent: usize,
    /// How many of the first and of the last layers with a cache get `protected_bits`.
    pub protected_layers: usize,
    /// Bits of keys and values in protected layers.
    pub protected_bits: u32,
    /// Seed of the rotations.
    pub seed: u64,
}

impl KvCacheConfig {
    /// The recommended preset: centred keys with the unbiased scale, four sink tokens in f16.
    pub fn recommended(k_bits: u32, v_bits: u32) -> Self {
        Self {
            k_codec: CodecKind::CentredKeys,
            sinks: SINK_TOKENS,
            ..Self::plain(CodecKind::Turboquant, k_bits, v_bits)
        }
    }

    /// One codec for all tokens of all layers.
    pub fn plain(codec: CodecKind, k_bits: u32, v_bits: u32) -> Self {
        Self {
            k_codec: codec,
            v_codec: codec,
            k_bits,
            v_bits,
            sinks: 0,
            recent: 0,
            protected_layers: 0,
            protected_bits: 8,
            seed: DEFAULT_SEED,
        }
    }

    pub(super) fn check(&self) -> Result<(), KvCacheError> {
        let setting = |field, codec: CodecKind, expected| {
            Err(KvCacheError::Setting { field, value: codec.name().to_owned(), expected })
        };
        if self.k_codec == CodecKind::TurboquantMixed {
            return setting("k_codec", self.k_codec, "a codec that needs no calibration tensor");
        }
        if matches!(self.v_codec, CodecKind::TurboquantMixed | CodecKind::CentredKeys) {
            return setting("v_codec", self.v_codec, "a codec for values that needs no calibration tensor");
        }
        Ok(())
    }

    /// Key and value bits of the `rank`-th of `owners` layers with a cache.
    pub(super) fn bits(&self, rank: usize, owners: usize) -> [u32; 2] {
        if rank < self.protected_layers || owners - rank <= self.protected_layers {
            [self.protected_bits; 2]
        } else {
            [self.k_bits, self.v_bits]
        }
    }
}

/// What a layer caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LayerShape {
    /// Its own keys and values.
    Own { heads: u32, k_dim: u32, v_dim: u32, window: Option<u64> },
    /// Nothing: it reads those of `donor`.
    Shared { donor: usize },
    /// Nothing: it is recurrent.
    Recurrent,
}

impl LayerShape {
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

/// The layers of a model; widths beyond 32 bits are refused later as too wide for a codec.
pub(super) fn shapes(model: &Architecture) -> Vec<LayerShape> {
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let shape = |mixer: &Mixer| match mixer {
        Mixer::Recurrent(_) | Mixer::None => LayerShape::Recurrent,
        Mixer::Attention(attention) | Mixer::Both(attention, _) => match attention.kv {
            KvSource::Shared { donor, .. } => LayerShape::Shared { donor },
            KvSource::Own => LayerShape::Own {
                heads: narrow(attention.kv_heads),
                k_dim: narrow(attention.k_head_dim),
                v_dim: narrow(attention.v_head_dim),
                window: attention.window,
            },
        },
    };
    model.layers.iter().map(|layer| shape(&layer.mixer)).collect()
}

/// The layers of a model as far as its KV cache is concerned: all that its memory depends on, and little to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvGeometry {
    layers: Vec<LayerShape>,
}

wire_struct!(KvGeometry { layers });
wire_enum!(LayerShape { 0 Own { heads, k_dim, v_dim, window }, 1 Shared { donor }, 2 Recurrent });

impl KvGeometry {
    /// The layers of `model`.
    pub fn of(model: &Architecture) -> Self {
        Self { layers: shapes(model) }
    }

    /// Channels of the widest head that is cached; none if nothing is.
    pub fn widest_head(&self) -> Option<usize> {
        self.layers.iter().filter_map(LayerShape::heads_and_dims).flat_map(|(_, dims)| dims).max()
    }

    pub(super) fn layers(&self) -> &[LayerShape] {
        &self.layers
    }
}
