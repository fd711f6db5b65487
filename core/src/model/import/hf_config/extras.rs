//! Tensors that single families add to the common inventory.

use super::super::super::architecture::{Architecture, Ffn};
use super::super::super::tensor::{Active, Role, Tensor};
use super::dialect::Dialect;

/// Append the family's own tensors.
pub(super) fn append(dialect: &Dialect, architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    match dialect.name {
        "gpt_oss" => gpt_oss(architecture, tensors),
        "lfm2_moe" | "deepseek_v3" | "kimi_k2" | "glm4_moe" | "glm4_moe_lite" => {
            selection_biases(architecture, tensors);
        }
        "gpt2" => {
            // Learned positions; layer norms have biases.
            push(
                tensors,
                None,
                "position_embd.weight",
                Role::TokenEmbedding,
                architecture.max_context_tokens,
                architecture.hidden_size,
                Active::Row,
            );
            biases(architecture, tensors);
        }
        "falcon" => norm_biases(architecture, tensors),
        "opt" | "gpt_neox" | "phi" | "starcoder2" => biases(architecture, tensors),
        _ => {}
    }
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
            push(
                tensors,
                Some(index),
                "attn_sinks.weight",
                Role::Vector,
                1,
                attention.query_heads,
                Active::All,
            );
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
            push(tensors, Some(index), &format!("norm_{norm}.bias"), Role::Vector, 1, hidden, Active::All);
        }
    }
}

/// Biases of layer norms and of a two-matrix FFN.
fn biases(architecture: &Architecture, tensors: &mut Vec<Tensor>) {
    norm_biases(architecture, tensors);
    for (index, layer) in architecture.layers.iter().enumerate() {
        if let Ffn::Dense { width, .. } = layer.ffn {
            push(tensors, Some(index), "ffn_up.bias", Role::Vector, 1, width, Active::All);
            push(
                tensors,
                Some(index),
                "ffn_down.bias",
                Role::Vector,
                1,
                architecture.hidden_size,
                Active::All,
            );
        }
    }
}
