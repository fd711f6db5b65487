//! What a tensor is for, by its Hugging Face name.

use super::towers;
use crate::model::tensor::Role;

/// Where a name points: a layer and the rest, or the rest alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// Part of the vision or audio tower.
    pub(super) tower: Option<Role>,
    /// Drafting layers beside the decoder.
    pub(super) drafts: bool,
    /// Decoder layer.
    pub(super) layer: Option<usize>,
    /// Expert within the layer.
    pub(super) expert: Option<u64>,
    /// What follows the layer's number, or the last parts of the name.
    pub(super) rest: &'a str,
}

const VISION: &[&str] = &[
    "vision",
    "visual",
    "multi_modal_projector",
    "mm_projector",
    "image_newline",
    "patch_merger",
    "image_encoder",
    "image_embed.",
    "modality_projection",
    "mlp_AR.",
    "aligner.",
    "model.connector.",
    "vit.",
];
const AUDIO: &[&str] = &["audio", "speech"];
/// Words before a layer's number.
const STACKS: &[&str] = &["layers.", "h.", "blocks."];

/// Read a name.
pub(super) fn place(name: &str) -> Place<'_> {
    let holds = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let beside = towers::of(name);
    let tower = if holds(VISION) {
        Some(Role::Vision)
    } else if holds(AUDIO) {
        Some(Role::Audio)
    } else {
        beside.filter(|role| role.is_tower())
    };
    let (layer, rest) = layer(name);
    let expert = rest.split_once("experts.").and_then(|(_, after)| after.split('.').next()?.parse().ok());
    let drafts = beside == Some(Role::Unused) || name.contains(".mtp.");
    Place { tower, drafts, layer: layer.filter(|_| tower.is_none() && !drafts), expert, rest }
}

fn layer(name: &str) -> (Option<usize>, &str) {
    for stack in STACKS {
        for (at, _) in name.match_indices(stack) {
            // `layers.` must begin a part of the name.
            let begins = at == 0 || name.as_bytes().get(at.wrapping_sub(1)) == Some(&b'.');
            let after = name.get(at + stack.len()..).unwrap_or_default();
            let number = after.split_once('.').and_then(|(number, rest)| Some((number.parse().ok()?, rest)));
            if let (true, Some((number, rest))) = (begins, number) {
                return (Some(number), rest);
            }
        }
    }
    (None, name)
}

/// Role of a tensor with `dimensions` dimensions.
pub(super) fn role(place: &Place<'_>, dimensions: usize) -> Role {
    if let Some(tower) = place.tower {
        return tower;
    }
    if place.drafts {
        return Role::Unused;
    }
    let stem = place.rest.strip_suffix(".weight").unwrap_or(place.rest);
    match place.layer {
        None => outside(stem, dimensions),
        Some(_) => inside(stem, dimensions),
    }
}

/// Layer and role of a matrix by its name, without a file.
pub(super) fn matrix(name: &str) -> (Option<usize>, Role) {
    let place = place(name);
    (place.layer, role(&place, 2))
}

/// Of a layer's experts that are chosen; MLX stacks them under a name of its own.
pub(super) fn routed(stem: &str) -> bool {
    stem.contains("experts.") && !stem.contains("shared_experts.") || stem.contains("switch_mlp.")
}

fn outside(stem: &str, dimensions: usize) -> Role {
    let last = stem.rsplit('.').next().unwrap_or(stem);
    match last {
        "embed_tokens_per_layer" => Role::PleTable,
        "embed_tokens" | "wte" | "embed_in" | "word_embeddings" | "tok_embeddings" => Role::TokenEmbedding,
        "lm_head" | "embed_out" => Role::OutputHead,
        _ if dimensions < 2 => Role::Vector,
        _ => Role::Unquantised,
    }
}

