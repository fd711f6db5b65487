//! What a `model_type` leaves unsaid: whose tensors it has, and the class defaults that shipped configs rely on.
//!
//! Defaults are those of Hugging Face transformers' config classes. Widths are never among them, with one
//! exception: `head_dim`, where the class does not derive it from `hidden_size`.

use super::super::super::family::{self, Family};

/// When `sliding_window` means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Windows {
    /// Never: the family's implementations attend to everything.
    Ignored,
    /// When `use_sliding_window` is true, from layer `max_window_layers` on.
    OptIn,
    /// In every layer.
    Everywhere,
    /// In all but every n-th layer, unless the config gives its own pattern.
    AllBut(u64),
    /// Every second layer when `use_sliding_window` is true and the layer has no positions (SmolLM3).
    WithoutPositions,
}

/// When the output projection of attention has a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputBias {
    /// When `attention_bias` or `use_bias` says so; this is the class default.
    Stated(bool),
    /// When `attention_out_bias` says so.
    Apart,
    /// Never: `attention_bias` is about queries, keys and values.
    Never,
}

/// Conventions of one `model_type`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// The type as configs write it.
    pub(super) name: &'static str,
    /// Tensor inventory.
    pub(super) family: Family,
    /// Class default of `tie_word_embeddings`.
    pub(super) tied: bool,
    /// Class default of `head_dim`; 0 where it is `hidden_size / num_attention_heads`.
    pub(super) head_dim: u64,
    /// Sliding windows.
    pub(super) windows: Windows,
    /// Class default of `max_position_embeddings` for types whose shipped configs leave it out; 0 otherwise.
    pub(super) context: u64,
    /// When the output projection of attention has a bias.
    pub(super) output_bias: OutputBias,
    /// The last layer attends to everything whatever `layer_types` says.
    pub(super) last_full: bool,
}

const BASE: Dialect = Dialect {
    name: "llama",
    family: *family::FALLBACK,
    tied: false,
    head_dim: 0,
    windows: Windows::Ignored,
    context: 0,
    output_bias: OutputBias::Stated(false),
    last_full: false,
};
const MISTRAL: Dialect = Dialect { name: "mistral", windows: Windows::Everywhere, ..BASE };
const QWEN2: Dialect = Dialect {
    name: "qwen2",
    family: Family { qkv_bias: true, ..BASE.family },
    windows: Windows::OptIn,
    ..BASE
};
const QWEN3: Dialect = Dialect {
    name: "qwen3",
    family: Family { qk_norm: true, ..BASE.family },
    head_dim: 128,
    windows: Windows::OptIn,
    ..BASE
};
const QWEN3_5: Dialect = Dialect { name: "qwen3_5", head_dim: 256, windows: Windows::Ignored, ..QWEN3 };
const LFM2: Dialect =
    Dialect { name: "lfm2", family: Family { qk_norm: true, ..BASE.family }, tied: true, ..BASE };
const GEMMA: Dialect = Dialect { name: "gemma", tied: true, head_dim: 256, ..BASE };
const GEMMA2: Dialect = Dialect {
    name: "gemma2",
    family: Family { norms: 4, ..BASE.family },
    windows: Windows::AllBut(2),
    ..GEMMA
};
const GEMMA3: Dialect = Dialect {
    name: "gemma3",
    family: Family { qk_norm: true, ..GEMMA2.family },
    windows: Windows::AllBut(6),
    context: 131_072,
    ..GEMMA2
};
const COHERE: Dialect =
    Dialect { name: "cohere", family: Family { norms: 1, ..BASE.family }, tied: true, ..BASE };
const GLM: Dialect = Dialect { name: "glm", output_bias: OutputBias::Never, ..BASE };
/// Norms over the channels of a head on queries and keys.
const NORMED_HEADS: Dialect = Dialect { family: Family { qk_norm: true, ..BASE.family }, ..BASE };
/// A two-matrix FFN without biases.
const UNGATED: Family = Family { gated_ffn: false, ..BASE.family };
/// The older two-matrix FFN with biases everywhere.
const GPT: Family = Family { gated_ffn: false, qkv_bias: true, ..BASE.family };

