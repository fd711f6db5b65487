//! A whole KV cache in packed form, layer by layer, as the architecture lays it out.
//!
//! Layers that read another's cache hold nothing and refuse tokens by the donor's name; sliding layers drop
//! what has left their window. The first tokens (attention sinks) and the most recent ones may stay in f16,
//! first and last layers may have more bits. Every figure of memory is the length of bytes that are held.

mod config;
mod file;
mod memory;
mod side;

use thiserror::Error;

pub use config::{KvCacheConfig, KvGeometry};
pub use file::{KvFileError, VERSION};
pub use memory::KvMemory;

use super::CodecError;
use crate::model::architecture::{Architecture, KvSource, Mixer};
use config::LayerShape;
use side::Side;

/// What a cache refuses.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum KvCacheError {
    /// No such layer.
    #[error("layer {layer} does not exist; the model has {layers} layers")]
    NoLayer {
        /// The layer asked for.
        layer: usize,
        /// How many there are.
        layers: usize,
    },
    /// The layer reads the cache of another.
    #[error("layer {layer} shares the cache of layer {donor}; ask for that one")]
    Shared {
        /// The layer asked for.
        layer: usize,
        /// The layer that owns the cache.
        donor: usize,
    },
    /// The layer keeps a recurrent state, not a cache.
    #[error("layer {layer} is recurrent and has no KV cache")]
    Recurrent {
        /// The layer asked for.
        layer: usize,
    },
    /// Keys and values are not the same whole number of tokens.
    #[error(
        "layer {layer}: {side} hold {got} values; expected tokens x {heads} heads x {dim} channels{also}"
    )]
    Shape {
        /// The layer.
        layer: usize,
        /// `keys` or `values`.
        side: &'static str,
        /// Values given.
        got: usize,
        /// KV heads of the layer.
        heads: usize,
        /// Channels of a head.
        dim: usize,
        /// What else was expected, or nothing.
        also: String,
    },
    /// Queries that are not a whole number per KV head.
    #[error("layer {layer}: {got} query values; expected a multiple of {heads} KV heads x {dim} channels")]
    Queries {
        /// The layer.
        layer: usize,
        /// Values given.
        got: usize,
        /// KV heads of the layer.
        heads: usize,
        /// Channels of a key.
        dim: usize,
    },
    /// A head is wider than codecs go, or a codec setting is out of range.
    #[error("layer {layer}, {side}: {source}")]
    Codec {
        /// The layer.
        layer: usize,
        /// `keys` or `values`.
        side: &'static str,
        /// What the codec said; vectors count tokens x heads within the call.
        source: CodecError,
    },
    /// A setting of the configuration that makes no sense in a cache.
    #[error("{field} is {value}; expected {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
}

/// A model's KV cache, compressed as tokens arrive.
#[derive(Debug)]
pub struct KvCacheCompressor {
    config: KvCacheConfig,
    layers: Vec<LayerCache>,
}

#[derive(Debug)]
struct LayerCache {
    shape: LayerShape,
    /// Tokens that ever came.
    seen: usize,
    /// Keys and values, if the layer owns a cache.
    sides: Option<[Side; 2]>,
}

const SIDES: [&str; 2] = ["keys", "values"];

impl KvCacheCompressor {
    /// An empty cache for `model`.
    pub fn new(model: &Architecture, config: KvCacheConfig) -> Result<Self, KvCacheError> {
        Self::from_shapes(config::shapes(model), config)
    }

    fn from_shapes(shapes: Vec<LayerShape>, config: KvCacheConfig) -> Result<Self, KvCacheError> {
        config.check()?;
        let owners: Vec<usize> = (0..shapes.len()).filter(|&layer| shapes[layer].owns()).collect();
        let mut layers = Vec::with_capacity(shapes.len());
        for (layer, shape) in shapes.into_iter().enumerate() {
            let rank = owners.iter().position(|&owner| owner == layer);
            let sides = match (rank, shape.heads_and_dims()) {
                (Some(rank), Some((heads, dims))) => {
                    let bits = config.bits(rank, owners.len());
                    Some([
                        Side::new(config.k_codec, bits[0], heads, dims[0], config.seed)
                            .map_err(codec_error(layer, 0))?,
                        Side::new(config.v_codec, bits[1], heads, dims[1], config.seed)
                            .map_err(codec_error(layer, 1))?,
                    ])
                }
                _ => None,
            };
            layers.push(LayerCache { shape, seen: 0, sides });
        }
        Ok(Self { config, layers })
    }

    /// The configuration.
    pub fn config(&self) -> &KvCacheConfig {
        &self.config
    }