fn inside(stem: &str, dimensions: usize) -> Role {
    // Scales of keys and values in the cache belong to no matrix.
    let scales = ["k_scale", "v_scale"].iter().any(|end| stem.ends_with(end));
    if scales
        || stem == "layer_scalar"
        || stem.ends_with("e_score_correction_bias")
        || stem.ends_with("expert_bias")
    {
        return Role::Buffer;
    }
    // MLX stacks a layer's experts under a name of its own.
    let experts =
        stem.contains("experts.") && !stem.contains("shared_experts.") || stem.contains("switch_mlp.");
    if experts && dimensions >= 2 {
        return expert(stem);
    }
    if dimensions < 2 || stem.ends_with("bias") || stem.ends_with("norm") {
        return Role::Vector;
    }
    let last = stem.rsplit('.').next().unwrap_or(stem);
    let parent = stem.rsplit('.').nth(1).unwrap_or_default();
    match (parent, last) {
        (_, "conv1d" | "conv") => Role::Unquantised,
        ("linear_attn" | "mamba" | "conv" | "mixer" | "ssm", _) => Role::Recurrent,
        (_, "q_proj" | "q_a_proj" | "q_b_proj" | "wq") => Role::AttentionQ,
        (_, "k_proj" | "kv_a_proj_with_mqa" | "wk") => Role::AttentionK,
        (_, "v_proj" | "kv_b_proj" | "wv") => Role::AttentionV,
        (_, "qkv_proj" | "query_key_value" | "c_attn" | "Wqkv") => Role::AttentionQkv,
        (_, "o_proj" | "wo") | ("self_attn" | "attn" | "attention", "out_proj" | "dense" | "c_proj") => {
            Role::AttentionOutput
        }
        (_, "gate_up_proj" | "input_linear") => Role::FfnGateUp,
        (_, "gate_proj" | "w1") => Role::FfnGate,
        (_, "up_proj" | "w3" | "c_fc" | "fc1" | "dense_h_to_4h") => Role::FfnUp,
        (_, "down_proj" | "w2" | "output_linear" | "fc2" | "dense_4h_to_h") | ("mlp", "c_proj") => {
            Role::FfnDown
        }
        (_, "gate" | "router" | "shared_expert_gate") | ("router", _) => Role::Router,
        (_, "per_layer_input_gate" | "per_layer_projection") => Role::PleProjection,
        _ => Role::Unquantised,
    }
}

fn expert(stem: &str) -> Role {
    let last = stem.rsplit('.').next().unwrap_or(stem);
    match last {
        _ if last.ends_with("bias") => Role::Vector,
        _ if last.starts_with("down_proj") || last == "w2" || last == "output_linear" => Role::ExpertDown,
        _ if last.starts_with("up_proj") || last == "w3" => Role::ExpertUp,
        _ => Role::ExpertGate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_families() {
        for (name, layer, expected) in [
            ("model.layers.3.self_attn.q_proj.weight", Some(3), Role::AttentionQ),
            ("model.language_model.layers.34.mlp.down_proj.weight", Some(34), Role::FfnDown),
            ("language_model.model.layers.0.self_attn.o_proj.weight", Some(0), Role::AttentionOutput),
            ("model.layers.1.block_sparse_moe.experts.7.w2.weight", Some(1), Role::ExpertDown),
            ("model.layers.1.mlp.experts.gate_up_proj", Some(1), Role::ExpertGate),
            ("model.layers.2.mlp.shared_experts.up_proj.weight", Some(2), Role::FfnUp),
            ("model.layers.2.mlp.gate.weight", Some(2), Role::Router),
            ("model.layers.2.mlp.switch_mlp.down_proj.weight", Some(2), Role::ExpertDown),
            ("model.layers.5.linear_attn.in_proj_qkv.weight", Some(5), Role::Recurrent),
            ("model.layers.5.linear_attn.conv1d.weight", Some(5), Role::Unquantised),
            ("model.layers.4.conv.out_proj.weight", Some(4), Role::Recurrent),
            ("transformer.h.0.attn.c_attn.weight", Some(0), Role::AttentionQkv),
            ("lm_head.weight", None, Role::OutputHead),
            ("model.embed_tokens.weight", None, Role::TokenEmbedding),
            ("model.language_model.embed_tokens_per_layer.weight", None, Role::PleTable),
            ("model.vision_tower.encoder.layers.3.self_attn.q_proj.linear.weight", None, Role::Vision),
            ("model.embed_audio.embedding_projection.weight", None, Role::Audio),
            ("mtp.layers.0.self_attn.q_proj.weight", None, Role::Unused),
            ("vpm.encoder.layers.0.self_attn.q_proj.weight", None, Role::Vision),
            ("resampler.kv_proj.weight", None, Role::Vision),
            ("vte.weight", None, Role::Vision),
            ("model.layers.0.self_attn.k_scale", Some(0), Role::Buffer),
            ("model.sam_model.blocks.0.attn.qkv.weight", None, Role::Vision),
            ("model.projector.layers.weight", None, Role::Vision),
            ("qformer.encoder.layer.0.x.weight", None, Role::Vision),
            ("talker.model.layers.0.self_attn.q_proj.weight", None, Role::Audio),
            ("token2wav.dit.layers.0.x.weight", None, Role::Audio),
            ("llm.model.layers.1.self_attn.q_proj.weight", Some(1), Role::AttentionQ),
        ] {
            let place = place(name);
            assert_eq!((place.layer, role(&place, 2)), (layer, expected), "{name}");
        }
        assert_eq!(place("model.layers.1.block_sparse_moe.experts.7.w2.weight").expert, Some(7));
    }
}
