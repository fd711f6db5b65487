//! Recurrent blocks: their tensors and the size of their state.
//!
//! State is kept in f32 whatever the KV type is (transformers and llama.cpp alike) and does not grow with the
//! context.

use super::architecture::{Recurrent, RecurrentKind, RecurrentTensor};
use super::profile::RecurrentShape;

const F32_BYTES: u64 = 4;

/// Spell out a block over a stream of `hidden` channels.
pub(super) fn block(shape: RecurrentShape, hidden: u64) -> Recurrent {
    match shape {
        RecurrentShape::ShortConv { kernel } => Recurrent {
            kind: RecurrentKind::ShortConv,
            state_bytes: hidden * kernel.saturating_sub(1) * F32_BYTES,
            tensors: vec![
                tensor("shortconv.in_proj", 3 * hidden, hidden),
                tensor("shortconv.conv", hidden, kernel),
                tensor("shortconv.out_proj", hidden, hidden),
            ],
        },
        RecurrentShape::GatedDeltaNet { key_heads, value_heads, key_head_dim, value_head_dim, kernel } => {
            let keys = key_heads * key_head_dim;
            let values = value_heads * value_head_dim;
            let convolved = 2 * keys + values;
            Recurrent {
                kind: RecurrentKind::GatedDeltaNet,
                state_bytes: (value_heads * key_head_dim * value_head_dim
                    + convolved * kernel.saturating_sub(1))
                    * F32_BYTES,
                tensors: vec![
                    tensor("attn_qkv", convolved, hidden),
                    tensor("attn_gate", values, hidden),
                    tensor("ssm_beta", value_heads, hidden),
                    tensor("ssm_alpha", value_heads, hidden),
                    tensor("ssm_conv1d", convolved, kernel),
                    tensor("ssm_a", 1, value_heads),
                    tensor("ssm_dt", 1, value_heads),
                    tensor("ssm_norm", 1, value_head_dim),
                    tensor("ssm_out", hidden, values),
                ],
            }
        }
        RecurrentShape::Mamba2 { heads, head_dim, state_size, groups, kernel } => {
            let inner = heads * head_dim;
            let convolved = inner + 2 * groups * state_size;
            Recurrent {
                kind: RecurrentKind::Mamba2,
                state_bytes: (inner * state_size + convolved * kernel.saturating_sub(1)) * F32_BYTES,
                tensors: vec![
                    tensor("ssm_in", inner + convolved + heads, hidden),
                    tensor("ssm_conv1d", convolved, kernel),
                    tensor("ssm_conv1d.bias", 1, convolved),
                    tensor("ssm_a", 1, heads),
                    tensor("ssm_d", 1, heads),
                    tensor("ssm_dt", 1, heads),
                    tensor("ssm_norm", 1, inner),
                    tensor("ssm_out", hidden, inner),
                ],
            }
        }
    }
}

const fn tensor(name: &'static str, rows: u64, row_length: u64) -> RecurrentTensor {
    RecurrentTensor { name, rows, row_length }
}
