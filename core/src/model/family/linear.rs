//! Linear attention beside softmax attention: MiniMax-01, Kimi Linear, Ring and Ling 2.5.

use super::super::import::hf_config::{Facts, MAX_HEADS, MAX_LAYERS, MAX_WIDTH, Mixes, Reader};
use super::super::recurrent::RecurrentShape;
use super::super::tensor::Role;
use super::deepseek::selection_biases;
use super::{BASE, Conventions, Family, extra};
use crate::format::document::{DocumentError, PerLayer};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "minimax",
        widths: &[("num_key_value_heads", 8)],
        defaults: &[("num_local_experts", 8), ("num_experts_per_tok", 2)],
        types: &["minimax_text_01", "minimax_vl_01", "minimax_m1"],
        config: Some(minimax),
        ..BASE
    },
    Family {
        name: "kimi_linear",
        gguf: &["kimi-linear"],
        defaults: &[
            ("moe_intermediate_size", 1_024),
            ("num_shared_experts", 1),
            ("first_k_dense_replace", 1),
            ("num_experts", 256),
            ("num_experts_per_token", 8),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 128),
            ("qk_rope_head_dim", 64),
        ],
        config: Some(kimi),
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "bailing_moe_linear",
        types: &["bailing_moe_v2_linear", "ring_linear"],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        config: Some(ring),
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "bailing_hybrid",
        types: &["bailing_moe_v2_5"],
        gguf: &["bailingmoe3"],
        defaults: &[
            ("moe_intermediate_size", 768),
            ("num_shared_experts", 1),
            ("first_k_dense_replace", 2),
            ("num_experts", 512),
            ("num_experts_per_token", 8),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 128),
            ("qk_rope_head_dim", 64),
        ],
        config: Some(ling),
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "bailing_moe_v2",
        gguf: &["bailingmoe2"],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        own: Some(selection_biases),
        ..BASE
    },
    // The first version, and what newer ones call themselves, which state their norms.
    Family { name: "bailing_moe", gguf: &["bailingmoe"], own: Some(selection_biases), ..BASE },
];

/// `attn_type_list`: 1 attends, 0 is lightning attention.
fn minimax(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let layers = facts.layers.len();
    match reader.layered(&["attn_type_list"], 0..=1, layers)? {
        Some(kinds) => {
            for (layer, slot) in facts.layers.iter_mut().enumerate() {
                slot.mixes = if kinds.at(layer) == 1 { Mixes::Full } else { Mixes::Recurrent };
            }
        }
        None if reader.has("layer_types") => {}
        None => {
            reader.class_default("layer_types", "every second layer");
            for (layer, slot) in facts.layers.iter_mut().enumerate() {
                slot.mixes = if layer % 2 == 0 { Mixes::Full } else { Mixes::Recurrent };
            }
        }
    }
    let heads = facts.heads.query.max();
    facts.recurrent = Some(RecurrentShape::Lightning {
        heads,
        head_dim: facts.heads.k_dim,
        normed_heads: false,
        f32_sums: false,
    });
    if let Some(experts) = &mut facts.experts {
        experts.shared = reader
            .layered(&["shared_intermediate_size"], 0..=MAX_WIDTH, layers)?
            .unwrap_or(PerLayer::Same(0));
    }
    reader.touch(&["shared_moe_mode", "linear_attn_alpha_factor", "linear_attn_beta_factor"]);
    reader.touch(&["full_attn_alpha_factor", "full_attn_beta_factor", "layernorm_linear_attention_alpha"]);
    reader.touch(&["layernorm_linear_attention_beta", "layernorm_full_attention_alpha"]);
    reader.touch(&["layernorm_full_attention_beta", "layernorm_mlp_alpha", "layernorm_mlp_beta"]);
    Ok(())
}

