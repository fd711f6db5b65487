//! Hybrids of attention and Mamba: Nemotron-H, Falcon-H1, Bamba, Jamba, Zamba2, PLaMo 2, OLMo Hybrid.

use super::super::architecture::ExtraTensor;
use super::super::import::hf_config::{Facts, MAX_HEADS, MAX_LAYERS, MAX_WIDTH, Mixes, Reader, Slot};
use super::super::recurrent::RecurrentShape;
use super::super::tensor::{Active, Role};
use super::research::whole_norms;
use super::{BASE, Conventions, Family, Windows, extra, vector};
use crate::format::document::{DocumentError, PerLayer};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "nemotron_h",
        widths: &[("num_key_value_heads", 8)],
        defaults: &[("moe_intermediate_size", 7_688)],
        gguf: &["nemotron_h", "nemotron_h_moe"],
        conventions: Conventions { norms: 1, gated_ffn: false, ..BASE.conventions },
        config: Some(nemotron_h),
        ..BASE
    },
    Family {
        name: "falcon_h1",
        widths: &[("num_key_value_heads", 8)],
        gguf: &["falcon-h1"],
        config: Some(falcon_h1),
        ..BASE
    },
    Family { name: "bamba", config: Some(bamba), ..BASE },
    Family {
        name: "jamba",
        widths: &[("num_key_value_heads", 8)],
        defaults: &[("num_experts", 16), ("num_experts_per_tok", 2)],
        gguf: &["jamba"],
        config: Some(jamba),
        ..BASE
    },
    Family {
        name: "zamba2",
        conventions: Conventions { norms: 1, ..BASE.conventions },
        tied: true,
        config: Some(zamba2),
        ..BASE
    },
    Family {
        name: "plamo2",
        gguf: &["plamo2"],
        windows: Windows::Own,
        defaults: &[("sliding_window", 2_048)],
        conventions: Conventions { norms: 4, fused: true, ..BASE.conventions },
        tied: true,
        config: Some(plamo2),
        ..BASE
    },
    Family { name: "olmo_hybrid", own: Some(whole_norms), config: Some(olmo_hybrid), ..BASE },
];

/// Layers are attention (`*`), Mamba-2 (`M`), FFN (`-`) or experts (`E`) alone; experts may work in a narrower stream.
fn nemotron_h(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let words = match reader.text("hybrid_override_pattern")? {
        Some(letters) => letters.chars().map(String::from).collect(),
        None => reader.texts("layers_block_type")?,
    };
    let mut slots = Vec::new();
    let mut sparse = Vec::new();
    for (layer, word) in words.iter().filter(|word| *word != "|").enumerate() {
        let (mixes, ffn, experts) = match word.as_str() {
            "M" | "mamba" | "linear_attention" => (Mixes::Recurrent, false, false),
            "*" | "attention" | "full_attention" => (Mixes::Full, false, false),
            "-" | "mlp" => (Mixes::Nothing, true, false),
            "E" | "moe" => (Mixes::Nothing, true, true),
            other => {
                let found = format!("{other:?} at layer {layer}");
                return Err(reader.wrong("hybrid_override_pattern", &found, "M, *, - or E"));
            }
        };
        slots.push(Slot { mixes, ffn });
        sparse.push(experts);
    }
    if slots.len() != facts.layers.len() {
        let expected = format!("one letter for each of {} layers", facts.layers.len());
        return Err(reader.wrong("hybrid_override_pattern", &format!("{} letters", slots.len()), &expected));
    }
    // Its head is never tied (transformers, `NemotronHForCausalLM`).
    facts.tied = Some(false);
    facts.layers = slots;
    facts.recurrent = Some(RecurrentShape::Mamba2 {
        heads: reader.require(&["mamba_num_heads"], 1..=MAX_HEADS)?,
        head_dim: reader.require(&["mamba_head_dim"], 1..=MAX_HEADS)?,
        state_size: reader.integer(&["ssm_state_size"], 1..=MAX_HEADS)?.unwrap_or(128),
        groups: reader.integer(&["n_groups"], 1..=MAX_HEADS)?.unwrap_or(8),
        kernel: reader.integer(&["conv_kernel"], 1..=MAX_HEADS)?.unwrap_or(4),
        normed: true,
    });
    reader.touch(&[
        "expand",
        "mamba_ssm_cache_dtype",
        "mtp_layers_block_type",
        "mtp_hybrid_override_pattern",
    ]);
    reader.touch(&[
        "tie_word_embeddings",
        "moe_shared_expert_overlap",
        "use_mamba_kernels",
        "attention_head_dim",
    ]);
    for (name, usual) in
        [("use_conv_bias", true), ("use_bias", false), ("mamba_proj_bias", false), ("attention_bias", false)]
    {
        reader.always(name, usual)?;
    }
    if !sparse.contains(&true) {
        (facts.experts, facts.sparse) = (None, Vec::new());
        return Ok(());
    }
    let Some(experts) = &mut facts.experts else {
        return Err(reader.missing("n_routed_experts", "the number of experts in the layers that have some"));
    };
    experts.gated = false;
    // One block of this width, whatever `n_shared_experts` says (transformers, `NemotronHMoE`).
    if let Some(shared) = reader.integer(&["moe_shared_expert_intermediate_size"], 0..=MAX_WIDTH)? {
        experts.shared = PerLayer::Same(shared);
    }
    facts.sparse = sparse;
    narrow_experts(reader, facts)
}

