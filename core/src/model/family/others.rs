//! Command R and its mixture, Llama 3.2 Vision, PLaMo 3, Laguna and other decoders that need a line or two.

use super::super::architecture::{Architecture, Ffn};
use super::super::import::hf_config::{Facts, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH, Mixes, Reader};
use super::super::tensor::Role;
use super::research::norms_of_each_head;
use super::{
    BASE, Conventions, Family, FileForm, LlamaCppWindows, Order, OutputBias, PLAIN_FILE, Windows, extra,
    vector,
};
use crate::format::document::{DocumentError, PerLayer};

const COHERE: Family = Family {
    name: "cohere",
    file: Some(FileForm { factors: &["logit_scale"], ..PLAIN_FILE }),
    gguf: &["command-r"],
    conventions: Conventions { norms: 1, ..BASE.conventions },
    tied: true,
    order: Order::Parallel,
    own: Some(norms_of_each_head),
    ..BASE
};

pub(super) const FAMILIES: &[Family] = &[
    COHERE,
    Family {
        name: "cohere2",
        types: &["aya_vision", "cohere2_vision"],
        widths: &[
            ("hidden_size", 8_192),
            ("intermediate_size", 22_528),
            ("num_hidden_layers", 40),
            ("num_attention_heads", 64),
            ("vocab_size", 256_000),
            ("max_position_embeddings", 8_192),
            ("sliding_window", 4_096),
        ],
        gguf: &["cohere2"],
        windows: Windows::AllBut(4),
        llama_cpp_windows: LlamaCppWindows::Every { period: 4, full_first: false, unstated: 4_096, fixed: 0 },
        ..COHERE
    },
    Family {
        name: "cohere2_moe",
        file: None,
        gguf: &[],
        windows: Windows::AllBut(4),
        defaults: &[("num_experts", 8), ("num_experts_per_tok", 2)],
        config: Some(dense_before),
        ..COHERE
    },
    Family {
        name: "mllama",
        types: &["mllama_text_model"],
        gguf: &["mllama"],
        config: Some(cross_attention),
        ..BASE
    },
    Family {
        name: "plamo3",
        gguf: &["plamo3"],
        conventions: Conventions { fused: true, qk_norm: true, norms: 4, ..BASE.conventions },
        windows: Windows::AllBut(8),
        llama_cpp_windows: LlamaCppWindows::Every { period: 8, full_first: false, unstated: 0, fixed: 0 },
        ..BASE
    },
    Family {
        name: "voxtral_realtime_text",
        widths: &[("num_key_value_heads", 8)],
        windows: Windows::Everywhere,
        tied: true,
        own: Some(delay_norms),
        ..BASE
    },
    Family {
        name: "molmo2",
        types: &["molmo2_text"],
        widths: &[("num_key_value_heads", 8)],
        output_bias: OutputBias::Never,
        config: Some(molmo2),
        ..BASE
    },
    Family {
        name: "muse_glimmer",
        types: &["muse_glimmer_text"],
        widths: &[("num_key_value_heads", 2)],
        defaults: &[("head_dim", 128)],
        conventions: Conventions { norms: 4, ..BASE.conventions },
        windows: Windows::AllBut(4),
        own: Some(channel_gates),
        ..BASE
    },
    Family {
        name: "laguna",
        widths: &[("num_key_value_heads", 8)],
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 512),
            ("shared_expert_intermediate_size", 512),
            ("first_k_dense_replace", 1),
            ("num_experts", 256),
            ("num_experts_per_tok", 8),
        ],
        gguf: &["laguna"],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        llama_cpp_windows: LlamaCppWindows::Every { period: 4, full_first: true, unstated: 0, fixed: 0 },
        config: Some(gates),
        own: Some(counted_biases),
        ..BASE
    },
];

/// The first layers are dense, of a width and with a pattern of their own (transformers, `Cohere2MoeConfig`).
fn dense_before(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if let Some(width) = reader.integer(&["prefix_dense_intermediate_size"], 1..=MAX_WIDTH)? {
        facts.dense = PerLayer::Same(width);
    }
    let before = reader.integer(&["prefix_dense_sliding_window_pattern"], 1..=MAX_LAYERS)?.unwrap_or(1);
    let after = reader.integer(&["sliding_window_pattern"], 1..=MAX_LAYERS)?.unwrap_or(4);
    let leading = reader.integer(&["first_k_dense_replace"], 0..=MAX_LAYERS)?.unwrap_or(0);
    reader.touch(&["expert_selection_fn", "shared_expert_combination_strategy"]);
    if reader.has("layer_types") || leading == 0 {
        return Ok(());
    }
    for (layer, slot) in (0_u64..).zip(&mut facts.layers) {
        let (number, period) =
            if layer < leading { (layer + 1, before) } else { (layer - leading + 1, after) };
        slot.mixes = if number.is_multiple_of(period) { Mixes::Full } else { Mixes::Sliding };
    }
    Ok(())
}

