//! Families whose full and sliding layers differ in their heads: Step 3.5, MiMo-V2-Flash.

use super::super::architecture::Architecture;
use super::super::import::hf_config::{Facts, Heads, MAX_HEADS, Mixes, Reader};
use super::deepseek::selection_biases;
use super::{BASE, Conventions, Family, LlamaCppWindows, OutputBias, vector};
use crate::format::document::{DocumentError, PerLayer};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "step3p5",
        types: &["step3p7"],
        widths: &[("num_key_value_heads", 8)],
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 1_280),
            ("share_expert_dim", 1_280),
            ("moe_num_experts", 288),
            ("num_experts_per_tok", 8),
            ("first_k_dense_replace", 3),
        ],
        gguf: &["step35"],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        llama_cpp_windows: LlamaCppWindows::Listed,
        config: Some(step),
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "mimo_v2_flash",
        widths: &[("num_key_value_heads", 4)],
        types: &["mimo_v2"],
        output_bias: OutputBias::Never,
        defaults: &[
            ("moe_intermediate_size", 2_048),
            ("first_k_dense_replace", 1),
            ("n_routed_experts", 256),
            ("num_experts_per_tok", 8),
            ("head_dim", 192),
            ("v_head_dim", 128),
        ],
        gguf: &["mimo2"],
        llama_cpp_windows: LlamaCppWindows::Listed,
        config: Some(mimo),
        own: Some(mimo_tensors),
        ..BASE
    },
    Family {
        name: "mimo",
        gguf: &[],
        conventions: Conventions { qkv_bias: true, ..BASE.conventions },
        ..BASE
    },
];

/// Sliding layers have heads of their own; a gate of every head, which transformers no longer asks about.
fn step(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if let Some(query) = reader.integer(&["num_sliding_attention_heads"], 1..=MAX_HEADS)? {
        facts.sliding = Some(Heads { query: PerLayer::Same(query), ..facts.heads.clone() });
        // It says the same layer by layer.
        reader.touch(&["per_layer_config"]);
    }
    if let Some(other) = reader.map("attention_other_setting")? {
        let mut heads = facts.heads.clone();
        if let Some(query) = other.integer("num_attention_heads", 1..=MAX_HEADS)? {
            heads.query = PerLayer::Same(query);
        }
        if let Some(kv) = other.integer("num_attention_groups", 1..=MAX_HEADS)? {
            heads.kv = PerLayer::Same(kv);
        }
        if let Some(width) = other.integer("head_dim", 1..=MAX_HEADS)? {
            (heads.k_dim, heads.v_dim) = (width, width);
        }
        facts.sliding = Some(heads);
    }
    facts.conventions.head_gate = reader.flag("use_head_wise_attn_gate")?.unwrap_or(true);
    reader.touch(&[
        "use_moe_router_bias",
        "need_fp32_gate",
        "moe_router_activation",
        "moe_router_scaling_factor",
    ]);
    reader.touch(&["swiglu_limits_shared", "moe_every_n_layer"]);
    Ok(())
}

/// Without a pattern the first layer attends to everything and so does every sixth; without heads of their own the sliding
/// layers have twice as many KV heads (transformers, `MiMoV2FlashAttention`).
fn mimo(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if facts.sliding.is_none() {
        let kv = PerLayer::Same((2 * facts.heads.kv.max()).min(facts.heads.query.max()));
        facts.sliding = Some(Heads { kv, ..facts.heads.clone() });
    }
    if !reader.has("layer_types") && !reader.has("hybrid_layer_pattern") {
        for (index, slot) in facts.layers.iter_mut().enumerate() {
            let full = index == 0 || (index + 1).is_multiple_of(6);
            slot.mixes = if full { Mixes::Full } else { Mixes::Sliding };
        }
    }
    reader.touch(&["add_swa_attention_sink_bias", "add_full_attention_sink_bias", "attention_chunk_size"]);
    reader.touch(&["attention_value_scale", "hybrid_block_size"]);
    Ok(())
}

/// A sink for each head of the sliding layers.
fn mimo_tensors(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        if let Some(heads) = layer.attention().filter(|a| a.window.is_some()).map(|a| a.query_heads) {
            layer.more.push(vector("attn_sinks.weight", heads));
        }
    }
    selection_biases(architecture);
}
