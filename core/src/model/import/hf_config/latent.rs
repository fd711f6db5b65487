//! Multi-head latent attention: one compressed vector per token is cached where the runtime computes with it.
//!
//! Source: DeepSeek-V2, arXiv 2405.04434, section 2.1: `kv_lora_rank` channels and one shared rotary key of
//! `qk_rope_head_dim` channels; no values.

use super::super::draft::{MAX_HEADS, MAX_WIDTH};
use super::reader::Reader;
use crate::format::document::DocumentError;
use crate::model::architecture::{ExtraTensor, Layer};
use crate::model::tensor::{Active, Role};

/// Widths of latent attention.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct Latent {
    pub(in crate::model) q_rank: Option<u64>,
    pub(super) kv_rank: u64,
    pub(super) nope: u64,
    pub(super) rope: u64,
    pub(super) value: u64,
    /// The projections into the ranks have biases.
    pub(super) biased: bool,
}

/// The widths, when the config has latent attention; a rank of 0 says that it has none.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Latent>, DocumentError> {
    if reader.flag("use_mla")? == Some(false) {
        // What such a config says of widths is 0.
        reader.touch(&["kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim"]);
        return Ok(None);
    }
    let rank =
        reader.integer(&["kv_lora_rank"], 0..=MAX_WIDTH)?.or_else(|| reader.left_out(&["kv_lora_rank"]));
    let Some(kv_rank) = rank.filter(|rank| *rank > 0) else { return Ok(None) };
    let nope = width(reader, "qk_nope_head_dim")?;
    let q_rank =
        reader.integer(&["q_lora_rank"], 0..=MAX_WIDTH)?.or_else(|| reader.left_out(&["q_lora_rank"]));
    let value = reader.integer(&["v_head_dim"], 1..=MAX_HEADS)?.or_else(|| reader.left_out(&["v_head_dim"]));
    Ok(Some(Latent {
        q_rank: q_rank.filter(|rank| *rank > 0),
        kv_rank,
        nope,
        rope: width(reader, "qk_rope_head_dim")?,
        value: value.unwrap_or(nope.max(1)),
        biased: reader.flag("attention_bias")?.unwrap_or(false),
    }))
}

/// Channels of a part of a head, stated or the class default.
fn width(reader: &mut Reader<'_>, name: &'static str) -> Result<u64, DocumentError> {
    match reader.left_out(&[name]) {
        Some(width) => Ok(width),
        None => reader.require(&[name], 0..=MAX_HEADS),
    }
}

impl Latent {
    /// The attention tensors of a layer in place of plain query, key, value and output projections.
    pub(super) fn push(&self, layer: &mut Layer, hidden: u64, heads: u64) {
        let mut push = |name: &str, role: Role, rows: u64, row_length: u64| {
            let name = format!("{name}.weight");
            layer.more.push(ExtraTensor { name, role, rows, row_length, active: Active::All });
        };
        let q_rows = heads * (self.nope + self.rope);
        match self.q_rank {
            Some(rank) => {
                push("attn_q_a", Role::AttentionQ, rank, hidden);
                push("attn_q_a_norm", Role::Vector, 1, rank);
                push("attn_q_b", Role::AttentionQ, q_rows, rank);
            }
            None => push("attn_q", Role::AttentionQ, q_rows, hidden),
        }
        push("attn_kv_a_mqa", Role::AttentionK, self.kv_rank + self.rope, hidden);
        push("attn_kv_a_norm", Role::Vector, 1, self.kv_rank);
        // As converters split `kv_b`: keys transposed, a matrix for each head.
        push("attn_k_b", Role::AttentionK, heads * self.kv_rank, self.nope);
        push("attn_v_b", Role::AttentionV, heads * self.value, self.kv_rank);
        push("attn_output", Role::AttentionOutput, hidden, heads * self.value);
        if self.biased {
            push("attn_kv_a_mqa_bias", Role::Vector, 1, self.kv_rank + self.rope);
            push("attn_output_bias", Role::Vector, 1, hidden);
            if let Some(rank) = self.q_rank {
                push("attn_q_a_bias", Role::Vector, 1, rank);
            }
        }
    }
}
