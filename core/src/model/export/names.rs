//! What GGUF files call things: tensors that go by another name than in the inventory, and kinds of tokenizer.

use crate::model::architecture::Architecture;

/// Vocabularies of the Llama kind that are smaller are scored pieces, larger ones byte pairs.
const SCORED_PIECES: u64 = 33_000;

/// Kinds of vocabulary that llama.cpp keeps in different structures (`tokenizer.ggml.model`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokenizer {
    /// Byte pairs with a merge list.
    Bpe,
    /// Scored pieces.
    Spm,
    /// Gemma 4: byte pairs over pieces with spaces as U+2581.
    Gemma4,
}

/// The kind of tokenizer in a model's files, as far as its family and the size of its vocabulary tell.
pub fn tokenizer(shape: &Architecture) -> Tokenizer {
    super::architecture(shape).map_or(Tokenizer::Bpe, |(_, tokenizer)| tokenizer)
}

/// Llama, Mistral and Phi had scored pieces while their vocabularies were small.
pub(super) fn by_size(of_family: Tokenizer, shape: &Architecture) -> Tokenizer {
    const BOTH: [&str; 4] = ["llama", "mistral", "mixtral", "phi3"];
    let small = shape.embeddings.vocab_size < SCORED_PIECES && BOTH.contains(&shape.family.as_str());
    if small { Tokenizer::Spm } else { of_family }
}

/// What llama.cpp calls a tensor where it differs from the inventory's name.
pub(super) fn file_name(name: &str, architecture: &str) -> String {
    let block = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    let Some((layer, rest)) = block else {
        return if architecture.starts_with("lfm2") && name == "output_norm.weight" {
            "token_embd_norm.weight".to_owned()
        } else {
            name.to_owned()
        };
    };
    let rest = match (architecture, rest) {
        (_, "ssm_a.weight") => "ssm_a",
        (_, "ssm_d.weight") => "ssm_d",
        (_, "ssm_dt.weight") => "ssm_dt.bias",
        (_, "ssm_conv1d.bias.weight") => "ssm_conv1d.bias",
        (_, "norm_0.bias") => "attn_norm.bias",
        (_, "norm_1.bias") => "ffn_norm.bias",
        ("qwen35" | "qwen3next" | "gpt-oss", "ffn_norm.weight")
        | ("olmo2" | "exaone4", "attn_norm.weight") => "post_attention_norm.weight",
        ("olmo2" | "exaone4", "ffn_norm.weight") => "post_ffw_norm.weight",
        ("gemma4", "norm_4.weight") => "pre_ffw_norm_2.weight",
        ("gemma4", "norm_5.weight") => "post_ffw_norm_1.weight",
        ("gemma4", "norm_6.weight") => "post_ffw_norm_2.weight",
        ("gemma4", "ffn_gate_exps.weight" | "ffn_up_exps.weight") => "ffn_gate_up_exps.weight",
        ("glm4", "ffn_gate.weight") => "ffn_up.weight",
        ("qwen3next", "ssm_beta.weight" | "ssm_alpha.weight") => "ssm_ba.weight",
        ("gpt-oss", "ffn_gate_inp.scale") => "ffn_gate_inp.bias",
        ("qwen2moe" | "qwen3next", "ffn_gate_inp.scale") => "ffn_gate_inp_shexp.weight",
        (_, rest) => rest,
    };
    format!("blk.{layer}.{rest}")
}

/// Whether the file has this tensor and the next of its kind in one, under one name.
pub(super) fn merges(name: &str, architecture: &str) -> bool {
    match architecture {
        "gemma4" => name.ends_with("ffn_gate_exps.weight"),
        "glm4" => name.ends_with(".ffn_gate.weight"),
        "qwen3next" => name.ends_with("ssm_beta.weight"),
        _ => false,
    }
}

/// Whether the tensor is the second half of one that is there already.
pub(super) fn is_merged(name: &str, architecture: &str) -> bool {
    match architecture {
        "gemma4" => name.ends_with("ffn_up_exps.weight"),
        "glm4" => name.ends_with(".ffn_up.weight"),
        "qwen3next" => name.ends_with("ssm_alpha.weight"),
        _ => false,
    }
}