/// Rows of the table for what stands between pictures; norms over a head's channels, or over all of a token's
/// (transformers, `Molmo2Attention`).
fn molmo2(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let rows = reader.integer(&["additional_vocab_size"], 0..=MAX_VOCAB)?.unwrap_or(128);
    if rows > 0 {
        facts.more.push((None, extra("token_embd.more", Role::Unquantised, rows, facts.hidden)));
    }
    match reader.text("qk_norm_type")? {
        None | Some("qwen3") => facts.conventions.qk_norm = true,
        Some("olmo") => {
            facts.conventions.qk_norm = false;
            for layer in 0..facts.layers.len() {
                let queries = facts.heads.query.at(layer) * facts.heads.k_dim;
                let keys = facts.heads.kv.at(layer) * facts.heads.k_dim;
                facts.more.push((Some(layer), vector("attn_q_norm.weight", queries)));
                facts.more.push((Some(layer), vector("attn_k_norm.weight", keys)));
            }
        }
        Some(other) => return Err(reader.wrong("qk_norm_type", &format!("{other:?}"), "qwen3 or olmo")),
    }
    reader.touch(&["rope_scaling_layers"]);
    Ok(())
}

/// Two narrow matrices a layer scale its FFN's input by how long the answer waits (transformers, `VoxtralRealtimeTextAdaRmsNorm`).
fn delay_norms(architecture: &mut Architecture) {
    const RANK: u64 = 32;
    let hidden = architecture.hidden_size;
    for layer in &mut architecture.layers {
        layer.more.push(extra("ffn_norm_delay_a.weight", Role::Unquantised, RANK, hidden));
        layer.more.push(extra("ffn_norm_delay_b.weight", Role::Unquantised, hidden, RANK));
    }
}

/// A gate of every output channel (transformers, `MuseGlimmerTextAttention`).
fn channel_gates(architecture: &mut Architecture) {
    let hidden = architecture.hidden_size;
    for layer in &mut architecture.layers {
        if let Some(channels) =
            layer.attention().map(|attention| attention.query_heads * attention.v_head_dim)
        {
            layer.more.push(extra("attn_gate.weight", Role::AttentionQ, channels, hidden));
        }
    }
}

/// A gate of every query head, or of every channel (transformers, `LagunaAttention`).
fn gates(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let per_head = match reader.flag("gating") {
        Ok(stated) => stated.unwrap_or(true),
        Err(_) => reader.text("gating")? == Some("per-head"),
    };
    facts.conventions.head_gate = per_head;
    if per_head {
        return Ok(());
    }
    for layer in 0..facts.layers.len() {
        let channels = facts.heads.query.at(layer) * facts.heads.v_dim;
        facts.more.push((Some(layer), extra("attn_gate.weight", Role::AttentionQ, channels, facts.hidden)));
    }
    Ok(())
}

/// The routers' correction biases, which transformers counts among the parameters (`LagunaTopKRouter`).
fn counted_biases(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        if let Ffn::Experts { experts, .. } = layer.ffn {
            layer.more.push(vector("exp_probs_b.bias", experts));
        }
    }
}

/// Tiles that one picture is cut into at most, where the config does not say.
const TILES: u64 = 4;

/// Some layers attend to the picture and not to the text: their keys and values are computed once a picture
/// (transformers, `MllamaTextCrossAttention`). Queries and keys are normed, and two learned numbers gate the layer.
fn cross_attention(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let chosen = reader.integers("cross_attention_layers", 0..=MAX_LAYERS)?.unwrap_or_default();
    for layer in chosen {
        let Some((index, slot)) = usize::try_from(layer)
            .ok()
            .and_then(|index| facts.layers.get_mut(index).map(|slot| (index, slot)))
        else {
            let expected = "layers of the model";
            return Err(reader.wrong("cross_attention_layers", &layer.to_string(), expected));
        };
        slot.mixes = Mixes::Cross;
        for (name, width) in [
            ("cross_attn_q_norm.weight", facts.heads.k_dim),
            ("cross_attn_k_norm.weight", facts.heads.k_dim),
            ("cross_attn_attn_gate", 1),
            ("cross_attn_mlp_gate", 1),
        ] {
            facts.more.push((Some(index), vector(name, width)));
        }
    }
    // Eight rows of the table are for pictures.
    facts.more.push((None, extra("token_embd.pictures", Role::Unquantised, 8, facts.hidden)));
    let (mut tiles, mut side, mut patch) = (TILES, 560, 14);
    if let Some(vision) = reader.outer_map("vision_config")? {
        tiles = vision.integer("max_num_tiles", 1..=256)?.unwrap_or(tiles);
        side = vision.integer("image_size", 1..=65_536)?.unwrap_or(side);
        patch = vision.integer("patch_size", 1..=65_536)?.unwrap_or(patch);
    }
    let grid = side / patch;
    facts.cross_tokens = (tiles * (grid * grid + 1)).min(1 << 32);
    let (tokens, per_tile) = (facts.cross_tokens, grid * grid + 1);
    reader.assume(format!(
        "cross-attention layers cache one picture of {tiles} tiles, {tokens} tokens ({per_tile} a tile)"
    ));
    Ok(())
}
