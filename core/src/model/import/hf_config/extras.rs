//! Tensors that single families add to the common inventory.

use super::super::super::architecture::{Architecture, Ffn};
use super::super::super::tensor::{Active, Role, Tensor};
use super::dialect::Dialect;
use super::reader::Reader;
use crate::document::DocumentError;

/// Append the family's own tensors.
pub(super) fn append(dialect: &Dialect, architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    match dialect.name {
        "gpt_oss" => gpt_oss(architecture, tensors),
        "lfm2_moe" | "deepseek_v3" | "kimi_k2" | "glm4_moe" | "glm4_moe_lite" => {
            selection_biases(architecture, tensors);
        }
        "gpt2" | "gpt_bigcode" => {
            positions(architecture, 0, tensors);
            biases(architecture, tensors);
        }
        "opt" => {
            // The first two rows are for padding (transformers, `OPTLearnedPositionalEmbedding`).
            positions(architecture, 2, tensors);
            biases(architecture, tensors);
        }
        "falcon" | "nemotron" | "phimoe" | "stablelm" => norm_biases(architecture, tensors),
        "bloom" => {
            for name in ["token_embd_norm.weight", "token_embd_norm.bias"] {
                push(tensors, None, name, Role::Vector, 1, architecture.hidden_size, Active::All);
            }
            biases(architecture, tensors);
        }
        "codegen" | "gpt_neox" | "gptj" | "phi" | "starcoder2" => biases(architecture, tensors),
        // Its norms have no weights, the last one included.
        "olmo" => tensors.retain(|tensor| tensor.name != "output_norm.weight"),
        "olmo2" | "olmo3" | "olmoe" => whole_norms(architecture, tensors),
        "apertus" => activations(architecture, tensors),
        "bitnet" => inner_norms(architecture, tensors),
        _ => {}
    }
}

/// Append the biases that a config states by flags of their own: of the FFN's matrices, and of the output head.
pub(super) fn append_stated(
    reader: &Reader<'_>,
    architecture: &Architecture,
    tensors: &mut Vec<Tensor>,
) -> Result<(), DocumentError> {
    if reader.flag("mlp_bias")? == Some(true) {
        ffn_biases(architecture, tensors);
    }
    if reader.flag("lm_head_bias")?.unwrap_or(matches!(reader.dialect.name, "codegen" | "gptj" | "phi")) {
        let length = architecture.embeddings.vocab_size;
        push(tensors, None, "output.bias", Role::Vector, 1, length, Active::All);
    }
    Ok(())
}

/// A table of learned positions, with `more` rows than positions.
fn positions(architecture: &Architecture, more: u64, tensors: &mut Vec<Tensor>) {
    let rows = architecture.max_context_tokens + more;
    let width = architecture.hidden_size;
    push(tensors, None, "position_embd.weight", Role::TokenEmbedding, rows, width, Active::Row);
}

/// Norms over all queries and all keys of a token (transformers, `Olmo2Attention`).
fn whole_norms(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    for (index, layer) in architecture.layers.iter().enumerate() {
        if let Some(attention) = layer.attention() {
            vector(tensors, index, "attn_q_norm.weight", attention.query_heads * attention.k_head_dim);
            vector(tensors, index, "attn_k_norm.weight", attention.kv_heads * attention.k_head_dim);
        }
    }
}

/// Two learned numbers of each layer's activation (transformers, `XIELUActivation`).
fn activations(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    for index in 0..architecture.layers.len() {
        vector(tensors, index, "ffn_act.weight", 2);
    }
}

/// Norms before the two outgoing projections of a layer (transformers, `BitNetDecoderLayer`).
fn inner_norms(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    for (index, layer) in architecture.layers.iter().enumerate() {
        if let Some(attention) = layer.attention() {
            vector(tensors, index, "attn_sub_norm.weight", attention.query_heads * attention.v_head_dim);
        }
        if let Ffn::Dense { width, .. } = layer.ffn {
            vector(tensors, index, "ffn_sub_norm.weight", width);
        }
    }
}

fn vector(tensors: &mut Vec<Tensor>, layer: usize, name: &str, length: u64) {
    push(tensors, Some(layer), name, Role::Vector, 1, length, Active::All);
}

fn push(
    tensors: &mut Vec<Tensor>,
    layer: Option<usize>,
    name: &str,
    role: Role,
    rows: u64,
    row_length: u64,
    active: Active,
) {
    let name = layer.map_or_else(|| name.to_owned(), |index| format!("blk.{index}.{name}"));
    tensors.push(Tensor { name, role, layer, rows, row_length, active, stored: None });
}

/// Attention sinks, one per head, and biases of every expert (transformers, `GptOssExperts`).
fn gpt_oss(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    for (index, layer) in architecture.layers.iter().enumerate() {
        if let Some(attention) = layer.attention() {
            vector(tensors, index, "attn_sinks.weight", attention.query_heads);
        }
        if let Ffn::Experts { experts, active, width, .. } = layer.ffn {
            let part = Active::Experts { active, experts };
            for (name, length) in [
                ("ffn_gate_exps.bias", width),
                ("ffn_up_exps.bias", width),
                ("ffn_down_exps.bias", architecture.hidden_size),
            ] {
                push(tensors, Some(index), name, Role::Vector, experts, length, part);
            }
        }
    }
}

/// The routers' correction biases, which transformers keeps as buffers.
fn selection_biases(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    for (index, layer) in architecture.layers.iter().enumerate() {
        if let Ffn::Experts { experts, .. } = layer.ffn {
            push(tensors, Some(index), "exp_probs_b.bias", Role::Buffer, 1, experts, Active::All);
        }
    }
}

/// Biases of layer norms.
fn norm_biases(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    let hidden = architecture.hidden_size;
    push(tensors, None, "output_norm.bias", Role::Vector, 1, hidden, Active::All);
    for (index, layer) in architecture.layers.iter().enumerate() {
        for norm in 0..layer.norms {
            vector(tensors, index, &format!("norm_{norm}.bias"), hidden);
        }
    }
}

/// Biases of layer norms and of a two-matrix FFN.
fn biases(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    norm_biases(architecture, tensors);
    ffn_biases(architecture, tensors);
}

/// Biases of a dense block's matrices.
fn ffn_biases(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    for (index, layer) in architecture.layers.iter().enumerate() {
        if let Ffn::Dense { width, gated } = layer.ffn {
            if gated {
                vector(tensors, index, "ffn_gate.bias", width);
            }
            vector(tensors, index, "ffn_up.bias", width);
            vector(tensors, index, "ffn_down.bias", architecture.hidden_size);
        }
    }
}
