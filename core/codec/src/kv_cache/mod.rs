//! A whole KV cache in packed form, layer by layer, as the architecture lays it out.
//!
//! Layers that read another's cache hold nothing and refuse tokens by the donor's name; sliding layers drop
//! what has left their window. The first tokens (attention sinks) and the most recent ones may stay in f16,
//! first and last layers may have more bits. Every figure of memory is the length of bytes that are held.
//!
//! This is the one coder of keys and values: a sweep of codecs, the calculator, the articles and the runs of real models
//! put their vectors through it.

mod coding;
mod config;
mod file;
mod memory;
mod side;

use thiserror::Error;

pub use coding::{Coding, SettingError};
pub use config::{KvCacheConfig, KvGeometry, KvLayer};
pub use file::{KvFileError, VERSION};
pub use memory::KvMemory;

use super::{Codec, CodecError};
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
        /// `keys`, `values` or `queries`.
        side: &'static str,
        /// What the codec said; vectors count tokens x heads within the call.
        source: CodecError,
    },
    /// What codecs take from a sample would change below tokens that are coded already.
    #[error("layer {layer} holds coded tokens; calibrate it before the first")]
    Late {
        /// The layer.
        layer: usize,
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
    shape: KvLayer,
    /// Tokens that ever came.
    seen: usize,
    /// Keys and values, or keys alone; nothing if the layer owns no cache.
    sides: Vec<Side>,
}

const SIDES: [&str; 3] = ["keys", "values", "queries"];

impl KvCacheCompressor {
    /// An empty cache for the layers of a model.
    pub fn new(geometry: &KvGeometry, config: KvCacheConfig) -> Result<Self, KvCacheError> {
        Self::from_shapes(geometry.layers().to_vec(), config)
    }

    fn from_shapes(shapes: Vec<KvLayer>, config: KvCacheConfig) -> Result<Self, KvCacheError> {
        let owners = shapes.iter().filter(|shape| shape.owns()).count();
        let mut rank = 0;
        let mut layers = Vec::with_capacity(shapes.len());
        for (layer, shape) in shapes.into_iter().enumerate() {
            let mut sides = Vec::new();
            if let Some((heads, dims)) = shape.heads_and_dims() {
                for (side, (coding, dim)) in config.codings(rank, owners).into_iter().zip(dims).enumerate() {
                    // Some layers cache no values of their own.
                    if side == 0 || dim > 0 {
                        let side =
                            Side::new(coding, heads, dim, config.seed).map_err(codec_error(layer, side))?;
                        sides.push(side);
                    }
                }
                rank += 1;
            }
            layers.push(LayerCache { shape, seen: 0, sides });
        }
        Ok(Self { config, layers })
    }

    /// The configuration.
    pub fn config(&self) -> &KvCacheConfig {
        &self.config
    }

    /// Appends tokens: post-RoPE keys and values, each tokens x KV heads x head_dim, row-major, in the order of channels
    /// that the runtime's cache has.
    ///
    /// Codecs that take something from the vectors, a centre for each head, take it from the first tokens that are coded
    /// unless the layer was calibrated: append the prompt in one call. After an error the cache is as it was.
    pub fn append(&mut self, layer: usize, keys: &[f32], values: &[f32]) -> Result<(), KvCacheError> {
        let config = self.config;
        self.check(layer)?;
        let cache = &mut self.layers[layer];
        let tokens = cache.tokens_of(layer, keys, values)?;
        let mut changes = Vec::with_capacity(2);
        for (index, (side, rows)) in cache.sides.iter().zip([keys, values]).enumerate() {
            changes.push(side.prepare(cache.seen, rows, &config).map_err(codec_error(layer, index))?);
        }
        cache.seen += tokens;
        let visible = cache.shape.window().map_or(cache.seen, |window| window.min(cache.seen));
        for (side, change) in cache.sides.iter_mut().zip(changes) {
            side.commit(change);
            side.drop_first(side.tokens() - visible);
        }
        Ok(())
    }

    /// Lets the codecs of a layer take what they need from other tokens than its first, in the layout of
    /// [`append`](Self::append); other codecs do not look.
    pub fn calibrate(&mut self, layer: usize, keys: &[f32], values: &[f32]) -> Result<(), KvCacheError> {
        self.check(layer)?;
        let cache = &mut self.layers[layer];
        cache.tokens_of(layer, keys, values)?;
        let mut learned = Vec::with_capacity(2);
        for (index, (side, rows)) in cache.sides.iter().zip([keys, values]).enumerate() {
            if side.learns() && side.packed_tokens() > 0 {
                return Err(KvCacheError::Late { layer });
            }
            learned.push(side.learn(rows).map_err(codec_error(layer, index))?);
        }
        cache.sides.iter_mut().zip(learned).for_each(|(side, learned)| side.take_up(learned));
        Ok(())
    }

    /// Forgets the tokens of a layer, not what its codecs took from them or from a sample.
    pub fn clear(&mut self, layer: usize) -> Result<(), KvCacheError> {
        self.check(layer)?;
        let cache = &mut self.layers[layer];
        cache.seen = 0;
        cache.sides.iter_mut().for_each(Side::clear);
        Ok(())
    }

