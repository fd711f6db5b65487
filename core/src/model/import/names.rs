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

/// Words before a layer's number.
const STACKS: &[&str] = &["layers.", "h.", "blocks."];
/// Parts of names under which wrappers keep their language model.
const ROOTS: &[&str] = &["language_model.", "text_model.", "llm."];

/// Read a name on its own.
pub(super) fn place(name: &str) -> Place<'_> {
    let beside = towers::of(name);
    let found = layer(name);
    let rest = found.map_or(name, |(.., rest)| rest);
    let layer = found.map(|(_, layer, _)| layer).filter(|_| beside.is_none());
    let expert = rest.split_once("experts.").and_then(|(_, after)| after.split('.').next()?.parse().ok());
    let drafts = beside == Some(Role::Unused);
    Place { tower: beside.filter(|role| role.is_tower()), drafts, layer, expert, rest }
}

/// The stack that a name's layer stands in, its number, and the rest.
fn layer(name: &str) -> Option<(&str, usize, &str)> {
    for stack in STACKS {
        for (at, _) in name.match_indices(stack) {
            // `layers.` must begin a part of the name.
            let begins = at == 0 || name.as_bytes().get(at.wrapping_sub(1)) == Some(&b'.');
            let (before, after) = name.split_at(at + stack.len());
            let number = after.split_once('.').and_then(|(number, rest)| Some((number.parse().ok()?, rest)));
            if let (true, Some((number, rest))) = (begins, number) {
                return Some((before, number, rest));
            }
        }
    }
    None
}

/// What only all names of a file together tell: where its language model stands, and which of its layers draft.
pub(super) struct Names<'a> {
    /// What the language model's names begin with, within a wrapper.
    root: Option<&'a str>,
    /// What the names of its layers begin with.
    stack: Option<&'a str>,
    /// Another stack of layers, about which names say nothing.
    pub(super) other: Option<&'a str>,
    /// Layers that join two streams, as drafting ones do.
    drafting: Vec<usize>,
}

impl<'a> Names<'a> {
    /// Read all names of a file.
    pub(super) fn of(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let own = names.filter(|name| towers::of(name).is_none());
        let root = own.clone().find_map(|name| {
            ROOTS.iter().find_map(|root| {
                let at =
                    name.find(root).filter(|at| *at == 0 || name.as_bytes().get(at - 1) == Some(&b'.'))?;
                name.get(..at + root.len())
            })
        });
        let layers = own.filter(|name| root.is_none_or(|root| name.starts_with(root))).filter_map(layer);
        let mut stacks: Vec<&str> = layers.clone().map(|(stack, ..)| stack).collect();
        let rank = |stack: &str| STACKS.iter().position(|word| stack.ends_with(word));
        stacks.sort_by_key(|stack| (rank(stack), *stack));
        stacks.dedup();
        let (stack, other) = (stacks.first().copied(), stacks.get(1).copied());
        let joins = |(of, _, rest): &(&str, usize, &str)| Some(*of) == stack && rest.contains("eh_proj");
        let drafting = layers.filter(joins).map(|(_, layer, _)| layer).collect();
        Self { root, stack, other, drafting }
    }

    /// A tower or drafting layers by its own words, or outside the wrapper's language model.
    pub(super) fn is_beside(&self, name: &str) -> bool {
        let place = place(name);
        // Tables and heads stand where they like.
        let vocabulary = matches!(role(&place, 2), Role::TokenEmbedding | Role::OutputHead | Role::PleTable);
        let outside = !vocabulary && self.root.is_some_and(|root| !name.starts_with(root));
        outside || place.tower.is_some() || place.drafts
    }

    /// Read one of them.
    pub(super) fn place<'n>(&self, name: &'n str) -> Place<'n> {
        let mut place = place(name);
        let elsewhere = layer(name).is_some_and(|(stack, ..)| Some(stack) != self.stack);
        if (elsewhere || self.is_beside(name)) && place.tower.is_none() && !place.drafts {
            (place.tower, place.layer) = (Some(Role::Vision), None);
        }
        if place.layer.is_some_and(|layer| self.drafting.contains(&layer)) {
            (place.drafts, place.layer) = (true, None);
        }
        place
    }
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
        "embed_tokens" | "wte" | "embed_in" | "embeddings" | "word_embeddings" | "tok_embeddings" => {
            Role::TokenEmbedding
        }
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
    if routed(stem) && dimensions >= 2 {
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
            ("model.resampler_model.mlp.weight", None, Role::Vision),
            ("vit_large_projector.weight", None, Role::Vision),
            ("audio_projector.linear.weight", None, Role::Audio),
        ] {
            let place = place(name);
            assert_eq!((place.layer, role(&place, 2)), (layer, expected), "{name}");
        }
        assert_eq!(place("model.layers.1.block_sparse_moe.experts.7.w2.weight").expert, Some(7));
    }
}