/// `linear_attn_config` has the layers of each kind, counted from 1, and the shape of the linear ones.
fn kimi(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let (mut heads, mut head_dim, mut kernel) = (32, 128, 4);
    if let Some(linear) = reader.map("linear_attn_config")? {
        heads = linear.integer("num_heads", 1..=MAX_HEADS)?.unwrap_or(heads);
        head_dim = linear.integer("head_dim", 1..=MAX_HEADS)?.unwrap_or(head_dim);
        kernel = linear.integer("short_conv_kernel_size", 1..=MAX_HEADS)?.unwrap_or(kernel);
        if !reader.has("layer_types")
            && let Some(full) = linear.integers("full_attn_layers", 1..=MAX_LAYERS)?
        {
            for (layer, slot) in (1..).zip(&mut facts.layers) {
                slot.mixes = if full.contains(&layer) { Mixes::Full } else { Mixes::Recurrent };
            }
        }
    } else if !reader.has("layer_types") {
        return Err(
            reader.missing("linear_attn_config", "the layers of each kind and the shape of the linear ones")
        );
    } else {
        heads = reader.integer(&["linear_num_heads"], 1..=MAX_HEADS)?.unwrap_or(heads);
        head_dim = reader.integer(&["linear_head_dim"], 1..=MAX_HEADS)?.unwrap_or(head_dim);
        kernel = reader.integer(&["linear_conv_kernel_dim"], 1..=MAX_HEADS)?.unwrap_or(kernel);
    }
    facts.recurrent = Some(RecurrentShape::KimiDelta { heads, head_dim, kernel, wide: false });
    // Its head is never tied (transformers, `KimiLinearForCausalLM`).
    facts.tied = Some(false);
    reader.touch(&[
        "tie_word_embeddings",
        "mla_use_nope",
        "moe_layer_freq",
        "moe_router_activation_func",
        "linear_gate_lower_bound",
    ]);
    Ok(())
}

/// The last layer of every group attends, and those that fill no group; the others keep one decayed sum a head.
fn grouped(
    reader: &mut Reader<'_>,
    facts: &mut Facts,
    usual: u64,
    leftover: bool,
) -> Result<(), DocumentError> {
    let group = match reader.integer(&["layer_group_size"], 1..=MAX_LAYERS)? {
        Some(group) => group,
        None => reader.class_default("layer_group_size", usual),
    };
    if reader.has("layer_types") {
        return Ok(());
    }
    let whole = facts.layers.len() as u64 / group * group;
    for (layer, slot) in (0_u64..).zip(&mut facts.layers) {
        let attends = (layer + 1).is_multiple_of(group) || leftover && layer >= whole;
        slot.mixes = if attends { Mixes::Full } else { Mixes::Recurrent };
    }
    Ok(())
}

fn ring(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    grouped(reader, facts, 5, true)?;
    let heads = facts.heads.query.max();
    let normed_heads = facts.conventions.qk_norm;
    let head_dim = facts.heads.k_dim;
    facts.recurrent = Some(RecurrentShape::Lightning { heads, head_dim, normed_heads, f32_sums: true });
    reader.touch(&["group_norm_size", "linear_silu", "linear_attn_norm_group_size", "linear_rope"]);
    reader.touch(&["linear_mode", "num_linear_key_value_heads"]);
    Ok(())
}

/// Kimi's delta attention with whole projections for decay and gate, and latent attention with a gate a head. The head is
/// never tied (transformers, `BailingHybridForCausalLM`).
fn ling(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    grouped(reader, facts, 6, false)?;
    facts.tied = Some(false);
    reader.touch(&["kda_safe_gate", "kda_lower_bound", "tie_word_embeddings"]);
    let stated = reader.integer(&["linear_num_heads"], 1..=MAX_HEADS)?;
    let heads = stated.unwrap_or(facts.heads.query.max());
    let head_dim = reader.integer(&["linear_head_dim", "head_dim"], 1..=MAX_HEADS)?.unwrap_or(128);
    let kernels = ["linear_conv_kernel_dim", "short_conv_kernel_size"];
    let kernel = reader.integer(&kernels, 1..=MAX_HEADS)?.unwrap_or(4);
    facts.recurrent = Some(RecurrentShape::KimiDelta { heads, head_dim, kernel, wide: true });
    for layer in 0..facts.layers.len() {
        if facts.layers[layer].mixes == Mixes::Full {
            let gates = facts.heads.query.at(layer);
            facts.more.push((Some(layer), extra("attn_gate.weight", Role::Unquantised, gates, facts.hidden)));
        }
    }
    Ok(())
}