/// `moe_latent_size`: experts between two projections that leave the stream narrower.
fn narrow_experts(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let latent = reader.integer(&["moe_latent_size"], 1..=MAX_WIDTH)?;
    let sparse: Vec<usize> = (0..facts.layers.len()).filter(|&layer| facts.sparse[layer]).collect();
    let Some(experts) = facts.experts.clone() else { return Ok(()) };
    for layer in sparse {
        let count = experts.count.at(layer);
        facts.more.push((Some(layer), extra("exp_probs_b.bias", Role::Buffer, 1, count)));
        let Some(latent) = latent else { continue };
        let (width, shared, hidden) = (experts.width.at(layer), experts.shared.at(layer), facts.hidden);
        let active = Active::Experts { active: experts.active.at(layer), experts: count };
        let stack = |name: &str, role, rows, row_length| ExtraTensor {
            name: name.to_owned(),
            role,
            rows,
            row_length,
            active,
        };
        for tensor in [
            stack("ffn_up_exps.weight", Role::ExpertUp, count * width, latent),
            stack("ffn_down_exps.weight", Role::ExpertDown, count * latent, width),
            extra("ffn_latent_down.weight", Role::FfnUp, latent, hidden),
            extra("ffn_latent_up.weight", Role::FfnDown, hidden, latent),
            extra("ffn_gate_inp.weight", Role::Router, count, hidden),
            extra("ffn_up_shexp.weight", Role::FfnUp, shared, hidden),
            extra("ffn_down_shexp.weight", Role::FfnDown, hidden, shared),
        ] {
            facts.more.push((Some(layer), tensor));
        }
        facts.layers[layer].ffn = false;
    }
    Ok(())
}

/// Attention and Mamba-2 side by side in every layer.
fn falcon_h1(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let expand = reader.integer(&["mamba_expand"], 1..=64)?.unwrap_or(2);
    let inner = reader.integer(&["mamba_d_ssm"], 1..=MAX_WIDTH)?.unwrap_or(expand * facts.hidden);
    let normed = reader.flag("mamba_rms_norm")?.unwrap_or(false);
    facts.recurrent = Some(mamba2(reader, inner, normed)?);
    for slot in &mut facts.layers {
        slot.mixes = Mixes::Both;
    }
    reader.touch(&["mamba_chunk_size", "mamba_norm_before_gate", "mamba_use_mlp"]);
    reader.always("mamba_conv_bias", true)?;
    reader.always("mamba_proj_bias", false)?;
    reader.always("projectors_bias", false)?;
    reader.touch(&["attn_layer_indices", "ssm_multipliers", "ssm_in_multiplier", "ssm_out_multiplier"]);
    Ok(())
}

