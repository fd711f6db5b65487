//! Small models for devices: LFM2 and its mixture, LFM3, SmallThinker, OpenELM, decoders with ModernBERT's layers.

use super::super::architecture::Architecture;
use super::super::import::hf_config::{Facts, Heads, MAX_HEADS, MAX_LAYERS, MAX_WIDTH, Mixes, Reader};
use super::super::tensor::Role;
use super::deepseek::selection_biases;
use super::{BASE, Conventions, Family, FileForm, LlamaCppWindows, PLAIN_FILE, Windows, extra, vector};
use crate::format::document::{DocumentError, PerLayer};
use crate::leaf::cast::to_u64;

const LFM2: Family = Family {
    name: "lfm2",
    widths: &[("num_key_value_heads", 8)],
    file: Some(PLAIN_FILE),
    types: &["lfm2_vl"],
    gguf: &["lfm2"],
    // Every layer that attends, where the file states a window.
    llama_cpp_windows: LlamaCppWindows::Every { period: 0, full_first: false, unstated: 0, fixed: 0 },
    conventions: Conventions { qk_norm: true, ..BASE.conventions },
    tied: true,
    renames: &[("output_norm.weight", "token_embd_norm.weight")],
    config: Some(adjusted),
    ..BASE
};

pub(super) const FAMILIES: &[Family] = &[
    LFM2,
    Family {
        name: "lfm2_moe",
        file: Some(FileForm { expert_gating: Some(2), ..PLAIN_FILE }),
        types: &["lfm2moe"],
        defaults: &[("num_experts", 32), ("num_experts_per_tok", 4)],
        gguf: &["lfm2moe"],
        llama_cpp_windows: LlamaCppWindows::Ignored,
        config: None,
        own: Some(selection_biases),
        ..LFM2
    },
    Family {
        name: "lfm3",
        widths: &[("num_key_value_heads", 4)],
        file: None,
        types: &[],
        gguf: &[],
        conventions: Conventions { norms: 4, head_gate: true, ..LFM2.conventions },
        defaults: &[("head_dim", 128), ("sliding_window", 256)],
        windows: Windows::Own,
        config: Some(lfm3),
        ..LFM2
    },
    Family {
        name: "smallthinker",
        gguf: &["smallthinker"],
        llama_cpp_windows: LlamaCppWindows::Every { period: 4, full_first: true, unstated: 0, fixed: 4_096 },
        ..BASE
    },
    Family {
        name: "openelm",
        gguf: &["openelm"],
        conventions: Conventions { qk_norm: true, fused: true, ..BASE.conventions },
        tied: true,
        config: Some(openelm),
        ..BASE
    },
    Family {
        name: "modernbert-decoder",
        tied: true,
        config: Some(modernbert),
        own: Some(first_norm),
        ..BASE
    },
];

/// Every n-th layer from the first is full, the others see half of the stated window; a projection and a norm stand before
/// the head, which has a bias (transformers, `ModernBertDecoderForCausalLM`).
fn modernbert(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    reader.always("norm_bias", false)?;
    reader.always("classifier_bias", false)?;
    facts.head_bias = reader.flag("decoder_bias")?.unwrap_or(true);
    let interval = reader.integer(&["global_attn_every_n_layers"], 1..=MAX_LAYERS)?.unwrap_or(3);
    if !reader.has("layer_types") {
        for (layer, slot) in (0_u64..).zip(&mut facts.layers) {
            slot.mixes = if layer.is_multiple_of(interval) { Mixes::Full } else { Mixes::Sliding };
        }
    }
    if facts.window == 0 {
        facts.window = reader.integer(&["local_attention"], 1..=1 << 32)?.unwrap_or(128) / 2;
    }
    reader.touch(&["local_attention"]);
    for name in ["token_embd_norm.weight", "output_dense_norm.weight"] {
        facts.more.push((None, vector(name, facts.hidden)));
    }
    facts.more.push((None, extra("output_dense.weight", Role::Unquantised, facts.hidden, facts.hidden)));
    Ok(())
}

