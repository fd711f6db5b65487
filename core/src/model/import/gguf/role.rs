//! What a GGUF tensor is for, by its name (llama.cpp's tensor names).

use super::super::towers;
use crate::format::gguf::TensorInfo;
use crate::model::tensor::{Active, Role};

/// The layer and the rest of a name such as `blk.3.attn_q.weight`; `None` and the whole name otherwise.
pub(super) fn split(name: &str) -> (Option<usize>, &str) {
    let parts = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    match parts.and_then(|(layer, rest)| Some((layer.parse().ok()?, rest))) {
        Some((layer, rest)) => (Some(layer), rest),
        None => (None, name),
    }
}

/// What the model around a tensor is like, as far as roles depend on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around {
    /// The output head is the token embedding.
    pub(super) tied: bool,
    /// The tensor's layer recurs.
    pub(super) recurrent: bool,
    /// The tensor's layer reads another's keys and values.
    pub(super) shared_kv: bool,
    /// The tensor's layer drafts and takes no part in decoding.
    pub(super) drafts: bool,
    /// The layer has gate and up in one matrix.
    pub(super) fused_ffn: bool,
    /// Experts read per token.
    pub(super) active_experts: u64,
}

/// Role, and how much of it a token reads.
pub(super) fn of(tensor: &TensorInfo, around: Around) -> (Role, Active) {
    let (layer, rest) = split(&tensor.name);
    let stem = rest.strip_suffix(".weight").unwrap_or(rest);
    if around.drafts {
        return (Role::Unused, Active::Nothing);
    }
    match layer {
        Some(_) => in_layer(tensor, stem, around),
        None => (outside(tensor, stem), outside_active(stem, around)),
    }
}

/// What a tensor outside the decoder belongs to: a tower, by llama.cpp's short names or those of other files, or layers that
/// only draft.
fn tower(stem: &str) -> Option<Role> {
    let inner = stem.strip_prefix("model.").unwrap_or(stem);
    let begins = |names: &[&str]| names.iter().any(|name| inner.starts_with(name));
    match () {
        () if begins(&["v.", "s.", "mm."]) => Some(Role::Vision),
        () if begins(&["a."]) => Some(Role::Audio),
        () => towers::of(stem),
    }
}

fn outside(tensor: &TensorInfo, stem: &str) -> Role {
    match stem {
        "token_embd" => Role::TokenEmbedding,
        "output" => Role::OutputHead,
        "per_layer_token_embd" => Role::PleTable,
        "rope_freqs" | "rope_factors_long" | "rope_factors_short" => Role::Buffer,
        _ if tower(stem).is_some() => tower(stem).unwrap_or(Role::Vision),
        _ if tensor.rows == 1 => Role::Vector,
        _ => Role::Unquantised,
    }
}

fn outside_active(stem: &str, around: Around) -> Active {
    match stem {
        "token_embd" if !around.tied => Active::Row,
        "per_layer_token_embd" | "position_embd" => Active::Row,
        _ if tower(stem).is_some() => Active::Nothing,
        _ => Active::All,
    }
}

fn in_layer(tensor: &TensorInfo, stem: &str, around: Around) -> (Role, Active) {
    if around.shared_kv && matches!(stem, "attn_k" | "attn_v" | "attn_k_norm" | "attn_k.bias" | "attn_v.bias")
    {
        return (Role::Unused, Active::Nothing);
    }
    if stem.contains("_exps") || stem.contains("_chexps") {
        let role = match stem {
            _ if beside(stem) => Role::Vector,
            _ if stem.starts_with("ffn_down") => Role::ExpertDown,
            _ if stem.starts_with("ffn_gate") => Role::ExpertGate,
            _ => Role::ExpertUp,
        };
        let experts = tensor.last;
        return (role, Active::Experts { active: around.active_experts.min(experts), experts });
    }
    (matrix(tensor, stem, around), Active::All)
}

/// Whether a tensor stands beside a weight of the same name: a bias or a scale.
fn beside(stem: &str) -> bool {
    stem.rsplit_once('.').is_some_and(|(_, last)| matches!(last, "bias" | "scale"))
}

fn matrix(tensor: &TensorInfo, stem: &str, around: Around) -> Role {
    if stem == "layer_output_scale" {
        return Role::Buffer;
    }
    if tensor.rows == 1 || beside(stem) || stem.ends_with("norm") {
        return Role::Vector;
    }
    match stem {
        "attn_qkv" | "attn_gate" if around.recurrent => Role::Recurrent,
        "attn_q" | "attn_q_a" | "attn_q_b" => Role::AttentionQ,
        "attn_k" | "attn_kv_a_mqa" | "attn_k_b" => Role::AttentionK,
        "attn_v" | "attn_kv_b" | "attn_v_b" => Role::AttentionV,
        "attn_qkv" => Role::AttentionQkv,
        "attn_output" | "attn_out" => Role::AttentionOutput,
        "ffn_up" if around.fused_ffn => Role::FfnGateUp,
        "ffn_up" | "ffn_up_shexp" => Role::FfnUp,
        "ffn_gate" | "ffn_gate_shexp" => Role::FfnGate,
        "ffn_down" | "ffn_down_shexp" => Role::FfnDown,
        "ffn_gate_inp" | "ffn_gate_inp_shexp" => Role::Router,
        "inp_gate" | "proj" => Role::PleProjection,
        "ssm_conv1d" | "shortconv.conv" => Role::Unquantised,
        _ if stem.starts_with("ssm_") || stem.starts_with("shortconv.") || stem.starts_with("time_mix") => {
            Role::Recurrent
        }
        _ => Role::Unquantised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_into_layer_and_rest() {
        assert_eq!(split("blk.12.ffn_up.weight"), (Some(12), "ffn_up.weight"));
        assert_eq!(split("blk.x.ffn_up.weight"), (None, "blk.x.ffn_up.weight"));
        assert_eq!(split("output.weight"), (None, "output.weight"));
        assert_eq!(split("blk.99999999999999999999999.a"), (None, "blk.99999999999999999999999.a"));
    }
}