    /// Tokens that a layer holds: all that came, or those within its window.
    pub fn tokens(&self, layer: usize) -> Result<usize, KvCacheError> {
        Ok(self.side(layer, 0)?.map_or(0, Side::tokens))
    }

    /// The keys of a layer, tokens x KV heads x head_dim, oldest first.
    pub fn keys(&self, layer: usize) -> Result<Vec<f32>, KvCacheError> {
        self.keys_from(layer, 0)
    }

    /// Its keys without the oldest `first` that it holds.
    pub fn keys_from(&self, layer: usize, first: usize) -> Result<Vec<f32>, KvCacheError> {
        self.decoded(layer, 0, first)
    }

    /// The codec of the keys of a layer's first head; none in f16.
    pub(crate) fn key_codec(&self, layer: usize) -> Result<Option<&dyn Codec>, KvCacheError> {
        Ok(self.side(layer, 0)?.and_then(|side| side.codec(0)))
    }

    /// Inner products of queries with all keys of a layer, computed from the codes.
    ///
    /// `queries` is query heads x head_dim, row-major, after RoPE; consecutive query heads share a KV head, as in
    /// grouped-query attention. The result is query heads x tokens, oldest first; centres are added back, so coded
    /// keys, sinks and recent ones are on one scale.
    pub fn scores(&self, layer: usize, queries: &[f32]) -> Result<Vec<f32>, KvCacheError> {
        let Some(keys) = self.side(layer, 0)? else { return Ok(Vec::new()) };
        let (heads, dim) = (keys.heads(), keys.dim());
        if !queries.len().is_multiple_of(heads * dim) {
            return Err(KvCacheError::Queries { layer, got: queries.len(), heads, dim });
        }
        let group = queries.len() / (heads * dim);
        let queries = self.config.rounded_queries(queries, dim).map_err(codec_error(layer, 2))?;
        let mut scores = Vec::with_capacity(group * heads * keys.tokens());
        for (index, query) in queries.chunks_exact(dim).enumerate() {
            keys.scores(query, index / group, &mut scores).map_err(codec_error(layer, 0))?;
        }
        Ok(scores)
    }

    /// The values of a layer, tokens x KV heads x head_dim, oldest first; nothing where it caches keys alone.
    pub fn values(&self, layer: usize) -> Result<Vec<f32>, KvCacheError> {
        self.values_from(layer, 0)
    }

    /// Its values without the oldest `first` that it holds.
    pub fn values_from(&self, layer: usize, first: usize) -> Result<Vec<f32>, KvCacheError> {
        self.decoded(layer, 1, first)
    }

    /// Bytes held now, and what the same tokens take in bf16.
    pub fn memory(&self) -> KvMemory {
        let sides = self.layers.iter().flat_map(|layer| &layer.sides);
        sides.fold(KvMemory::default(), |sum, side| sum.plus(side.memory()))
    }

    fn decoded(&self, layer: usize, side: usize, first: usize) -> Result<Vec<f32>, KvCacheError> {
        let found = self.side(layer, side)?;
        found.map_or(Ok(Vec::new()), |found| found.decode(first).map_err(codec_error(layer, side)))
    }

    fn check(&self, layer: usize) -> Result<(), KvCacheError> {
        let layers = self.layers.len();
        let cache = self.layers.get(layer).ok_or(KvCacheError::NoLayer { layer, layers })?;
        match cache.shape {
            KvLayer::Own { .. } => Ok(()),
            KvLayer::Shared { donor } => Err(KvCacheError::Shared { layer, donor }),
            KvLayer::Recurrent => Err(KvCacheError::Recurrent { layer }),
        }
    }

    fn side(&self, layer: usize, side: usize) -> Result<Option<&Side>, KvCacheError> {
        self.check(layer)?;
        Ok(self.layers[layer].sides.get(side))
    }
}

impl LayerCache {
    /// How many tokens keys and values hold, if they agree.
    fn tokens_of(&self, layer: usize, keys: &[f32], values: &[f32]) -> Result<usize, KvCacheError> {
        let tokens = self.sides.first().map_or(0, |side| keys.len() / side.row());
        for (index, (side, rows)) in self.sides.iter().zip([keys, values]).enumerate() {
            if rows.len() != tokens * side.row() {
                let also =
                    if index == 0 { String::new() } else { format!(", {tokens} tokens as in the keys") };
                let (heads, dim) = (side.heads(), side.dim());
                return Err(KvCacheError::Shape {
                    layer,
                    side: SIDES[index],
                    got: rows.len(),
                    heads,
                    dim,
                    also,
                });
            }
        }
        if self.sides.len() == 1 && !values.is_empty() {
            let (side, got) = (SIDES[1], values.len());
            let also = ", none: the layer caches keys alone".to_owned();
            return Err(KvCacheError::Shape { layer, side, got, heads: 0, dim: 0, also });
        }
        Ok(tokens)
    }
}

fn codec_error(layer: usize, side: usize) -> impl FnOnce(CodecError) -> KvCacheError {
    move |source| KvCacheError::Codec { layer, side: SIDES[side], source }
}

#[cfg(test)]
mod tests;
