//! What a model is made of, layer by layer.
//!
//! Models differ from layer to layer (Gemma 4 has wider global heads and doubled FFNs in its shared tail), so
//! nothing here is an average: every layer carries its own attention, state and FFN. The compact forms people
//! write (YAML profiles, `config.json`, GGUF metadata) are expanded into this on load.

use super::tensor::{Active, Role};
use crate::leaf::wire::{wire_enum, wire_struct};
use serde::Serialize;

/// A decoder-only language model, with the towers and tables that travel with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Architecture {
    /// Slug: lower case, unique within the registry.
    pub name: String,
    /// The name people use.
    pub title: String,
    /// Name of the family, for people and for the decoder's recipe; no size depends on it.
    pub family: String,
    /// Width of the residual stream, in elements.
    pub hidden_size: u64,
    /// Longest context the checkpoint declares, in tokens.
    pub max_context_tokens: u64,
    /// Bits of a number that the checkpoint does not quantise: 32 where it says so, else 16.
    pub float_bits: u64,
    /// Token embeddings and output head.
    pub embeddings: Embeddings,
    /// The decoder's layers, first to last.
    pub layers: Vec<Layer>,
    /// The per-layer embedding table, when the model has one.
    pub ple: Option<PerLayerEmbedding>,
    /// Parts that appear in some families only.
    pub extras: Extras,
    /// Tensors outside the layers that no other field implies.
    pub more: Vec<ExtraTensor>,
    /// How often a token passes through all layers; each pass has a cache of its own. 1 in nearly every model.
    pub passes: u64,
    /// What programs do with the family beyond its shapes.
    pub conduct: Conduct,
    /// Vision tower with its projection.
    pub vision: Option<Encoder>,
    /// Audio tower with its projection.
    pub audio: Option<Encoder>,
    /// What the publisher states, for cross-checks; never used in place of a computed figure.
    pub published: Published,
    /// Fixed cost of the process that the profile's author states, in bytes; zero when unstated.
    pub stated_overhead_bytes: u64,
    /// Where the constants come from.
    pub sources: Vec<String>,
    /// What had to be assumed on import, in sentences.
    pub assumptions: Vec<String>,
    /// Parts of the checkpoint whose size is not known, by name: what is said of its memory is said of the rest.
    pub uncounted: Vec<String>,
}

/// A tensor that no other field implies: rows, row length, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtraTensor {
    /// GGUF-style name; without `blk.N.` within a layer.
    pub name: String,
    /// Its purpose.
    pub role: Role,
    /// Rows (1 for a vector).
    pub rows: u64,
    /// Elements in a row.
    pub row_length: u64,
    /// Share of the rows read for one token.
    pub active: Active,
}

/// What programs do with a family beyond its shapes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Conduct {
    /// llama.cpp does not know of the family's windows: it keeps full caches and attends to all of them.
    pub llama_cpp_ignores_windows: bool,
    /// Where several queries share keys and values, transformers repeats those for every query before it caches them.
    pub transformers_repeats_heads: bool,
    /// Order of blocks in llama.cpp's graph.
    pub order: Order,
    /// Kind of vocabulary in GGUF files.
    pub tokenizer: Tokenizer,
    /// llama.cpp's quantiser counts models of 80 layers among its "70B" ones.
    pub quantised_as_70b: bool,
    /// llama.cpp's quantiser keeps the head of this family in 8 bits.
    pub quantised_as_falcon: bool,
    /// Experts are published in MXFP4, and every file that people run has them so.
    pub published_in_mxfp4: bool,
    /// Converters pad the per-layer table to the token table.
    pub padded_ple: bool,
}

/// How a family's graph puts attention and the feed-forward block together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Norm, attention, norm, feed-forward block.
    #[default]
    Usual,
    /// The norms come after, so that a block's input is the stream itself.
    NormsAfter,
    /// Both read the same norm's output.
    Parallel,
    /// Queries, keys and values are one product, and so are gate and up.
    Fused,
}

/// Kinds of vocabulary that llama.cpp keeps in different structures (`tokenizer.ggml.model`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// Byte pairs with a merge list.
    #[default]
    Bpe,
    /// Scored pieces.
    Spm,
    /// Gemma 4: byte pairs over pieces with spaces as U+2581.
    Gemma4,
}

/// Token embedding table and output head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Embeddings {
    /// Rows of the table.
    pub vocab_size: u64,
    /// Channels of a row: the stream's, but where projections stand between the two.
    pub width: u64,
    /// The output head is the same matrix.
    pub tied: bool,
}

