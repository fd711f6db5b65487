//! Recurrent layers: what the table shows recurs, with the shape that the metadata gives.

use super::super::draft::{MAX_HEADS, MAX_WIDTH};
use super::blocks::{Block, Recurs};
use super::keys::Keys;
use crate::format::gguf::GgufError;
use crate::model::architecture::Recurrent;
use crate::model::recurrent;
use crate::model::recurrent::RecurrentShape;

/// The recurrence of a layer of `hidden` channels; nothing where none stands.
pub(super) fn of(keys: &Keys<'_>, block: &Block, hidden: u64) -> Result<Option<Recurrent>, GgufError> {
    let Some(recurs) = block.recurs else { return Ok(None) };
    let bounded = |key: &str| keys.require(key, 1..=MAX_HEADS);
    let kernel = || bounded("ssm.conv_kernel");
    let inner = || keys.require("ssm.inner_size", 1..=MAX_WIDTH);
    // Columns that RWKV looks back at; two where nothing is said.
    let mut shifts = 2;
    let shape = match recurs {
        Recurs::ShortConv => RecurrentShape::ShortConv { kernel: bounded("shortconv.l_cache")? },
        Recurs::Delta => {
            let heads = bounded("ssm.time_step_rank")?;
            RecurrentShape::GatedDeltaNet {
                key_heads: bounded("ssm.group_count")?,
                value_heads: heads,
                key_head_dim: bounded("ssm.state_size")?,
                value_head_dim: (inner()? / heads).clamp(1, MAX_HEADS),
                kernel: kernel()?,
            }
        }
        Recurs::Mamba2 => {
            let heads = bounded("ssm.time_step_rank")?;
            RecurrentShape::Mamba2 {
                heads,
                head_dim: (inner()? / heads).clamp(1, MAX_HEADS),
                state_size: bounded("ssm.state_size")?,
                groups: keys.integer("ssm.group_count", 0..=MAX_HEADS)?.unwrap_or(1),
                kernel: kernel()?,
                normed: block.ssm_norm,
            }
        }
        Recurs::Mamba => {
            let state_size = bounded("ssm.state_size")?;
            keys.integer("ssm.group_count", 0..=MAX_HEADS)?;
            keys.integer("ssm.time_step_rank", 0..=MAX_HEADS)?;
            RecurrentShape::Mamba {
                inner: inner()?,
                state_size,
                rank: block.ssm_x_rows.saturating_sub(2 * state_size).clamp(1, MAX_HEADS),
                kernel: kernel()?,
                normed: false,
            }
        }
        Recurs::KimiDelta => {
            let head_dim = bounded("kda.head_dim")?;
            let heads = block.beta_rows.clamp(1, MAX_HEADS);
            RecurrentShape::KimiDelta { heads, head_dim, kernel: kernel()?, wide: false }
        }
        Recurs::Rwkv => {
            shifts = keys.integer("token_shift_count", 0..=MAX_HEADS)?.unwrap_or(2).min(2);
            RecurrentShape::Rwkv7 {
                head_dim: bounded("wkv.head_size")?,
                decay_rank: 1,
                rate_rank: 1,
                value_rank: 1,
                gate_rank: 1,
            }
        }
    };
    let mut block = recurrent::block(shape, hidden);
    block.state_bytes = block.state_bytes.saturating_sub((2 - shifts) * hidden.saturating_mul(4));
    Ok(Some(block))
}
