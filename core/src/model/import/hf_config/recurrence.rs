//! Recurrent blocks by the fields that several families share: short convolutions, Gated DeltaNet, Mamba-2.

use super::super::draft::MAX_HEADS;
use super::reader::Reader;
use crate::format::document::DocumentError;
use crate::model::recurrent::RecurrentShape;

/// The shape of the recurrent layers of a stream of `hidden` channels.
pub(super) fn shape(reader: &Reader<'_>, hidden: u64) -> Result<RecurrentShape, DocumentError> {
    let size = |name: &'static str| reader.require(&[name], 1..=MAX_HEADS);
    if reader.has("linear_num_value_heads") {
        return Ok(RecurrentShape::GatedDeltaNet {
            key_heads: size("linear_num_key_heads")?,
            value_heads: size("linear_num_value_heads")?,
            key_head_dim: size("linear_key_head_dim")?,
            value_head_dim: size("linear_value_head_dim")?,
            kernel: size("linear_conv_kernel_dim")?,
        });
    }
    if reader.has("mamba_n_heads") {
        let heads = size("mamba_n_heads")?;
        let expand = reader.integer(&["mamba_expand"], 1..=64)?.unwrap_or(2);
        // "auto" stands for the width that fills the expanded stream.
        let stated = reader.integer_or_auto("mamba_d_head", 1..=MAX_HEADS)?;
        reader.always("mamba_conv_bias", true)?;
        reader.always("mamba_proj_bias", false)?;
        reader.touch(&["mamba_chunk_size"]);
        return Ok(RecurrentShape::Mamba2 {
            heads,
            head_dim: stated.unwrap_or((expand * hidden / heads).max(1)),
            state_size: size("mamba_d_state")?,
            groups: size("mamba_n_groups")?,
            kernel: size("mamba_d_conv")?,
            normed: true,
        });
    }
    let Some(kernel) = reader.integer(&["conv_L_cache", "conv_l_cache"], 1..=MAX_HEADS)? else {
        let expected = "the shape of the recurrent layers, as Qwen, Granite or LFM2 state it";
        return Err(reader.missing("linear_num_value_heads", expected));
    };
    reader.always("conv_bias", false)?;
    reader.touch(&["conv_dim", "conv_dim_out", "conv_use_xavier_init"]);
    Ok(RecurrentShape::ShortConv { kernel })
}