/// One decoder layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// How tokens see each other.
    pub mixer: Mixer,
    /// The feed-forward block.
    pub ffn: Ffn,
    /// RMS norms of width `hidden_size` in this layer (2 in most families, 4 in Gemma).
    pub norms: u64,
    /// Tensors of this layer that no other field implies.
    pub more: Vec<ExtraTensor>,
}

/// Token mixing of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mixer {
    /// Softmax attention with a KV cache.
    Attention(Attention),
    /// A recurrence with a state of fixed size.
    Recurrent(Recurrent),
    /// Both side by side, on the same input (Falcon-H1).
    Both(Attention, Recurrent),
    /// Nothing: tokens do not see each other in this layer.
    None,
}

/// Grouped-query attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// Sliding window in tokens; `None` attends to the whole context.
    pub window: Option<u64>,
    /// Query heads.
    pub query_heads: u64,
    /// KV heads.
    pub kv_heads: u64,
    /// Channels of a key head (and of a query head).
    pub k_head_dim: u64,
    /// Channels of a value head.
    pub v_head_dim: u64,
    /// Where this layer's keys and values come from.
    pub kv: KvSource,
    /// Bias on the query, key and value projections.
    pub qkv_bias: bool,
    /// Bias on the output projection.
    pub output_bias: bool,
    /// RMS norm over head_dim on queries and keys.
    pub qk_norm: bool,
    /// There is no value projection: values are the (differently normed) keys. Both are still cached.
    pub values_from_keys: bool,
    /// The query projection is twice as wide and gates the output.
    pub output_gate: bool,
    /// The projections are listed in the layer's `more`: latent attention and other forms that are not one matrix each.
    pub listed: bool,
    /// Latent attention: the heads as runtimes cache them that do not compress. The fields above are the compressed form.
    pub expanded: Option<Expanded>,
    /// Channels of the key that a sparse-attention indexer caches for each token; 0 without one.
    pub indexer_channels: u64,
    /// Keys and values come from another modality: this many tokens of it are cached, whatever the context.
    pub cross_tokens: Option<u64>,
}

/// Heads of latent attention once their keys and values are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Expanded {
    /// Heads.
    pub heads: u64,
    /// Channels of a key head, its rotary part included.
    pub k_head_dim: u64,
    /// Channels of a value head.
    pub v_head_dim: u64,
    /// llama.cpp caches this form too.
    pub in_llama_cpp: bool,
    /// vLLM caches this form too.
    pub in_vllm: bool,
}

/// Whose keys and values a layer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KvSource {
    /// Its own.
    Own,
    /// Those of an earlier layer; nothing is cached here.
    Shared {
        /// Index of the layer that owns the cache.
        donor: usize,
        /// The published checkpoint still carries key and value weights that no runtime reads.
        unused_weights: bool,
    },
}

/// A recurrence: what it keeps, and what its tensors are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recurrent {
    /// Name in the field: `short_conv`, `gated_delta_net`, `mamba2`.
    pub kind: RecurrentKind,
    /// State per sequence in bytes, independent of the context length, as llama.cpp keeps it: f32, and a column less than a
    /// convolution has taps.
    pub state_bytes: u64,
    /// transformers keeps the sums in f32; if not, in the model's own type.
    pub f32_sums: bool,
    /// Weight matrices and vectors of the block, without the layer's norms.
    pub tensors: Vec<RecurrentTensor>,
}

/// Kinds of recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecurrentKind {
    /// Gated short convolution (LFM2).
    ShortConv,
    /// Gated DeltaNet linear attention (Qwen 3.5).
    GatedDeltaNet,
    /// Mamba-2 state space block (Granite 4 hybrid).
    Mamba2,
    /// Mamba state space block (Jamba).
    Mamba,
    /// Kimi delta attention (Kimi Linear).
    KimiDelta,
    /// Lightning attention: a decayed sum of key-value products (MiniMax, Ring).
    Lightning,
    /// RWKV-7 time mixing.
    Rwkv7,
    /// Gated linear recurrence of every channel (RecurrentGemma).
    GatedLru,
}

/// A tensor of a recurrent block: the name's middle part and its shape `[rows, row length]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RecurrentTensor {
    /// GGUF-style name between `blk.N.` and `.weight`.
    pub name: &'static str,
    /// Rows (1 for a vector).
    pub rows: u64,
    /// Elements in a row.
    pub row_length: u64,
}