/// Mamba-2 by the names that Bamba, Granite and Falcon-H1 share.
fn mamba2(reader: &Reader<'_>, inner: u64, normed: bool) -> Result<RecurrentShape, DocumentError> {
    let heads = reader.require(&["mamba_n_heads"], 1..=MAX_HEADS)?;
    let stated = reader.integer_or_auto("mamba_d_head", 1..=MAX_HEADS)?;
    Ok(RecurrentShape::Mamba2 {
        heads,
        head_dim: stated.unwrap_or((inner / heads).clamp(1, MAX_HEADS)),
        state_size: reader.integer(&["mamba_d_state"], 1..=MAX_HEADS)?.unwrap_or(256),
        groups: reader.integer(&["mamba_n_groups"], 1..=MAX_HEADS)?.unwrap_or(1),
        kernel: reader.integer(&["mamba_d_conv"], 1..=MAX_HEADS)?.unwrap_or(4),
        normed,
    })
}

/// `attn_layer_indices` are the layers with attention.
fn bamba(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let attending = reader.integers("attn_layer_indices", 0..=MAX_LAYERS)?.unwrap_or_default();
    let expand = reader.integer(&["mamba_expand"], 1..=64)?.unwrap_or(2);
    facts.recurrent = Some(mamba2(reader, expand * facts.hidden, true)?);
    for (layer, slot) in (0..).zip(&mut facts.layers) {
        slot.mixes = if attending.contains(&layer) { Mixes::Full } else { Mixes::Recurrent };
    }
    reader.always("mamba_conv_bias", true)?;
    reader.always("mamba_proj_bias", false)?;
    reader.touch(&["mamba_chunk_size", "attn_rotary_emb"]);
    Ok(())
}

/// Attention and experts by period and offset; Mamba with three norms elsewhere.
fn jamba(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let number = |reader: &mut Reader<'_>, name: &'static str, usual: u64| -> Result<u64, DocumentError> {
        Ok(match reader.integer(&[name], 0..=MAX_LAYERS)? {
            Some(stated) => stated,
            None => reader.class_default(name, usual),
        })
    };
    let period = number(reader, "attn_layer_period", 8)?.max(1);
    let offset = number(reader, "attn_layer_offset", 4)?;
    for (layer, slot) in (0_u64..).zip(&mut facts.layers) {
        slot.mixes = if layer % period == offset { Mixes::Full } else { Mixes::Recurrent };
    }
    let expand = reader.integer(&["mamba_expand"], 1..=64)?.unwrap_or(2);
    let rank = reader.integer_or_auto("mamba_dt_rank", 1..=MAX_HEADS)?;
    facts.recurrent = Some(RecurrentShape::Mamba {
        inner: expand * facts.hidden,
        state_size: reader.integer(&["mamba_d_state"], 1..=MAX_HEADS)?.unwrap_or(16),
        rank: rank.unwrap_or(facts.hidden.div_ceil(16)),
        kernel: reader.integer(&["mamba_d_conv"], 1..=MAX_HEADS)?.unwrap_or(4),
        normed: true,
    });
    let every = number(reader, "expert_layer_period", 2)?.max(1);
    let first = number(reader, "expert_layer_offset", 1)?;
    if facts.experts.as_ref().is_some_and(|experts| experts.count.max() > 1) {
        facts.sparse = (0..facts.layers.len() as u64).map(|layer| layer % every == first).collect();
    } else {
        (facts.experts, facts.sparse) = (None, Vec::new());
    }
    reader.always("mamba_conv_bias", true)?;
    reader.always("mamba_proj_bias", false)?;
    reader.touch(&["mamba_inner_layernorms", "use_mamba_kernels"]);
    Ok(())
}

