//! The metadata that llama.cpp wants of each architecture before it loads a file (`load_arch_hparams` of its models).

use super::header::Header;
use crate::model::Model;
use crate::model::architecture::{Architecture, Attention, Ffn};
use crate::model::profile::RecurrentShape;

/// Every key but the tokenizer's.
pub(super) fn write(header: &mut Header, model: &Model, architecture: &str, vocab: u64) {
    let shape = &model.architecture;
    let key = |name: &str| format!("{architecture}.{name}");
    header.text("general.architecture", architecture);
    header.text("general.name", &shape.title);
    header.count(&key("block_count"), shape.layers.len() as u64);
    header.count(&key("context_length"), shape.max_context_tokens);
    header.count(&key("embedding_length"), shape.hidden_size);
    header.count(&key("vocab_size"), vocab);
    let widths: Vec<u64> = shape.layers.iter().map(|layer| width(&layer.ffn)).collect();
    per_layer(header, &key("feed_forward_length"), &widths);
    header.number(&key("attention.layer_norm_rms_epsilon"), 1e-6);
    attention(header, shape, architecture);
    experts(header, shape, &key);
    if let Some(profile) = &model.profile {
        if profile.shared_kv_last_n_layers > 0 {
            header.count(&key("attention.shared_kv_layers"), profile.shared_kv_last_n_layers);
        }
        if let Some(recurrent) = profile.recurrent {
            state(header, recurrent, &key);
        }
    }
    if let Some(ple) = &shape.ple {
        header.count(&key("embedding_length_per_layer_input"), ple.width);
    }
    if architecture.starts_with("granite") {
        // Any factors do: no size depends on them.
        for name in ["logit_scale", "attention.scale", "embedding_scale", "residual_scale"] {
            header.number(&key(name), 1.0);
        }
    }
    if architecture == "qwen35" {
        header.counts(&key("rope.dimension_sections"), &[11, 11, 10, 0]);
    }
}

fn width(ffn: &Ffn) -> u64 {
    match *ffn {
        Ffn::Dense { width, .. } => width,
        // Readers take it for an expert's width where they ask for no other.
        Ffn::Experts { width, .. } => width,
        Ffn::None => 0,
    }
}

/// How many experts there are, how many are asked, and how wide each is.
fn experts(header: &mut Header, shape: &Architecture, key: &impl Fn(&str) -> String) {
    let first = shape.layers.iter().find_map(|layer| match layer.ffn {
        Ffn::Experts { experts, active, width, .. } => Some((experts, active, width)),
        _ => None,
    });
    let Some((experts, active, width)) = first else { return };
    header.count(&key("expert_count"), experts);
    header.count(&key("expert_used_count"), active);
    header.count(&key("expert_feed_forward_length"), width);
}

/// One number where all layers agree, a list otherwise.
fn per_layer(header: &mut Header, key: &str, values: &[u64]) {
    match values {
        [first, rest @ ..] if rest.iter().all(|value| value == first) => header.count(key, *first),
        values => header.counts(key, values),
    }
}

fn attention(header: &mut Header, shape: &Architecture, architecture: &str) {
    let key = |name: &str| format!("{architecture}.{name}");
    let layers: Vec<Option<&Attention>> = shape.layers.iter().map(|layer| layer.attention()).collect();
    let of = |get: fn(&Attention) -> u64| -> Vec<u64> {
        layers.iter().map(|attention| attention.map_or(0, get)).collect()
    };
    let queries = layers.iter().flatten().map(|attention| attention.query_heads).max().unwrap_or(0);
    header.count(&key("attention.head_count"), queries);
    let kv = of(|attention| attention.kv_heads);
    // Qwen 3.5 finds its attention layers by their interval and wants one number.
    let most = kv.iter().copied().max().unwrap_or(0);
    let kv = if architecture == "qwen35" { vec![most] } else { kv };
    per_layer(header, &key("attention.head_count_kv"), &kv);
    let full = layers.iter().flatten().find(|a| a.window.is_none()).or(layers.iter().flatten().next());
    if let Some(full) = full {
        header.count(&key("attention.key_length"), full.k_head_dim);
        header.count(&key("attention.value_length"), full.v_head_dim);
        let rotary = if architecture == "qwen35" { full.k_head_dim / 4 } else { full.k_head_dim };
        header.count(&key("rope.dimension_count"), rotary);
    }
    let Some(sliding) = layers.iter().flatten().find(|a| a.window.is_some()) else { return };
    header.count(&key("attention.sliding_window"), sliding.window.unwrap_or(0));
    let slides = layers.iter().map(|a| a.is_some_and(|a| a.window.is_some()));
    header.flags(&key("attention.sliding_window_pattern"), slides);
    if architecture == "gemma4" {
        header.count(&key("attention.key_length_swa"), sliding.k_head_dim);
        header.count(&key("attention.value_length_swa"), sliding.v_head_dim);
        header.count(&key("rope.dimension_count_swa"), sliding.k_head_dim);
    }
}

fn state(header: &mut Header, shape: RecurrentShape, key: &impl Fn(&str) -> String) {
    let mut ssm = |kernel, inner, state, rank, groups| {
        header.count(&key("ssm.conv_kernel"), kernel);
        header.count(&key("ssm.inner_size"), inner);
        header.count(&key("ssm.state_size"), state);
        header.count(&key("ssm.time_step_rank"), rank);
        header.count(&key("ssm.group_count"), groups);
    };
    match shape {
        RecurrentShape::ShortConv { kernel } => header.count(&key("shortconv.l_cache"), kernel),
        RecurrentShape::GatedDeltaNet { key_heads, value_heads, key_head_dim, value_head_dim, kernel } => {
            ssm(kernel, value_heads * value_head_dim, key_head_dim, value_heads, key_heads);
        }
        RecurrentShape::Mamba2 { heads, head_dim, state_size, groups, kernel } => {
            ssm(kernel, heads * head_dim, state_size, heads, groups);
        }
    }
}
