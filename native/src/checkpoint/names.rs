//! Hugging Face tensor names into the GGUF names that the rest of the project uses.

/// Prefixes of the language model inside a larger one, longest first.
const PREFIXES: [&str; 5] =
    ["model.language_model.", "language_model.model.", "language_model.", "model.text_model.", "model."];

/// Towers and projectors beside the language model.
const TOWERS: [&str; 9] = [
    "vision_tower",
    "audio_tower",
    "connector",
    "multi_modal_projector",
    "embed_vision",
    "embed_audio",
    "vision_model",
    "visual",
    "mtp",
];

/// Names outside the layers.
const OUTER: [(&str, &str); 6] = [
    ("embed_tokens.weight", "token_embd.weight"),
    ("norm.weight", "output_norm.weight"),
    ("lm_head.weight", "output.weight"),
    ("embed_tokens_per_layer.weight", "per_layer_token_embd.weight"),
    ("per_layer_model_projection.weight", "per_layer_model_proj.weight"),
    ("per_layer_projection_norm.weight", "per_layer_proj_norm.weight"),
];

/// Names inside a layer. `post_attention_layernorm` is the second norm of most families and handled apart.
const INNER: [(&str, &str); 28] = [
    ("input_layernorm.weight", "attn_norm.weight"),
    ("pre_feedforward_layernorm.weight", "ffn_norm.weight"),
    ("post_feedforward_layernorm.weight", "post_ffw_norm.weight"),
    ("self_attn.q_proj.weight", "attn_q.weight"),
    ("self_attn.k_proj.weight", "attn_k.weight"),
    ("self_attn.v_proj.weight", "attn_v.weight"),
    ("self_attn.o_proj.weight", "attn_output.weight"),
    ("self_attn.q_proj.bias", "attn_q.bias"),
    ("self_attn.k_proj.bias", "attn_k.bias"),
    ("self_attn.v_proj.bias", "attn_v.bias"),
    ("self_attn.o_proj.bias", "attn_output.bias"),
    ("self_attn.q_norm.weight", "attn_q_norm.weight"),
    ("self_attn.k_norm.weight", "attn_k_norm.weight"),
    ("mlp.gate_proj.weight", "ffn_gate.weight"),
    ("mlp.up_proj.weight", "ffn_up.weight"),
    ("mlp.down_proj.weight", "ffn_down.weight"),
    ("per_layer_input_gate.weight", "inp_gate.weight"),
    ("per_layer_projection.weight", "proj.weight"),
    ("post_per_layer_input_norm.weight", "post_norm.weight"),
    ("layer_scalar", "layer_output_scale.weight"),
    ("altup.correct_output_scale", "altup_correct_scale.weight"),
    ("altup.correction_coefs.weight", "altup_correct_coef.weight"),
    ("altup.prediction_coefs.weight", "altup_predict_coef.weight"),
    ("altup.modality_router.weight", "altup_router.weight"),
    ("altup.router_norm.weight", "altup_router_norm.weight"),
    ("laurel.linear_left.weight", "laurel_l.weight"),
    ("laurel.linear_right.weight", "laurel_r.weight"),
    ("laurel.post_laurel_norm.weight", "laurel_post_norm.weight"),
];

/// The canonical name of a Hugging Face tensor.
///
/// `None` for tensors of vision and audio towers, and for stored frequencies. `norms` is the number of full-width norms in a layer. Names
/// without a place come back as they are, so that they can be listed.
pub(super) fn canonical(name: &str, norms: u64) -> Option<String> {
    if TOWERS.iter().any(|tower| name.split('.').take(2).any(|part| part == *tower)) {
        return None;
    }
    // Older conversions stored what follows from the config.
    if name.ends_with("rotary_emb.inv_freq") {
        return None;
    }
    let inner = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if let Some((_, outer)) = OUTER.iter().find(|(from, _)| *from == inner) {
        return Some((*outer).to_owned());
    }
    for (list, target) in
        [("altup_projections.", "altup_proj"), ("altup_unembed_projections.", "altup_unembd_proj")]
    {
        if let Some(index) = inner.strip_prefix(list).and_then(|rest| rest.strip_suffix(".weight")) {
            return Some(format!("{target}.{index}.weight"));
        }
    }
    let in_layer = inner.strip_prefix("layers.").and_then(|rest| rest.split_once('.'));
    let Some((layer, part)) = in_layer else { return Some(name.to_owned()) };
    let part = match part {
        "post_attention_layernorm.weight" if norms > 2 => "post_attention_norm.weight",
        "post_attention_layernorm.weight" => "ffn_norm.weight",
        _ => INNER.iter().find(|(from, _)| *from == part).map_or(part, |(_, to)| to),
    };
    Some(format!("blk.{layer}.{part}"))
}

/// The Hugging Face name of a canonical tensor, below `root`; what has none comes back as it is.
pub(super) fn original(name: &str, root: &str, norms: u64) -> String {
    if let Some((outer, _)) = OUTER.iter().find(|(_, canonical)| *canonical == name) {
        return if *outer == "lm_head.weight" { (*outer).to_owned() } else { format!("{root}.{outer}") };
    }
    let in_layer = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    let Some((layer, part)) = in_layer else { return name.to_owned() };
    let own = match part {
        "ffn_norm.weight" if norms == 2 => "post_attention_layernorm.weight",
        "post_attention_norm.weight" => "post_attention_layernorm.weight",
        _ => INNER.iter().find(|(_, canonical)| *canonical == part).map_or(part, |(own, _)| own),
    };
    format!("{root}.layers.{layer}.{own}")
}

#[cfg(test)]
mod tests {
    use super::original;

    use super::canonical;

    #[test]
    fn the_second_norm_depends_on_the_family() {
        let name = "model.layers.3.post_attention_layernorm.weight";
        assert_eq!(canonical(name, 2).as_deref(), Some("blk.3.ffn_norm.weight"));
        assert_eq!(canonical(name, 4).as_deref(), Some("blk.3.post_attention_norm.weight"));
    }

    #[test]
    fn names_go_back_to_the_files() {
        for name in [
            "model.embed_tokens.weight",
            "lm_head.weight",
            "model.layers.7.self_attn.q_proj.weight",
            "model.layers.7.post_attention_layernorm.weight",
            "model.layers.7.mlp.down_proj.weight",
        ] {
            for norms in [2, 4] {
                let there = canonical(name, norms).unwrap();
                assert_eq!(original(&there, "model", norms), name);
            }
        }
    }

    #[test]
    fn towers_are_left_out_and_nesting_is_removed() {
        assert_eq!(canonical("model.vision_tower.layers.0.weight", 4), None);
        assert_eq!(canonical("model.connector.modality_projection.proj.weight", 2), None);
        assert_eq!(canonical("model.layers.0.self_attn.rotary_emb.inv_freq", 2), None);
        let nested = canonical("model.language_model.layers.0.layer_scalar", 4);
        assert_eq!(nested.as_deref(), Some("blk.0.layer_output_scale.weight"));
        let stray = canonical("model.layers.0.self_attn.sinks", 2);
        assert_eq!(stray.as_deref(), Some("blk.0.self_attn.sinks"));
    }
}
