//! Feed-forward widths and experts.

use super::super::super::profile::ExpertShape;
use super::super::draft::{MAX_LAYERS, MAX_WIDTH};
use super::reader::Reader;
use crate::document::{DocumentError, PerLayer};

/// Names of the dense width.
const WIDTH: [&str; 5] = ["intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "d_ff"];
/// Types whose class makes the FFN four times as wide as the stream when nothing is said.
const FOURFOLD: [&str; 4] = ["bloom", "falcon", "gpt2", "mpt"];
const MAX_EXPERTS: u64 = 65_536;

/// Widths of the dense blocks, the experts, and which layers have experts.
pub(super) struct FeedForward {
    pub(super) dense: PerLayer,
    /// Width in the layers that share KV, when it differs.
    pub(super) shared_kv: Option<u64>,
    pub(super) experts: Option<ExpertShape>,
    /// Per layer: experts stand here. Empty without experts.
    pub(super) sparse: Vec<bool>,
}

/// Read the feed-forward part of `layers` layers of width `hidden`.
pub(super) fn read(reader: &mut Reader<'_>, layers: u64, hidden: u64) -> Result<FeedForward, DocumentError> {
    let count = reader
        .integer(
            &["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"],
            0..=MAX_EXPERTS,
        )?
        .filter(|count| *count > 0 && reader.flag("enable_moe_block").ok().flatten() != Some(false));
    let Some(count) = count else {
        let dense = dense_only(reader, layers, hidden)?;
        let double = reader.is("gemma4") && reader.flag("use_double_wide_mlp")? == Some(true);
        let shared_kv = double.then(|| dense.max().saturating_mul(2));
        return Ok(FeedForward { dense, shared_kv, experts: None, sparse: Vec::new() });
    };
    let active = reader.require(
        &[
            "num_experts_per_tok",
            "top_k_experts",
            "num_experts_per_token",
            "experts_per_token",
            "moe_topk",
            "num_selected_experts",
            "moe_k",
        ],
        1..=count,
    )?;
    let gemma = reader.is("gemma4");
    let width =
        reader.integer(&["moe_intermediate_size", "expert_dim", "moe_ffn_hidden_size"], 1..=MAX_WIDTH)?;
    let width = match width {
        Some(width) => width,
        None => reader.require(&WIDTH, 1..=MAX_WIDTH)?,
    };
    let sparse = sparse_layers(reader, layers)?;
    let shared_width = shared_width(reader, width)?;
    let experts = ExpertShape {
        count,
        active,
        width,
        shared_width,
        beside_dense: gemma,
        first_dense_layers: sparse.iter().take_while(|sparse| !**sparse).count() as u64,
        router_extras: router_extras(reader, count, hidden, shared_width),
    };
    let dense =
        if gemma || sparse.contains(&false) { dense_beside(reader, layers)? } else { PerLayer::Same(0) };
    Ok(FeedForward { dense, shared_kv: None, experts: Some(experts), sparse })
}

fn dense_beside(reader: &Reader<'_>, layers: u64) -> Result<PerLayer, DocumentError> {
    match reader.integer(&["intermediate_size_mlp"], 1..=MAX_WIDTH)? {
        Some(width) => Ok(PerLayer::Same(width)),
        None => per_layer(reader, "intermediate_size", layers),
    }
}

/// Dense width: stated, listed, adjusted (LFM2), or four times the stream (GPT-2).
fn dense_only(reader: &mut Reader<'_>, layers: u64, hidden: u64) -> Result<PerLayer, DocumentError> {
    if reader.is("granitemoe") && reader.text.has("shared_intermediate_size") {
        // Without experts the "shared" block is the layer's only one.
        return reader.require(&["shared_intermediate_size"], 1..=MAX_WIDTH).map(PerLayer::Same);
    }
    if reader.is("lfm2") && reader.dialect.name == "lfm2" {
        return adjusted(reader).map(PerLayer::Same);
    }
    if reader.text.has("intermediate_size") {
        return per_layer(reader, "intermediate_size", layers);
    }
    match reader.integer(&WIDTH, 1..=MAX_WIDTH)? {
        Some(width) => Ok(PerLayer::Same(width)),
        None if reader.text.has("expansion_ratio") => {
            let ratio = reader.require(&["expansion_ratio"], 1..=1_024)?;
            Ok(PerLayer::Same(hidden.saturating_mul(ratio)))
        }
        None if FOURFOLD.contains(&reader.dialect.name) || reader.text.has("n_embd") => {
            reader.assume("FFN width not given: four times the stream's, as in GPT-2 and Falcon".into());
            Ok(PerLayer::Same(hidden.saturating_mul(4)))
        }
        None => {
            Err(reader.text.missing("intermediate_size", &format!("a whole number from 1 to {MAX_WIDTH}")))
        }
    }
}

fn per_layer(reader: &Reader<'_>, name: &'static str, layers: u64) -> Result<PerLayer, DocumentError> {
    let expected = format!("a whole number from 1 to {MAX_WIDTH}, or a list of {layers}");
    let value =
        reader.text.per_layer(name, 1..=MAX_WIDTH)?.ok_or_else(|| reader.text.missing(name, &expected))?;
    match value.list_length() {
        Some(length) if length as u64 != layers => {
            let expected = format!("one entry for each of {layers} layers");
            Err(reader.text.wrong_value(name, &format!("a list of {length}"), &expected))
        }
        _ => Ok(value),
    }
}

/// LFM2: two thirds of the stated width, scaled, then up to a multiple (transformers, `Lfm2MLP`).
fn adjusted(reader: &mut Reader<'_>) -> Result<u64, DocumentError> {
    let stated = reader.require(&["block_ff_dim", "intermediate_size"], 1..=MAX_WIDTH)?;
    let adjust = match reader.flag("block_auto_adjust_ff_dim")? {
        Some(adjust) => adjust,
        None => reader.class_default("block_auto_adjust_ff_dim", true),
    };
    if !adjust {
        return Ok(stated);
    }
    let factor = reader.text.number("block_ffn_dim_multiplier", 0.0..=1e3)?.unwrap_or(1.0);
    let multiple = reader.integer(&["block_multiple_of"], 1..=MAX_WIDTH)?.unwrap_or(256);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 1e10 and not negative"
    )]
    let scaled = ((2 * stated / 3) as f64 * factor) as u64;
    Ok(scaled.div_ceil(multiple).saturating_mul(multiple).clamp(1, MAX_WIDTH))
}