    /// Layers that own a cache.
    pub fn cached_layers(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().enumerate().filter(|(_, layer)| layer.sides.is_some()).map(|(index, _)| index)
    }

    /// Appends tokens: post-RoPE keys and values, each tokens x KV heads x head_dim, row-major.
    ///
    /// A layer with centred keys takes its centre, per head, from the first tokens it codes: append the
    /// prompt in one call. After an error the cache is as it was.
    pub fn append(&mut self, layer: usize, keys: &[f32], values: &[f32]) -> Result<(), KvCacheError> {
        let config = self.config;
        self.check(layer)?;
        let cache = &mut self.layers[layer];
        let Some(sides) = &mut cache.sides else { return Ok(()) };
        let tokens = keys.len() / sides[0].row();
        for (index, (side, input)) in sides.iter().zip([keys, values]).enumerate() {
            if input.len() != tokens * side.row() {
                return Err(KvCacheError::Shape {
                    layer,
                    side: SIDES[index],
                    got: input.len(),
                    heads: side.heads(),
                    dim: side.dim(),
                    also: if index == 0 {
                        String::new()
                    } else {
                        format!(", {tokens} tokens as in the keys")
                    },
                });
            }
        }
        let key_change = sides[0].prepare(cache.seen, keys, &config).map_err(codec_error(layer, 0))?;
        let value_change = sides[1].prepare(cache.seen, values, &config).map_err(codec_error(layer, 1))?;
        cache.seen += tokens;
        let visible = cache.shape.window().map_or(cache.seen, |window| window.min(cache.seen));
        for (side, change) in sides.iter_mut().zip([key_change, value_change]) {
            side.commit(change);
            side.drop_first(side.tokens() - visible);
        }
        Ok(())
    }

    /// Tokens that a layer holds: all that came, or those within its window.
    pub fn tokens(&self, layer: usize) -> Result<usize, KvCacheError> {
        Ok(self.sides(layer)?[0].tokens())
    }

    /// The keys of a layer, tokens x KV heads x head_dim, oldest first.
    pub fn keys(&self, layer: usize) -> Result<Vec<f32>, KvCacheError> {
        self.sides(layer)?[0].decode().map_err(codec_error(layer, 0))
    }

    /// Inner products of queries with all keys of a layer, computed from the codes.
    ///
    /// `queries` is query heads x head_dim, row-major, after RoPE; consecutive query heads share a KV head, as in
    /// grouped-query attention. The result is query heads x tokens, oldest first; centres are added back, so coded
    /// keys, sinks and recent ones are on one scale.
    pub fn scores(&self, layer: usize, queries: &[f32]) -> Result<Vec<f32>, KvCacheError> {
        let keys = &self.sides(layer)?[0];
        let (heads, dim) = (keys.heads(), keys.dim());
        if !queries.len().is_multiple_of(heads * dim) {
            return Err(KvCacheError::Queries { layer, got: queries.len(), heads, dim });
        }
        let group = queries.len() / (heads * dim);
        let mut scores = Vec::with_capacity(group * heads * keys.tokens());
        for (index, query) in queries.chunks_exact(dim).enumerate() {
            keys.scores(query, index / group, &mut scores).map_err(codec_error(layer, 0))?;
        }
        Ok(scores)
    }

    /// The values of a layer, tokens x KV heads x head_dim, oldest first.
    pub fn values(&self, layer: usize) -> Result<Vec<f32>, KvCacheError> {
        self.sides(layer)?[1].decode().map_err(codec_error(layer, 1))
    }

    /// Bytes held now, and what the same tokens take in bf16.
    pub fn memory(&self) -> KvMemory {
        let sides = self.layers.iter().filter_map(|layer| layer.sides.as_ref()).flatten();
        sides.fold(KvMemory::default(), |sum, side| sum.plus(side.memory()))
    }

    fn check(&self, layer: usize) -> Result<(), KvCacheError> {
        let layers = self.layers.len();
        let cache = self.layers.get(layer).ok_or(KvCacheError::NoLayer { layer, layers })?;
        match cache.shape {
            LayerShape::Own { .. } => Ok(()),
            LayerShape::Shared { donor } => Err(KvCacheError::Shared { layer, donor }),
            LayerShape::Recurrent => Err(KvCacheError::Recurrent { layer }),
        }
    }

    fn sides(&self, layer: usize) -> Result<&[Side; 2], KvCacheError> {
        self.check(layer)?;
        self.layers[layer].sides.as_ref().ok_or(KvCacheError::Recurrent { layer })
    }
}

fn codec_error(layer: usize, side: usize) -> impl FnOnce(CodecError) -> KvCacheError {
    move |source| KvCacheError::Codec { layer, side: SIDES[side], source }
}

#[cfg(test)]
mod tests;