/// Mamba-2 in every layer; in the hybrid ones one of a few shared transformer blocks before it, with its own low-rank
/// additions and a matrix to the stream (transformers, `Zamba2HybridLayer`).
fn zamba2(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let words = reader.texts("layers_block_type")?;
    let listed = match reader.integers("hybrid_layer_ids", 0..=MAX_LAYERS)? {
        Some(listed) => listed,
        None if words.is_empty() && facts.layers.len() == 54 => {
            // Every sixth, and three of the last (transformers, `Zamba2Config`).
            reader.class_default("layers_block_type", "9 of 54 layers hybrid");
            vec![6, 12, 18, 24, 30, 36, 42, 47, 51]
        }
        None if words.is_empty() => {
            return Err(reader.missing("layers_block_type", "the kind of each layer"));
        }
        None => Vec::new(),
    };
    let hybrid: Vec<usize> = (0..facts.layers.len())
        .filter(|layer| {
            words.get(*layer).map_or_else(|| listed.contains(&(*layer as u64)), |word| word == "hybrid")
        })
        .collect();
    let hidden = facts.hidden;
    let expand = reader.integer(&["mamba_expand"], 1..=64)?.unwrap_or(2);
    let heads = reader.require(&["n_mamba_heads"], 1..=MAX_HEADS)?;
    let head_dim = (expand * hidden / heads).clamp(1, MAX_HEADS);
    let state_size = reader.integer(&["mamba_d_state"], 1..=MAX_HEADS)?.unwrap_or(64);
    let groups = reader.integer(&["mamba_ngroups"], 1..=MAX_HEADS)?.unwrap_or(1);
    let kernel = reader.integer(&["mamba_d_conv"], 1..=MAX_HEADS)?.unwrap_or(4);
    facts.recurrent =
        Some(RecurrentShape::Mamba2 { heads, head_dim, state_size, groups, kernel, normed: true });
    let biased = reader.flag("add_bias_linear")?.unwrap_or(false);
    if biased {
        let rows = 2 * (heads * head_dim + groups * state_size) + heads;
        for layer in 0..facts.layers.len() {
            facts.more.push((Some(layer), vector("ssm_in.bias", rows)));
            facts.more.push((Some(layer), vector("ssm_out.bias", hidden)));
        }
    }
    for (layer, slot) in facts.layers.iter_mut().enumerate() {
        slot.mixes = if hybrid.contains(&layer) { Mixes::Both } else { Mixes::Recurrent };
        slot.ffn = false;
    }
    let (query, kv) = (facts.heads.query.max(), facts.heads.kv.max());
    // The stream beside the embeddings, unless another width is stated.
    let wide = reader.integer(&["attention_hidden_size"], 1..=MAX_WIDTH)?.unwrap_or(2 * hidden);
    let stated = reader.integer(&["attention_head_dim", "head_dim"], 1..=MAX_HEADS)?;
    let width = stated.unwrap_or((2 * hidden / query.max(1)).clamp(1, MAX_HEADS));
    (facts.heads.k_dim, facts.heads.v_dim) = (width, width);
    let inner = match facts.dense.max() {
        0 => 4 * hidden,
        stated => stated,
    };
    facts.dense = PerLayer::Same(0);
    facts.listed_attention = true;
    let blocks = reader.integer(&["num_mem_blocks"], 1..=64)?.unwrap_or(1);
    let rank = reader.integer(&["adapter_rank"], 1..=MAX_WIDTH)?.unwrap_or(128);
    let adapted = reader.flag("use_shared_attention_adapter")?.unwrap_or(false);
    for (turn, layer) in (0_u64..).zip(&hybrid) {
        let mut push = |tensor| facts.more.push((Some(*layer), tensor));
        if turn < blocks {
            push(extra("attn_q.weight", Role::AttentionQ, query * width, wide));
            push(extra("attn_k.weight", Role::AttentionK, kv * width, wide));
            push(extra("attn_v.weight", Role::AttentionV, kv * width, wide));
            push(extra("attn_output.weight", Role::AttentionOutput, hidden, query * width));
            push(extra("ffn_up.weight", Role::FfnGateUp, 2 * inner, hidden));
            push(extra("ffn_down.weight", Role::FfnDown, hidden, inner));
            push(vector("shared_attn_norm.weight", wide));
            push(vector("shared_ffn_norm.weight", hidden));
            if biased {
                push(vector("ffn_up.bias", 2 * inner));
                push(vector("ffn_down.bias", hidden));
            }
        }
        push(extra("ffn_up_adapter_a.weight", Role::Unquantised, rank, hidden));
        push(extra("ffn_up_adapter_b.weight", Role::Unquantised, 2 * inner, rank));
        if adapted {
            push(extra("attn_adapter_a.weight", Role::Unquantised, 3 * rank, wide));
            push(extra("attn_adapter_b.weight", Role::Unquantised, 3 * wide, rank));
        }
        push(extra("shared_out.weight", Role::Unquantised, hidden, hidden));
    }
    // Untied, every hybrid layer has a block of its own in transformers.
    reader.always("tie_word_embeddings", true)?;
    reader.touch(&["mamba_headdim", "use_mem_rope", "kv_channels"]);
    reader.always("use_conv_bias", true)?;
    reader.touch(&["num_query_groups", "use_mamba_kernels", "use_long_context"]);
    Ok(())
}