/// Feed-forward block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ffn {
    /// One block for every token.
    Dense {
        /// Inner width.
        width: u64,
        /// Gate, up and down (3 matrices) or up and down (2).
        gated: bool,
    },
    /// Mixture of experts: all resident, few read per token.
    Experts {
        /// Experts in the layer.
        experts: u64,
        /// Experts read for each token.
        active: u64,
        /// Inner width of an expert.
        width: u64,
        /// Inner width of the expert that every token uses; 0 without one.
        shared_width: u64,
        /// Inner width of a dense block beside the experts; 0 without one.
        dense_width: u64,
        /// Router parameters beyond the `experts x hidden_size` matrix.
        router_extras: u64,
        /// Experts have gate, up and down (3 matrices) or up and down (2).
        gated: bool,
    },
    /// No feed-forward block.
    None,
}

impl Ffn {
    /// Inner width that a token passes through: its experts together, or the dense block beside them where that is wider.
    pub fn width_of_token(&self) -> u64 {
        match *self {
            Self::Dense { width, .. } => width,
            Self::Experts { width, active, shared_width, dense_width, .. } => {
                (width * active + shared_width).max(dense_width)
            }
            Self::None => 0,
        }
    }
}

/// A table with one row per token id that holds every layer's vector, looked up once per token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PerLayerEmbedding {
    /// Rows: token ids with an entry.
    pub rows: u64,
    /// Channels per layer; a row has `layers x width` of them.
    pub width: u64,
    /// The model has the per-layer gate, projection and norms of Gemma 3n and 4 (the seed's form has one projection).
    pub gated: bool,
}

/// Parts that only some families have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Extras {
    /// AltUp streams (Gemma 3n: 4); 0 without AltUp.
    pub altup_streams: u64,
    /// LAuReL rank (Gemma 3n: 64); 0 without.
    pub laurel_rank: u64,
    /// One learned scalar per layer (Gemma 4).
    pub layer_scalar: bool,
    /// Query, key and value in one GGUF tensor, gate and up in another.
    pub fused: bool,
    /// A projection to one gate per query head scales the attention output.
    pub head_gate: bool,
    /// The last norm has no weights (OLMo), or there is none (OPT 350M).
    pub bare_output_norm: bool,
}

/// A modality tower.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Encoder {
    /// Parameters, projection included; 0 when only a size is stated.
    pub parameters: u64,
    /// Size as shipped, in bytes.
    pub bytes: u64,
}

/// Figures the publisher states.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Published {
    /// Parameters by the publisher's own count, exact where a checkpoint header was read.
    pub parameters: Option<u64>,
    /// What that count includes, in words.
    pub parameters_note: String,
    /// Text-decoder section of the published mobile checkpoint, in bytes.
    pub decoder_bytes: Option<u64>,
    /// Embedding section of the published mobile checkpoint, in bytes.
    pub embedding_bytes: Option<u64>,
    /// The quantised checkpoint beside the config, by the name of its weight format; none where it is plain or not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Its matrices with other bits than that format's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checkpoint_own: Vec<OwnBits>,
    /// Layers beside the decoder that predict further tokens (multi-token prediction).
    pub mtp_layers: u64,
}

/// A matrix of a quantised checkpoint with bits of its own (MLX); 16 bits are not packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OwnBits {
    /// Layer, where it stands in one.
    pub layer: Option<usize>,
    /// Its purpose.
    pub role: Role,
    /// Bits of a weight.
    pub bits: u8,
    /// Weights that share a scale and a bias.
    pub group: u32,
}

impl Attention {
    /// Channels cached per token and layer, keys then values; zero when the layer shares another's cache.
    pub fn cached_channels(&self) -> (u64, u64) {
        match self.kv {
            KvSource::Own => (self.kv_heads * self.k_head_dim, self.kv_heads * self.v_head_dim),
            KvSource::Shared { .. } => (0, 0),
        }
    }

    /// Whether the layer keeps a cache of its own.
    pub fn owns_cache(&self) -> bool {
        self.kv == KvSource::Own
    }
}

impl Layer {
    /// The attention block, if one mixes tokens here.
    pub fn attention(&self) -> Option<&Attention> {
        match &self.mixer {
            Mixer::Attention(attention) | Mixer::Both(attention, _) => Some(attention),
            Mixer::Recurrent(_) | Mixer::None => None,
        }
    }

