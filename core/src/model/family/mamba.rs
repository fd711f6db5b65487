//! Models that only recur: Mamba, Mamba-2, Falcon Mamba, RWKV-7.

use super::super::import::hf_config::{Facts, MAX_HEADS, MAX_WIDTH, Mixes, Reader};
use super::super::recurrent::RecurrentShape;
use super::{BASE, Conventions, Family, vector};
use crate::format::document::{DocumentError, PerLayer};
use crate::leaf::cast::to_u64;

const MAMBA: Family = Family {
    name: "mamba",
    types: &["falcon_mamba"],
    gguf: &["mamba"],
    conventions: Conventions { norms: 1, ..BASE.conventions },
    tied: true,
    recurs_only: true,
    config: Some(mamba),
    ..BASE
};

pub(super) const FAMILIES: &[Family] = &[
    MAMBA,
    Family { name: "mamba2", types: &[], gguf: &["mamba2"], tied: false, config: Some(mamba2), ..MAMBA },
    Family {
        name: "rwkv7",
        types: &["rwkv7_world"],
        gguf: &["rwkv7"],
        recurs_only: true,
        config: Some(rwkv7),
        ..BASE
    },
];

/// Every layer recurs, and nothing follows.
fn alone(facts: &mut Facts, shape: RecurrentShape) {
    facts.recurrent = Some(shape);
    for slot in &mut facts.layers {
        (slot.mixes, slot.ffn) = (Mixes::Recurrent, false);
    }
    facts.dense = PerLayer::Same(0);
}

/// Its own format has the block's sizes in a map, which is empty in the published ones but where they are of Mamba-2.
fn mamba(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if let Some(stated) = reader.map("ssm_cfg")?.filter(|sizes| !sizes.entries().is_empty()) {
        let names: Vec<&str> = stated.entries().iter().map(|(name, _)| name.as_str()).collect();
        let expected = "an empty one, or the config.json of a checkpoint that transformers reads";
        return Err(reader.wrong("ssm_cfg", &format!("a map with {}", names.join(", ")), expected));
    }
    let expand = reader.integer(&["expand"], 1..=64)?.unwrap_or(2);
    let inner = reader.integer(&["intermediate_size", "d_inner"], 1..=MAX_WIDTH)?;
    let rank = reader.integer_or_auto("time_step_rank", 1..=MAX_HEADS)?;
    let shape = RecurrentShape::Mamba {
        inner: inner.unwrap_or(expand * facts.hidden),
        state_size: reader.integer(&["state_size", "d_state"], 1..=MAX_HEADS)?.unwrap_or(16),
        rank: rank.unwrap_or(facts.hidden.div_ceil(16)),
        kernel: reader.integer(&["conv_kernel", "d_conv"], 1..=MAX_HEADS)?.unwrap_or(4),
        normed: false,
    };
    reader.always("use_conv_bias", true)?;
    reader.always("use_bias", false)?;
    reader.touch(&["mixer_rms_eps", "attn_cfg"]);
    alone(facts, shape);
    Ok(())
}

fn mamba2(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let expand = reader.integer(&["expand"], 1..=64)?.unwrap_or(2);
    let head_dim = reader.integer(&["head_dim"], 1..=MAX_HEADS)?.unwrap_or(64);
    let stated = reader.integer(&["num_heads"], 1..=MAX_HEADS)?;
    let shape = RecurrentShape::Mamba2 {
        heads: stated.unwrap_or((expand * facts.hidden / head_dim).clamp(1, MAX_HEADS)),
        head_dim,
        state_size: reader.integer(&["state_size"], 1..=MAX_HEADS)?.unwrap_or(128),
        groups: reader.integer(&["n_groups"], 1..=MAX_HEADS)?.unwrap_or(8),
        kernel: reader.integer(&["conv_kernel"], 1..=MAX_HEADS)?.unwrap_or(4),
        normed: true,
    };
    reader.always("use_conv_bias", true)?;
    reader.always("use_bias", false)?;
    reader.touch(&["time_step_rank"]);
    alone(facts, shape);
    Ok(())
}

/// Ranks are those that `rwkv7` of flash-linear-attention derives from the width where a config does not state them.
fn rwkv7(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let head_dim = reader.integer(&["head_dim", "head_size"], 1..=MAX_HEADS)?.unwrap_or(64);
    let hidden = facts.hidden as f64;
    let derived = |factor: f64, power: f64| {
        let rank = to_u64((factor * hidden.powf(power) / 32.0).round().max(1.0));
        rank * 32
    };
    let rank = |name, factor, power, reader: &Reader<'_>| {
        Ok::<_, DocumentError>(
            reader.integer(&[name], 1..=MAX_WIDTH)?.unwrap_or_else(|| derived(factor, power)),
        )
    };
    let decay_rank = rank("decay_low_rank_dim", 1.8, 0.5, reader)?;
    let rate_rank = rank("a_low_rank_dim", 1.8, 0.5, reader)?;
    let value_rank = rank("v_low_rank_dim", 1.3, 0.5, reader)?;
    let gate_rank = rank("gate_low_rank_dim", 0.6, 0.8, reader)?;
    let width = facts.dense.max();
    let width = if width == 0 { facts.hidden.saturating_mul(4) } else { width };
    alone(facts, RecurrentShape::Rwkv7 { head_dim, decay_rank, rate_rank, value_rank, gate_rank });
    // The first layer has no value residual, but a norm of its own before all others.
    facts.first_recurrent =
        Some(RecurrentShape::Rwkv7 { head_dim, decay_rank, rate_rank, value_rank: 0, gate_rank });
    for layer in 0..facts.layers.len() {
        facts.layers[layer].ffn = true;
        for norm in 0..2 {
            facts.more.push((Some(layer), vector(&format!("norm_{norm}.bias"), facts.hidden)));
        }
        facts.more.push((Some(layer), vector("channel_mix_lerp_k.weight", facts.hidden)));
    }
    for name in ["token_embd_norm.weight", "token_embd_norm.bias", "output_norm.bias"] {
        facts.more.push((None, vector(name, facts.hidden)));
    }
    facts.dense = PerLayer::Same(width);
    facts.conventions.gated_ffn = false;
    reader.touch(&[
        "attn_mode",
        "attn",
        "num_heads",
        "value_dim",
        "hidden_ratio",
        "norm_first",
        "attention_hidden_size",
    ]);
    Ok(())
}