/// Which layers have experts rather than a dense block.
fn sparse_layers(reader: &Reader<'_>, layers: u64) -> Result<Vec<bool>, DocumentError> {
    // Newer transformers write every layer's kind out.
    if reader.text.has("mlp_layer_types") {
        return listed(reader, layers);
    }
    let leading = reader
        .integer(&["first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"], 0..=MAX_LAYERS)?
        .unwrap_or(0);
    let dense = reader.text.integers("mlp_only_layers", 0..=MAX_LAYERS)?.unwrap_or_default();
    let step =
        reader.integer(&["decoder_sparse_step", "interleave_moe_layer_step"], 1..=MAX_LAYERS)?.unwrap_or(1);
    let chosen = reader.text.integers("moe_layers", 0..=MAX_LAYERS)?;
    // Some DeepSeek-likes write a period, others a flag for every layer.
    let frequency = reader.text.per_layer("moe_layer_freq", 0..=MAX_LAYERS)?;
    let frequent = |index: u64| match &frequency {
        Some(PerLayer::Same(period)) => *period <= 1 || index.is_multiple_of(*period),
        Some(each) => each.at(usize::try_from(index).unwrap_or(usize::MAX)) > 0,
        None => true,
    };
    Ok((0..layers)
        .map(|index| match &chosen {
            Some(chosen) => chosen.contains(&index),
            None => index >= leading && !dense.contains(&index) && (index + 1) % step == 0 && frequent(index),
        })
        .collect())
}

/// `mlp_layer_types`: `sparse` has experts, `dense` has none.
fn listed(reader: &Reader<'_>, layers: u64) -> Result<Vec<bool>, DocumentError> {
    const NAME: &str = "mlp_layer_types";
    let kinds = reader.text.texts(NAME)?;
    if kinds.len() as u64 != layers {
        let expected = format!("one entry for each of {layers} layers");
        return Err(reader.text.wrong_value(NAME, &format!("a list of {}", kinds.len()), &expected));
    }
    let wrong = kinds.iter().enumerate().find(|(_, kind)| !matches!(kind.as_ref(), "dense" | "sparse"));
    match wrong {
        Some((layer, kind)) => {
            Err(reader.text.wrong_value(NAME, &format!("{kind:?} at layer {layer}"), "dense or sparse"))
        }
        None => Ok(kinds.iter().map(|kind| AsRef::<str>::as_ref(kind) == "sparse").collect()),
    }
}

/// Inner width of the block that every token uses.
fn shared_width(reader: &Reader<'_>, width: u64) -> Result<u64, DocumentError> {
    let stated = reader.integer(
        &[
            "shared_expert_intermediate_size",
            "shared_intermediate_size",
            "moe_shared_expert_intermediate_size",
        ],
        0..=MAX_WIDTH,
    )?;
    if let Some(stated) = stated {
        return Ok(stated);
    }
    let shared =
        reader.integer(&["n_shared_experts", "num_shared_experts", "moe_num_shared_experts"], 0..=1_024)?;
    let shared = shared.unwrap_or(u64::from(reader.is("llama4")));
    Ok(shared.saturating_mul(width).min(MAX_WIDTH))
}

/// Router parameters beyond the matrix: Gemma 4's scales, GPT-OSS's and ERNIE's biases, Qwen's gate of the shared expert.
fn router_extras(reader: &Reader<'_>, count: u64, hidden: u64, shared_width: u64) -> u64 {
    match reader.dialect.name {
        "gemma4" => hidden + count,
        "gpt_oss" | "ernie4_5_moe" => count,
        "qwen2_moe" | "qwen3_next" | "qwen3_5_moe" if shared_width > 0 => hidden,
        _ => 0,
    }
}