    /// The attention block, to be changed.
    #[cfg(test)]
    pub(crate) fn attention_mut(&mut self) -> Option<&mut Attention> {
        match &mut self.mixer {
            Mixer::Attention(attention) | Mixer::Both(attention, _) => Some(attention),
            Mixer::Recurrent(_) | Mixer::None => None,
        }
    }

    /// The recurrence, if one mixes tokens here.
    pub fn recurrent(&self) -> Option<&Recurrent> {
        match &self.mixer {
            Mixer::Recurrent(recurrent) | Mixer::Both(_, recurrent) => Some(recurrent),
            Mixer::Attention(_) | Mixer::None => None,
        }
    }
}

impl Architecture {
    /// Attention blocks with their layer index.
    pub fn attention_layers(&self) -> impl Iterator<Item = (usize, &Attention)> {
        self.layers.iter().enumerate().filter_map(|(index, layer)| Some((index, layer.attention()?)))
    }

    /// Recurrent state of one sequence as llama.cpp keeps it, in bytes.
    pub fn state_bytes(&self) -> u64 {
        let states = self.layers.iter().filter_map(Layer::recurrent).map(|recurrent| recurrent.state_bytes);
        states.sum::<u64>().saturating_mul(self.passes.max(1))
    }

    /// Elements of one row of the per-layer embedding table; 0 without one.
    pub fn ple_row_elements(&self) -> u64 {
        self.ple.as_ref().map_or(0, |ple| ple.width * self.layers.len() as u64)
    }

    /// Layers that own a KV cache, as (attending to everything, sliding).
    pub fn cache_owners(&self) -> (usize, usize) {
        self.attention_layers().filter(|(_, a)| a.owns_cache() && a.kv_heads > 0).fold(
            (0, 0),
            |(full, sliding), (_, a)| {
                if a.window.is_some() { (full, sliding + 1) } else { (full + 1, sliding) }
            },
        )
    }
}

wire_struct!(Architecture {
    name,
    title,
    family,
    hidden_size,
    max_context_tokens,
    float_bits,
    embeddings,
    layers,
    ple,
    extras,
    more,
    passes,
    conduct,
    vision,
    audio,
    published,
    stated_overhead_bytes,
    sources,
    assumptions,
    uncounted,
});
wire_struct!(ExtraTensor { name, role, rows, row_length, active });
wire_struct!(Conduct {
    llama_cpp_ignores_windows,
    transformers_repeats_heads,
    order,
    tokenizer,
    quantised_as_70b,
    quantised_as_falcon,
    published_in_mxfp4,
    padded_ple,
});
wire_enum!(Order { 0 Usual, 1 NormsAfter, 2 Parallel, 3 Fused });
wire_enum!(Tokenizer { 0 Bpe, 1 Spm, 2 Gemma4 });
wire_struct!(Embeddings { vocab_size, width, tied });
wire_struct!(Layer { mixer, ffn, norms, more });
wire_enum!(Mixer { 0 Attention(attention), 1 Recurrent(recurrent), 2 Both(attention, recurrent), 3 None });
wire_struct!(Attention {
    window,
    query_heads,
    kv_heads,
    k_head_dim,
    v_head_dim,
    kv,
    qkv_bias,
    output_bias,
    qk_norm,
    values_from_keys,
    output_gate,
    listed,
    expanded,
    indexer_channels,
    cross_tokens,
});
wire_struct!(Expanded { heads, k_head_dim, v_head_dim, in_llama_cpp, in_vllm });
wire_enum!(KvSource { 0 Own, 1 Shared { donor, unused_weights } });
wire_struct!(Recurrent { kind, state_bytes, f32_sums, tensors });
wire_enum!(RecurrentKind {
    0 ShortConv, 1 GatedDeltaNet, 2 Mamba2, 3 Mamba, 4 KimiDelta, 5 Lightning, 6 Rwkv7, 7 GatedLru,
});
wire_enum!(Ffn {
    0 Dense { width, gated },
    1 Experts { experts, active, width, shared_width, dense_width, router_extras, gated },
    2 None,
});
wire_struct!(PerLayerEmbedding { rows, width, gated });
wire_struct!(Extras { altup_streams, laurel_rank, layer_scalar, fused, head_gate, bare_output_norm });
wire_struct!(Encoder { parameters, bytes });
wire_struct!(OwnBits { layer, role, bits, group });
wire_struct!(Published {
    parameters,
    parameters_note,
    decoder_bytes,
    embedding_bytes,
    checkpoint,
    checkpoint_own,
    mtp_layers
});
