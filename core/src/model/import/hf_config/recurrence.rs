//! Recurrent blocks of hybrids: short convolutions, Gated DeltaNet, Mamba-2.

use super::super::super::profile::RecurrentShape;
use super::super::draft::MAX_HEADS;
use super::reader::Reader;
use crate::document::{DocumentError, Value};

/// The shape of the recurrent layers of a stream of `hidden` channels.
pub(super) fn shape(reader: &Reader<'_>, hidden: u64) -> Result<RecurrentShape, DocumentError> {
    let size = |name: &'static str| reader.require(&[name], 1..=MAX_HEADS);
    if reader.text.has("linear_num_value_heads") {
        return Ok(RecurrentShape::GatedDeltaNet {
            key_heads: size("linear_num_key_heads")?,
            value_heads: size("linear_num_value_heads")?,
            key_head_dim: size("linear_key_head_dim")?,
            value_head_dim: size("linear_value_head_dim")?,
            kernel: size("linear_conv_kernel_dim")?,
        });
    }
    if reader.text.has("mamba_n_heads") {
        let heads = size("mamba_n_heads")?;
        let expand = reader.integer(&["mamba_expand"], 1..=64)?.unwrap_or(2);
        // "auto" stands for the width that fills the expanded stream.
        let derived =
            matches!(reader.text.node("mamba_d_head").map(|node| &node.value), None | Some(Value::Text(_)));
        let head_dim = if derived { (expand * hidden / heads).max(1) } else { size("mamba_d_head")? };
        return Ok(RecurrentShape::Mamba2 {
            heads,
            head_dim,
            state_size: size("mamba_d_state")?,
            groups: size("mamba_n_groups")?,
            kernel: size("mamba_d_conv")?,
        });
    }
    let kernel = reader.require(&["conv_L_cache", "conv_l_cache"], 1..=MAX_HEADS)?;
    Ok(RecurrentShape::ShortConv { kernel })
}
