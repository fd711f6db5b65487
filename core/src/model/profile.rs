//! The compact description of a model: the seed's YAML field names and the few more that true models need.
//!
//! [`Profile`] is what people write; [`Profile::expand`] turns it into a per-layer [`Architecture`](super::Architecture). The
//! importers for `config.json` and GGUF metadata fill the same struct, so every model takes one road.

use super::family::Conventions;
pub use super::recurrent::RecurrentShape;
use crate::format::document::PerLayer;

/// What attends or recurs in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// Attention over the whole context.
    Full,
    /// Attention within the sliding window.
    Sliding,
    /// A recurrence, without a KV cache.
    Recurrent,
}

/// Expert dimensions of a mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpertShape {
    /// Experts in a layer.
    pub count: u64,
    /// Experts read per token.
    pub active: u64,
    /// Inner width of an expert.
    pub width: u64,
    /// Inner width of the always-active expert; 0 without.
    pub shared_width: u64,
    /// A dense FFN of `intermediate_size` stands beside the experts.
    pub beside_dense: bool,
    /// The first layers that have a dense FFN instead.
    pub first_dense_layers: u64,
    /// Router parameters beyond `count x hidden_size`, per layer.
    pub router_extras: u64,
}

/// A model in compact form. Counts in units, widths in elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Slug.
    pub name: String,
    /// Name people use.
    pub title: String,
    /// Family as written.
    pub family: String,
    /// Conventions that apply.
    pub conventions: Conventions,
    /// Declared parameter count in billions (the seed's field; shown, never used).
    pub param_count_b: f64,
    /// Decoder layers.
    pub num_hidden_layers: u64,
    /// Residual width.
    pub hidden_size: u64,
    /// FFN width.
    pub intermediate_size: PerLayer,
    /// FFN width of layers that share KV, when it differs.
    pub shared_kv_intermediate_size: Option<u64>,
    /// Vocabulary.
    pub vocab_size: u64,
    /// Query heads.
    pub num_attention_heads: PerLayer,
    /// KV heads; 0 in a layer without attention.
    pub num_key_value_heads: PerLayer,
    /// KV heads of full-attention layers, when they differ.
    pub global_num_key_value_heads: Option<u64>,
    /// Channels of a head.
    pub head_dim: u64,
    /// Channels of a head in full-attention layers, when they differ.
    pub global_head_dim: Option<u64>,
    /// Channels of a value head, when they differ from the key's.
    pub v_head_dim: Option<u64>,
    /// Kind of every layer.
    pub layer_kinds: Vec<LayerKind>,
    /// Sliding window in tokens; 0 without.
    pub sliding_window: u64,
    /// Last layers that read an earlier layer's cache.
    pub shared_kv_last_n_layers: u64,
    /// PLE channels per layer; 0 without a table.
    pub ple_hidden_size: u64,
    /// PLE rows.
    pub ple_vocab_size: u64,
    /// Output head shares the token embedding.
    pub tie_word_embeddings: bool,
    /// Full-attention layers take values from keys.
    pub values_from_keys: bool,
    /// Query projection is doubled by an output gate.
    pub output_gate: bool,
    /// Recurrent blocks.
    pub recurrent: Option<RecurrentShape>,
    /// Mixture of experts.
    pub experts: Option<ExpertShape>,
    /// AltUp streams; 0 without.
    pub altup_streams: u64,
    /// LAuReL rank; 0 without.
    pub laurel_rank: u64,
    /// Vision tower: parameters and shipped bytes.
    pub vision: Option<(u64, u64)>,
    /// Audio tower: parameters and shipped bytes.
    pub audio: Option<(u64, u64)>,
    /// Parts that are not described.
    pub uncounted: Vec<String>,
    /// Exact published count.
    pub published_parameters: Option<u64>,
    /// What that count includes.
    pub published_parameters_note: String,
    /// Published decoder size in GB (2^30 bytes, as the seed uses it).
    pub published_decoder_gb: f64,
    /// Published embedding size in GB (2^30 bytes, as the seed uses it).
    pub published_embeddings_gb: f64,
    /// Bits of the weights as trained (the seed's activation term uses it).
    pub weight_dtype_bits: u64,
    /// Bits of the KV cache as trained.
    pub kv_dtype_bits: u64,
    /// Longest context.
    pub max_context_tokens: u64,
    /// Fixed process cost in MiB (the seed's field).
    pub runtime_overhead_mb: f64,
    /// The seed's ratio of local to global layers, kept for its arithmetic.
    pub local_to_global_ratio: u64,
    /// The seed's tower sizes in MiB, kept for its arithmetic.
    pub encoder_mb: (f64, f64),
    /// Where the constants come from.
    pub sources: Vec<String>,
    /// What was assumed.
    pub assumptions: Vec<String>,
}
