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
    per_layer(header, &key("feed_forward_length"), &widths(shape));
    // Each architecture reads one of the two.
    header.number(&key("attention.layer_norm_rms_epsilon"), 1e-6);
    header.number(&key("attention.layer_norm_epsilon"), 1e-6);
    attention(header, model, architecture);
    experts(header, shape, architecture);
    if let Some(profile) = &model.profile {
        if profile.shared_kv_last_n_layers > 0 {
            header.count(&key("attention.shared_kv_layers"), profile.shared_kv_last_n_layers);
        }
        if let Some(recurrent) = profile.recurrent {
            state(header, recurrent, &key);
        }
    }
    if shape.ple.is_some() || architecture == "gemma4" {
        // Gemma 4 without a table says so.
        header.count(&key("embedding_length_per_layer_input"), shape.ple.as_ref().map_or(0, |ple| ple.width));
    }
    // Any factors do: no size depends on them.
    if architecture.starts_with("granite") {
        for name in ["logit_scale", "attention.scale", "embedding_scale", "residual_scale"] {
            header.number(&key(name), 1.0);
        }
    }
    if matches!(architecture, "command-r" | "cohere2") {
        header.number(&key("logit_scale"), 1.0);
    }
    if architecture == "qwen35" {
        header.counts(&key("rope.dimension_sections"), &[11, 11, 10, 0]);
    }
}

/// Dense widths; a layer without a dense block is given that of the others, or its experts', as converters do.
fn widths(shape: &Architecture) -> Vec<u64> {
    let dense = |ffn: &Ffn| match *ffn {
        Ffn::Dense { width, .. } => width,
        Ffn::Experts { dense_width, .. } => dense_width,
        Ffn::None => 0,
    };
    let any = shape.layers.iter().map(|layer| dense(&layer.ffn)).max().unwrap_or(0);
    let width = |ffn: &Ffn| match (dense(ffn), ffn) {
        (0, Ffn::Experts { width, .. }) if any == 0 => *width,
        (0, Ffn::Experts { .. }) => any,
        (width, _) => width,
    };
    shape.layers.iter().map(|layer| width(&layer.ffn)).collect()
}

fn experts(header: &mut Header, shape: &Architecture, architecture: &str) {
    let key = |name: &str| format!("{architecture}.{name}");
    let found = shape.layers.iter().enumerate().find_map(|(index, layer)| match layer.ffn {
        Ffn::Experts { experts, active, width, shared_width, .. } => {
            Some((index, experts, active, width, shared_width))
        }
        _ => None,
    });
    let Some((leading, experts, active, width, shared)) = found else { return };
    header.count(&key("expert_count"), experts);
    header.count(&key("expert_used_count"), active);
    header.count(&key("expert_feed_forward_length"), width);
    if shared > 0 {
        header.count(&key("expert_shared_feed_forward_length"), shared);
        header.count(&key("expert_shared_count"), shared / width.max(1));
    }
    header.count(&key("leading_dense_block_count"), leading as u64);
    if matches!(architecture, "deepseek2" | "lfm2moe") {
        header.number(&key("expert_weights_scale"), 1.0);
        header.count(&key("expert_gating_func"), if architecture == "lfm2moe" { 2 } else { 1 });
    }
}

/// Latent attention's widths, which the compressed cache hides: `(channels without positions, rank, value channels)`.
fn latent(model: &Model, heads: u64) -> Option<(u64, u64, u64)> {
    let find = |name: &str| model.tensors.iter().find(|tensor| tensor.name.ends_with(name));
    let (keys, values) = (find(".attn_k_b.weight")?, find(".attn_v_b.weight")?);
    Some((keys.row_length, values.row_length, values.rows / heads.max(1)))
}

/// One number where all layers agree, a list otherwise.
fn per_layer(header: &mut Header, key: &str, values: &[u64]) {
    match values {
        [first, rest @ ..] if rest.iter().all(|value| value == first) => header.count(key, *first),
        values => header.counts(key, values),
    }
}

fn attention(header: &mut Header, model: &Model, architecture: &str) {
    let shape = &model.architecture;
    let key = |name: &str| format!("{architecture}.{name}");
    let layers: Vec<Option<&Attention>> = shape.layers.iter().map(|layer| layer.attention()).collect();
    let of = |get: fn(&Attention) -> u64| -> Vec<u64> {
        layers.iter().map(|attention| attention.map_or(0, get)).collect()
    };
    let queries = layers.iter().flatten().map(|attention| attention.query_heads).max().unwrap_or(0);
    header.count(&key("attention.head_count"), queries);
    let kv = of(|attention| attention.kv_heads);
    // Qwen's hybrids find their attention layers by an interval and want one number.
    let most = kv.iter().copied().max().unwrap_or(0);
    let by_interval = matches!(architecture, "qwen35" | "qwen3next");
    let kv = if by_interval { vec![most] } else { kv };
    per_layer(header, &key("attention.head_count_kv"), &kv);
    let full = layers.iter().flatten().find(|a| a.window.is_none()).or(layers.iter().flatten().next());
    if let Some((nope, rank, value)) = latent(model, queries) {
        let rotary = full.map_or(0, |full| full.k_head_dim.saturating_sub(rank));
        for (name, width) in [
            ("attention.key_length", rank + rotary),
            ("attention.value_length", rank),
            ("attention.key_length_mla", nope + rotary),
            ("attention.value_length_mla", value),
            ("attention.kv_lora_rank", rank),
            ("rope.dimension_count", rotary),
        ] {
            header.count(&key(name), width);
        }
    } else if let Some(full) = full {
        header.count(&key("attention.key_length"), full.k_head_dim);
        header.count(&key("attention.value_length"), full.v_head_dim);
        let share = match architecture {
            _ if by_interval => 4,
            "glm4" => 2,
            _ => 1,
        };
        header.count(&key("rope.dimension_count"), full.k_head_dim / share);
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