/// The table's norm stands in for the first layer's.
fn first_norm(architecture: &mut Architecture) {
    if let Some(first) = architecture.layers.first_mut() {
        first.norms = 1;
    }
}

/// Two thirds of the stated width, scaled, then up to a multiple (transformers, `Lfm2MLP`).
fn adjusted(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let stated = reader.require(&["block_ff_dim", "intermediate_size"], 1..=MAX_WIDTH)?;
    let adjust = match reader.flag("block_auto_adjust_ff_dim")? {
        Some(adjust) => adjust,
        None => reader.class_default("block_auto_adjust_ff_dim", true),
    };
    if !adjust {
        facts.dense = PerLayer::Same(stated);
        return Ok(());
    }
    let factor = reader.number("block_ffn_dim_multiplier", 0.0..=1e3)?.unwrap_or(1.0);
    let multiple = reader.integer(&["block_multiple_of"], 1..=MAX_WIDTH)?.unwrap_or(256);
    let scaled = to_u64((2 * stated / 3) as f64 * factor);
    facts.dense = PerLayer::Same(scaled.div_ceil(multiple).saturating_mul(multiple).clamp(1, MAX_WIDTH));
    Ok(())
}

/// A norm after each block too, and a gate of every head, unless the config says otherwise (transformers, `Lfm3DecoderLayer`).
fn lfm3(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    facts.conventions.norms = if reader.flag("use_sandwich_norm")?.unwrap_or(true) { 4 } else { 2 };
    facts.conventions.head_gate = reader.flag("use_attention_gate")?.unwrap_or(true);
    if !reader.has("layer_types") && !reader.has("full_attn_idxs") {
        reader
            .class_default("layer_types", "one of four is full, one slides but for the first, two convolve");
        for (layer, slot) in facts.layers.iter_mut().enumerate() {
            slot.mixes = match layer % 4 {
                2 => Mixes::Full,
                0 if layer > 0 => Mixes::Sliding,
                _ => Mixes::Recurrent,
            };
        }
    }
    Ok(())
}

/// Heads and FFN widths that grow from layer to layer; the widths are multiples of `ffn_dim_divisor`, at least nine tenths of
/// what the multiplier gives (Apple's `make_divisible`).
fn openelm(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let layers = facts.layers.len();
    let lists = |name, reader: &Reader<'_>| reader.layered(&[name], 1..=MAX_HEADS, layers);
    let query = lists("num_query_heads", reader)?.unwrap_or_else(|| facts.heads.query.clone());
    let kv = lists("num_kv_heads", reader)?.unwrap_or_else(|| query.clone());
    let width = reader.integer(&["head_dim"], 1..=MAX_HEADS)?.unwrap_or(64);
    facts.heads = Heads { query, kv, k_dim: width, v_dim: width };
    let divisor = reader.integer(&["ffn_dim_divisor"], 1..=MAX_WIDTH)?.unwrap_or(256);
    if let Some(multipliers) = reader.numbers("ffn_multipliers", 0.0..=1e3)? {
        let width = |multiplier: f64| {
            let exact = multiplier * facts.hidden as f64;
            let step = divisor as f64;
            let nearest = ((exact + step / 2.0) / step).floor().max(1.0) * step;
            let kept = if nearest < 0.9 * exact { nearest + step } else { nearest };
            to_u64(kept.min(MAX_WIDTH as f64))
        };
        let mut widths: Vec<u64> = multipliers.into_iter().map(width).collect();
        if widths.len() == 1 {
            widths.resize(layers, widths[0]);
        }
        facts.dense = PerLayer::Each(widths);
    }
    facts.conventions.gated_ffn = reader.flag("ffn_with_glu")?.unwrap_or(true);
    facts.conventions.qk_norm = reader.flag("normalize_qk_projections")?.unwrap_or(true);
    reader.touch(&["num_gqa_groups", "share_input_output_layers", "qkv_multipliers"]);
    if let Some(tied) = reader.flag("share_input_output_layers")? {
        facts.tied = Some(tied);
    }
    for slot in &mut facts.layers {
        slot.mixes = Mixes::Full;
    }
    Ok(())
}