const DIALECTS: &[Dialect] = &[
    BASE,
    Dialect { name: "llama4", head_dim: 128, ..BASE },
    MISTRAL,
    Dialect { name: "ministral", ..MISTRAL },
    Dialect { name: "ministral3", head_dim: 128, ..MISTRAL },
    Dialect { name: "mistral3", ..MISTRAL },
    Dialect { name: "mixtral", ..MISTRAL },
    QWEN2,
    Dialect { name: "qwen2_moe", ..QWEN2 },
    QWEN3,
    Dialect { name: "qwen3_moe", head_dim: 0, ..QWEN3 },
    Dialect { name: "qwen3_next", ..QWEN3_5 },
    QWEN3_5,
    Dialect { name: "qwen3_5_moe", ..QWEN3_5 },
    Dialect { name: "granite", ..BASE },
    Dialect { name: "granitemoe", ..BASE },
    Dialect { name: "granitemoeshared", ..BASE },
    Dialect { name: "granitemoehybrid", ..BASE },
    Dialect { name: "phi3", family: Family { fused: true, ..BASE.family }, ..BASE },
    Dialect { name: "smollm3", tied: true, windows: Windows::WithoutPositions, ..BASE },
    LFM2,
    Dialect { name: "lfm2_moe", ..LFM2 },
    Dialect {
        name: "lfm3",
        family: Family { norms: 4, head_gate: true, ..LFM2.family },
        head_dim: 128,
        ..LFM2
    },
    GEMMA,
    GEMMA2,
    GEMMA3,
    Dialect { name: "gemma3n", windows: Windows::AllBut(5), context: 32_768, ..GEMMA3 },
    Dialect {
        name: "gemma4",
        family: Family { layer_scalar: true, unused_kv_weights: true, ..GEMMA3.family },
        last_full: true,
        ..GEMMA3
    },
    Dialect {
        name: "gpt_oss",
        family: Family { qkv_bias: true, ..BASE.family },
        head_dim: 64,
        windows: Windows::AllBut(2),
        output_bias: OutputBias::Stated(true),
        ..BASE
    },
    COHERE,
    Dialect { name: "cohere2", windows: Windows::AllBut(4), ..COHERE },
    Dialect { name: "deepseek_v2", ..BASE },
    Dialect { name: "deepseek_v3", ..BASE },
    Dialect { name: "kimi_k2", ..BASE },
    Dialect { name: "glm4_moe_lite", ..BASE },
    Dialect { name: "minicpm3", ..BASE },
    GLM,
    Dialect { name: "glm4", family: Family { norms: 4, ..BASE.family }, ..GLM },
    Dialect { name: "glm4v", family: Family { qkv_bias: true, norms: 4, ..BASE.family }, ..GLM },
    Dialect { name: "glm4_moe", ..GLM },
    Dialect { name: "seed_oss", output_bias: OutputBias::Apart, ..BASE },
    Dialect { name: "ernie4_5", tied: true, ..BASE },
    Dialect { name: "ernie4_5_moe", tied: true, ..BASE },
    Dialect { name: "hunyuan_v1_dense", ..NORMED_HEADS },
    Dialect { name: "dots1", ..NORMED_HEADS },
    Dialect { name: "exaone4", windows: Windows::AllBut(4), ..NORMED_HEADS },
    Dialect { name: "apertus", family: Family { gated_ffn: false, ..NORMED_HEADS.family }, ..BASE },
    Dialect { name: "arcee", family: UNGATED, ..BASE },
    Dialect { name: "nemotron", family: UNGATED, ..BASE },
    Dialect { name: "helium", ..BASE },
    Dialect { name: "bitnet", ..BASE },
    Dialect { name: "stablelm", ..BASE },
    Dialect { name: "phimoe", windows: Windows::Everywhere, ..BASE },
    Dialect { name: "olmo", family: Family { norms: 0, ..BASE.family }, ..BASE },
    Dialect { name: "olmo2", ..BASE },
    Dialect { name: "olmo3", windows: Windows::AllBut(4), ..BASE },
    Dialect { name: "olmoe", ..BASE },
    Dialect { name: "gpt2", family: GPT, tied: true, output_bias: OutputBias::Stated(true), ..BASE },
    Dialect { name: "gpt_bigcode", family: GPT, tied: true, output_bias: OutputBias::Stated(true), ..BASE },
    Dialect { name: "bloom", family: GPT, tied: true, output_bias: OutputBias::Stated(true), ..BASE },
    Dialect { name: "mpt", family: UNGATED, tied: true, ..BASE },
    Dialect { name: "gptj", family: Family { norms: 1, ..UNGATED }, ..BASE },
    Dialect { name: "codegen", family: Family { norms: 1, ..UNGATED }, ..BASE },
    Dialect {
        name: "falcon",
        family: Family { qkv_bias: false, norms: 1, ..GPT },
        tied: true,
        context: 2_048,
        ..BASE
    },
    Dialect { name: "gpt_neox", family: GPT, output_bias: OutputBias::Stated(true), ..BASE },
    Dialect { name: "opt", family: GPT, tied: true, output_bias: OutputBias::Stated(true), ..BASE },
    Dialect {
        name: "phi",
        family: Family { norms: 1, ..GPT },
        output_bias: OutputBias::Stated(true),
        ..BASE
    },
    Dialect {
        name: "starcoder2",
        family: GPT,
        tied: true,
        windows: Windows::Everywhere,
        output_bias: OutputBias::Stated(true),
        ..BASE
    },
];

