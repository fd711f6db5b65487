//! What a family of models has by convention, where a compact description does not say.
//!
//! Defaults describe tensor inventories (norms, biases, tying), never widths or counts: class defaults of
//! widths describe no shipped checkpoint and are not used.

/// Conventions of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name in configs (`model_type`) or GGUF metadata.
    pub name: &'static str,
    /// Bias on query, key and value projections.
    pub qkv_bias: bool,
    /// RMS norm on queries and keys.
    pub qk_norm: bool,
    /// Norms of full width per layer.
    pub norms: u64,
    /// Output head shares the token embedding when nothing is said.
    pub tied: bool,
    /// Gate, up and down in the FFN rather than up and down.
    pub gated_ffn: bool,
    /// Query, key and value in one GGUF tensor, gate and up in another.
    pub fused: bool,
    /// One learned scalar per layer.
    pub layer_scalar: bool,
    /// A projection to one gate per query head scales the attention output.
    pub head_gate: bool,
    /// The checkpoint carries key and value weights for layers that read another's cache.
    pub unused_kv_weights: bool,
    /// `sliding_window` counts only when `use_sliding_window` says so.
    pub window_opt_in: bool,
    /// A window applies to every layer when no pattern is given.
    pub window_everywhere: bool,
}

const LLAMA: Family = Family {
    name: "llama",
    qkv_bias: false,
    qk_norm: false,
    norms: 2,
    tied: false,
    gated_ffn: true,
    fused: false,
    layer_scalar: false,
    head_gate: false,
    unused_kv_weights: false,
    window_opt_in: false,
    window_everywhere: false,
};
const GEMMA3: Family = Family { name: "gemma3", qk_norm: true, norms: 4, tied: true, ..LLAMA };
const QWEN3: Family = Family { name: "qwen3", qk_norm: true, window_opt_in: true, ..LLAMA };

/// Families with a known inventory.
pub const FAMILIES: &[Family] = &[
    LLAMA,
    Family { name: "mistral", window_everywhere: true, ..LLAMA },
    Family { name: "ministral3", tied: true, ..LLAMA },
    Family { name: "mistral3", tied: true, ..LLAMA },
    Family { name: "mixtral", window_everywhere: true, ..LLAMA },
    Family { name: "qwen2", qkv_bias: true, window_opt_in: true, ..LLAMA },
    Family { name: "qwen2_moe", qkv_bias: true, window_opt_in: true, ..LLAMA },
    QWEN3,
    Family { name: "qwen3_moe", ..QWEN3 },
    Family { name: "qwen3_5", tied: true, ..QWEN3 },
    Family { name: "granite", tied: true, ..LLAMA },
    Family { name: "granitemoe", tied: true, ..LLAMA },
    Family { name: "granitemoehybrid", tied: true, ..LLAMA },
    Family { name: "phi3", fused: true, window_opt_in: true, ..LLAMA },
    Family { name: "smollm3", tied: true, window_opt_in: true, ..LLAMA },
    Family { name: "lfm2", qk_norm: true, tied: true, ..LLAMA },
    Family { name: "lfm3", qk_norm: true, norms: 4, tied: true, head_gate: true, ..LLAMA },
    Family { name: "gemma", tied: true, ..LLAMA },
    Family { name: "gemma2", norms: 4, tied: true, ..LLAMA },
    GEMMA3,
    Family { name: "gemma3n", ..GEMMA3 },
    Family { name: "gemma4", layer_scalar: true, unused_kv_weights: true, ..GEMMA3 },
];

/// Other names of the same families: nested text configs, GGUF architectures, and what people write.
const ALIASES: &[(&str, &str)] = &[
    ("gemma3_text", "gemma3"),
    ("gemma3n_text", "gemma3n"),
    ("gemma4_text", "gemma4"),
    ("gemma4_unified", "gemma4"),
    ("gemma4_unified_text", "gemma4"),
    ("qwen3_5_text", "qwen3_5"),
    ("qwen35", "qwen3_5"),
    ("qwen2moe", "qwen2_moe"),
    ("qwen3moe", "qwen3_moe"),
    ("qwen", "qwen2"),
    ("phi", "phi3"),
    ("granitehybrid", "granitemoehybrid"),
    ("smollm2", "llama"),
];

/// The family of this name, or of its nearest alias; `None` for a family not listed here.
pub fn family(name: &str) -> Option<&'static Family> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, target)| target);
    FAMILIES.iter().find(|family| family.name == name)
}

/// The conventions assumed for a family that is not listed: llama's.
pub const FALLBACK: &Family = &LLAMA;