/// Every `mamba_step`-th layer attends, counted from its half, and slides but where `full_attention_idx` names it; norms of each
/// head stand in the attention (`modeling_plamo.py` of the checkpoints).
fn plamo2(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let step = reader.integer(&["mamba_step"], 1..=MAX_LAYERS)?.unwrap_or(2);
    let layers = facts.layers.len() as u64;
    let full = reader.integers("full_attention_idx", 0..=MAX_LAYERS)?.unwrap_or_default();
    let slides = facts.window > 0;
    for (layer, slot) in (0_u64..).zip(&mut facts.layers) {
        let attends = if layers <= step / 2 { layer + 1 == layers } else { layer % step == step / 2 };
        slot.mixes = match attends {
            true if slides && !full.contains(&layer) => Mixes::Sliding,
            true => Mixes::Full,
            false => Mixes::Recurrent,
        };
    }
    let heads = reader.require(&["mamba_num_heads"], 1..=MAX_HEADS)?;
    let head_dim = reader.integer(&["hidden_size_per_head"], 1..=MAX_HEADS)?.unwrap_or(128);
    (facts.heads.k_dim, facts.heads.v_dim) = (head_dim, head_dim);
    facts.recurrent = Some(RecurrentShape::PlamoMamba {
        heads,
        head_dim,
        state_size: reader.integer(&["mamba_d_state"], 1..=MAX_HEADS)?.unwrap_or(64),
        rank: (facts.hidden / 16).max(64),
        kernel: reader.integer(&["mamba_d_conv"], 1..=MAX_HEADS)?.unwrap_or(4),
    });
    let (query, kv) = (facts.heads.query.max(), facts.heads.kv.max());
    for layer in 0..facts.layers.len() {
        if facts.layers[layer].mixes != Mixes::Recurrent {
            facts.more.push((Some(layer), vector("attn_q_norm.weight", query * head_dim)));
            facts.more.push((Some(layer), vector("attn_k_norm.weight", kv * head_dim)));
        }
    }
    reader.touch(&["mamba_enabled", "use_cache"]);
    Ok(())
}

/// DeltaNet with a projection for each part, and a norm less than attention's layers have.
fn olmo_hybrid(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    reader.touch(&["linear_allow_neg_eigval", "linear_a_log_min", "linear_a_log_max", "linear_use_gate"]);
    reader.touch(&["linear_dt_min", "linear_dt_max", "linear_dt_init_floor"]);
    if !facts.layers.iter().any(|slot| slot.mixes == Mixes::Recurrent) {
        facts.every(4, Mixes::Recurrent);
    }
    Ok(())
}