/// Types that are another under a second name: nested text configs and multimodal wrappers.
const ALIASES: &[(&str, &str)] = &[
    ("gemma3_text", "gemma3"),
    ("gemma3n_text", "gemma3n"),
    ("gemma4_text", "gemma4"),
    ("gemma4_unified", "gemma4"),
    ("gemma4_unified_text", "gemma4"),
    ("llama4_text", "llama4"),
    ("qwen2_vl", "qwen2"),
    ("qwen2_vl_text", "qwen2"),
    ("qwen2_5_vl", "qwen2"),
    ("qwen2_5_vl_text", "qwen2"),
    ("qwen2_5_omni_text", "qwen2"),
    ("qwen3_omni_moe_text", "qwen3_moe"),
    ("glm4v_text", "glm4v"),
    ("glm_ocr_text", "glm4"),
    ("glm4v_moe_text", "glm4_moe"),
    ("qwen3_vl", "qwen3"),
    ("qwen3_vl_text", "qwen3"),
    ("qwen3_vl_moe", "qwen3_moe"),
    ("qwen3_vl_moe_text", "qwen3_moe"),
    ("qwen3_5_text", "qwen3_5"),
    ("qwen3_5_moe_text", "qwen3_5_moe"),
    ("phi4_multimodal", "phi3"),
];

/// The dialect of a `model_type`; `None` for one that is not listed.
pub(super) fn dialect(model_type: &str) -> Option<Dialect> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == model_type).map_or(model_type, |(_, name)| name);
    DIALECTS.iter().find(|dialect| dialect.name == name).copied()
}

/// What is assumed for a type that is not listed: llama's tensors.
pub(super) const FALLBACK: Dialect = BASE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_aliases_lead_somewhere() {
        for (index, dialect) in DIALECTS.iter().enumerate() {
            assert!(DIALECTS[..index].iter().all(|other| other.name != dialect.name), "{}", dialect.name);
        }
        for (alias, name) in ALIASES {
            assert!(dialect(alias).is_some_and(|found| found.name == *name), "{alias}");
        }
    }

    #[test]
    fn inventories_agree_with_the_profiles_families() {
        for dialect in DIALECTS {
            if let Some(family) = family::family(dialect.name).filter(|family| family.name == dialect.name) {
                let ours = (
                    dialect.family.qkv_bias,
                    dialect.family.qk_norm,
                    dialect.family.norms,
                    dialect.family.fused,
                );
                assert_eq!(
                    ours,
                    (family.qkv_bias, family.qk_norm, family.norms, family.fused),
                    "{}",
                    dialect.name
                );
            }
        }
    }
}
