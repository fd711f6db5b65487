//! The metadata that llama.cpp wants of each architecture before it loads a file (`load_arch_hparams` of its models).

use crate::format::gguf::Header;
use crate::model::Model;
use crate::model::architecture::{Architecture, Attention, Ffn, Recurrent, RecurrentKind};
use crate::model::family::FileForm;

/// Every key but the tokenizer's.
pub(super) fn write(header: &mut Header, model: &Model, (architecture, form): (&str, &FileForm), vocab: u64) {
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
    attention(header, model, architecture, form);
    experts(header, shape, architecture, form);
    let shared = shape.attention_layers().filter(|(_, attention)| !attention.owns_cache()).count();
    if shared > 0 {
        header.count(&key("attention.shared_kv_layers"), shared as u64);
    }
    if let Some(recurrent) = shape.layers.iter().find_map(|layer| layer.recurrent()) {
        state(header, recurrent, &key);
    }
    if shape.ple.is_some() || form.states_table {
        // Gemma 4 without a table says so.
        header.count(&key("embedding_length_per_layer_input"), shape.ple.as_ref().map_or(0, |ple| ple.width));
    }
    // Any factors do: no size depends on them.
    for name in form.factors {
        header.number(&key(name), 1.0);
    }
    if form.rope_sections {
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

fn experts(header: &mut Header, shape: &Architecture, architecture: &str, form: &FileForm) {
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
    if let Some(gating) = form.expert_gating {
        header.number(&key("expert_weights_scale"), 1.0);
        header.count(&key("expert_gating_func"), gating);
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

fn attention(header: &mut Header, model: &Model, architecture: &str, form: &FileForm) {
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
    let kv = if form.one_kv_number { vec![most] } else { kv };
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
        header.count(&key("rope.dimension_count"), full.k_head_dim / form.rotated_share);
    }
    let Some(sliding) = layers.iter().flatten().find(|a| a.window.is_some()) else { return };
    header.count(&key("attention.sliding_window"), sliding.window.unwrap_or(0));
    let slides = layers.iter().map(|a| a.is_some_and(|a| a.window.is_some()));
    header.flags(&key("attention.sliding_window_pattern"), slides);
    if form.sliding_widths {
        header.count(&key("attention.key_length_swa"), sliding.k_head_dim);
        header.count(&key("attention.value_length_swa"), sliding.v_head_dim);
        header.count(&key("rope.dimension_count_swa"), sliding.k_head_dim);
    }
}

/// The state's shape, read off the block's tensors.
fn state(header: &mut Header, recurrent: &Recurrent, key: &impl Fn(&str) -> String) {
    let find = |name: &str| recurrent.tensors.iter().find(|tensor| tensor.name == name);
    let rows = |name: &str| find(name).map_or(0, |tensor| tensor.rows);
    let length = |name: &str| find(name).map_or(0, |tensor| tensor.row_length);
    if recurrent.kind == RecurrentKind::ShortConv {
        return header.count(&key("shortconv.l_cache"), length("shortconv.conv"));
    }
    let (kernel, inner, heads) = (length("ssm_conv1d"), length("ssm_out"), length("ssm_a").max(1));
    // Convolved are the stream and, for each group, two vectors of the state's width.
    let beside = rows("ssm_conv1d").saturating_sub(inner) / 2;
    let (state_size, groups) = if recurrent.kind == RecurrentKind::GatedDeltaNet {
        let width = inner / heads;
        let known = (recurrent.state_bytes / 4).saturating_sub(rows("ssm_conv1d") * kernel.saturating_sub(1));
        let width = known.checked_div(heads * width.max(1)).unwrap_or(width).max(1);
        (width, beside / width)
    } else {
        let known = (recurrent.state_bytes / 4).saturating_sub(rows("ssm_conv1d") * kernel.saturating_sub(1));
        let width = known.checked_div(inner).unwrap_or(1).max(1);
        (width, beside / width)
    };
    for (name, value) in [
        ("ssm.conv_kernel", kernel),
        ("ssm.inner_size", inner),
        ("ssm.state_size", state_size),
        ("ssm.time_step_rank", heads),
        ("ssm.group_count", groups),
    ] {
        header.count(&key(name), value);
    }
}
