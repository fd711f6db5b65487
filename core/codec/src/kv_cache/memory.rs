//! Bytes of a compressed cache: counted from what is held, or worked out ahead for a context length.

use dhurandhar_leaf::wire::wire_struct;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Coding, KvCacheConfig, KvCacheError, KvGeometry, codec_error};

/// Bytes by what they hold, and the same tokens in bf16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KvMemory {
    /// Packed codes and scales.
    pub packed_bytes: u64,
    /// Sink and recent tokens in f16.
    pub full_precision_bytes: u64,
    /// What codecs took from the tokens: centres, or marks of the loudest channels; an f32 vector per layer and head.
    pub centre_bytes: u64,
    /// The same tokens, all of them, in bf16.
    pub bf16_bytes: u64,
}

impl KvMemory {
    /// All bytes held.
    pub fn total_bytes(&self) -> u64 {
        self.packed_bytes + self.full_precision_bytes + self.centre_bytes
    }

    /// How many times smaller than bf16; 0 for an empty cache.
    pub fn ratio_to_bf16(&self) -> f64 {
        if self.total_bytes() == 0 { 0.0 } else { self.bf16_bytes as f64 / self.total_bytes() as f64 }
    }

    /// Stored bits per channel over the whole cache; 0 for an empty cache.
    pub fn bits_per_channel(&self) -> f64 {
        if self.bf16_bytes == 0 { 0.0 } else { 16.0 * self.total_bytes() as f64 / self.bf16_bytes as f64 }
    }

    /// The same without centres, whose share shrinks as tokens come.
    pub fn token_bits_per_channel(&self) -> f64 {
        Self { centre_bytes: 0, ..*self }.bits_per_channel()
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            packed_bytes: self.packed_bytes + other.packed_bytes,
            full_precision_bytes: self.full_precision_bytes + other.full_precision_bytes,
            centre_bytes: self.centre_bytes + other.centre_bytes,
            bf16_bytes: self.bf16_bytes + other.bf16_bytes,
        }
    }

    /// What a cache of these layers holds after `context_tokens` tokens; the same as filling one and counting.
    pub fn of(
        geometry: &KvGeometry,
        config: &KvCacheConfig,
        context_tokens: u64,
    ) -> Result<Self, KvCacheError> {
        let shapes = geometry.layers();
        let owners = shapes.iter().filter(|shape| shape.owns()).count();
        let (mut sum, mut rank) = (Self::default(), 0);
        // Layers of one width share a codec's sizes; a dense rotation takes long to build.
        let mut known: BTreeMap<(usize, u32, usize), u64> = BTreeMap::new();
        for (layer, shape) in shapes.iter().enumerate() {
            let Some((heads, dims)) = shape.heads_and_dims() else { continue };
            let codings = config.codings(rank, owners);
            rank += 1;
            let window = shape.window().map(|window| window as u64);
            for (side, (coding, dim)) in
                codings.into_iter().zip(dims).enumerate().filter(|(_, (_, dim))| *dim > 0)
            {
                let sinks = config.sinks_of(coding) as u64;
                let tokens = Tokens::after(context_tokens, window, sinks, config.recent as u64);
                let (vector_bytes, learns) = match coding {
                    Coding::F16 => (0, false),
                    Coding::Code { codec, bits } => {
                        let bytes = if let Some(bytes) = known.get(&(side, bits, dim)) {
                            *bytes
                        } else {
                            let built =
                                codec.build(dim, bits, &[], config.seed).map_err(codec_error(layer, side))?;
                            *known
                                .entry((side, bits, dim))
                                .or_insert(built.layout().bytes_per_vector() as u64)
                        };
                        (bytes, codec.takes_sample())
                    }
                };
                let row = heads as u64 * dim as u64;
                sum = sum.plus(Self {
                    packed_bytes: tokens.packed * heads as u64 * vector_bytes,
                    full_precision_bytes: 2 * tokens.full_precision * row,
                    centre_bytes: if learns && tokens.coded_ever { 4 * row } else { 0 },
                    bf16_bytes: 2 * (tokens.packed + tokens.full_precision) * row,
                });
            }
        }
        Ok(sum)
    }
}

/// How a layer's visible tokens divide.
struct Tokens {
    packed: u64,
    full_precision: u64,
    coded_ever: bool,
}

impl Tokens {
    fn after(context: u64, window: Option<u64>, sinks: u64, recent: u64) -> Self {
        let visible = window.map_or(context, |window| window.min(context));
        let dropped = context - visible;
        let kept_sinks = sinks.min(context).saturating_sub(dropped);
        let kept_recent = recent.min(context - sinks.min(context)).min(visible - kept_sinks);
        Self {
            packed: visible - kept_sinks - kept_recent,
            full_precision: kept_sinks + kept_recent,
            coded_ever: context > sinks.saturating_add(recent),
        }
    }
}

wire_struct!(KvMemory { packed_bytes, full_precision_bytes, centre_bytes, bf16_bytes });
