//! Multi-head latent attention (DeepSeek V2/V3, Kimi K2, MiniCPM3): one compressed vector per token is cached.
//!
//! Source: DeepSeek-V2, arXiv 2405.04434, section 2.1: `kv_lora_rank` channels and one shared rotary key of
//! `qk_rope_head_dim` channels; no values.

use super::super::super::architecture::{Architecture, Mixer};
use super::super::super::tensor::{Active, Role, Tensor};
use super::super::draft::{MAX_HEADS, MAX_WIDTH};
use super::reader::Reader;
use crate::document::DocumentError;

/// Widths of latent attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latent {
    q_rank: Option<u64>,
    kv_rank: u64,
    nope: u64,
    rope: u64,
    value: u64,
}

/// The widths, when the config has latent attention.
pub(super) fn read(reader: &Reader<'_>) -> Result<Option<Latent>, DocumentError> {
    let Some(kv_rank) = reader.integer(&["kv_lora_rank"], 1..=MAX_WIDTH)? else { return Ok(None) };
    Ok(Some(Latent {
        q_rank: reader.integer(&["q_lora_rank"], 1..=MAX_WIDTH)?,
        kv_rank,
        nope: reader.require(&["qk_nope_head_dim"], 1..=MAX_HEADS)?,
        rope: reader.require(&["qk_rope_head_dim"], 0..=MAX_HEADS)?,
        value: reader.require(&["v_head_dim"], 1..=MAX_HEADS)?,
    }))
}

impl Latent {
    /// Replace every attention layer's cache by the compressed one.
    pub(super) fn compress(&self, reader: &mut Reader<'_>, architecture: &mut Architecture) {
        for layer in &mut architecture.layers {
            if let Mixer::Attention(attention) = &mut layer.mixer {
                attention.kv_heads = 1;
                attention.k_head_dim = self.kv_rank + self.rope;
                attention.v_head_dim = 0;
                (attention.qkv_bias, attention.qk_norm) = (false, false);
            }
        }
        reader.assume(format!(
            "latent attention: {} channels cached per token and layer, as llama.cpp and vLLM do; transformers keeps the expanded heads",
            self.kv_rank + self.rope
        ));
        if reader.text.has("index_head_dim") {
            reader.assume("the sparse-attention indexer's weights and key cache are not counted".into());
        }
    }

    /// The attention tensors of a layer in place of plain query, key, value and output projections.
    pub(super) fn tensors(&self, tensors: &mut Vec<Tensor>, hidden: u64, heads: u64) {
        const PLAIN: [Role; 4] =
            [Role::AttentionQ, Role::AttentionK, Role::AttentionV, Role::AttentionOutput];
        let layers: Vec<usize> = tensors
            .iter()
            .filter(|tensor| tensor.role == Role::AttentionQ)
            .filter_map(|tensor| tensor.layer)
            .collect();
        tensors.retain(|tensor| !PLAIN.contains(&tensor.role));
        for layer in layers {
            let mut push = |name: &str, role: Role, rows: u64, row_length: u64| {
                let name = format!("blk.{layer}.{name}.weight");
                tensors.push(Tensor {
                    name,
                    role,
                    layer: Some(layer),
                    rows,
                    row_length,
                    active: Active::All,
                    stored: None,
                });
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
        }
    }
}
