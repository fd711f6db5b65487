//! Mixtures with ways of their own: gpt-oss, Llama 4, DBRX, MiniMax-M2 and M3, Trinity, dots.1, Flint, Kolibri, Beam, Lara,
//! ERNIE-VL.

use super::super::architecture::{Architecture, ExtraTensor, Ffn};
use super::super::import::hf_config::{Experts, Facts, MAX_HEADS, MAX_LAYERS, MAX_WIDTH, Mixes, Reader};
use super::super::tensor::{Active, Role};
use super::deepseek::selection_biases;
use super::research::whole_norms;
use super::{
    BASE, Conventions, Family, LlamaCppWindows, OutputBias, PLAIN_FILE, RouterExtras, Windows, extra, vector,
};
use crate::format::document::{DocumentError, PerLayer};

/// Every `period`-th layer is full in llama.cpp.
const fn every(period: u64, unstated: u64, fixed: u64) -> LlamaCppWindows {
    LlamaCppWindows::Every { period, full_first: false, unstated, fixed }
}

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "gpt_oss",
        widths: &[("num_key_value_heads", 8)],
        file: Some(PLAIN_FILE),
        gguf: &["gpt-oss", "gptoss"],
        conventions: Conventions { qkv_bias: true, ..BASE.conventions },
        defaults: &[("head_dim", 64), ("num_local_experts", 128), ("num_experts_per_tok", 4)],
        windows: Windows::AllBut(2),
        output_bias: OutputBias::Stated(true),
        router: RouterExtras::Bias,
        llama_cpp_windows: every(2, 128, 0),
        renames: &[
            ("ffn_norm.weight", "post_attention_norm.weight"),
            ("ffn_gate_inp.scale", "ffn_gate_inp.bias"),
        ],
        own: Some(gpt_oss),
        ..BASE
    },
    Family {
        name: "llama4",
        types: &["llama4_text"],
        gguf: &["llama4"],
        defaults: &[
            ("head_dim", 128),
            ("attention_chunk_size", 8_192),
            ("num_local_experts", 16),
            ("num_experts_per_tok", 1),
        ],
        windows: Windows::AllBut(4),
        llama_cpp_windows: every(4, 8_192, 8_192),
        widths: &[
            ("hidden_size", 5_120),
            ("intermediate_size", 8_192),
            ("intermediate_size_mlp", 16_384),
            ("num_hidden_layers", 48),
            ("num_attention_heads", 40),
            ("num_key_value_heads", 8),
            ("vocab_size", 202_048),
            ("max_position_embeddings", 131_072),
        ],
        config: Some(llama4),
        ..BASE
    },
    Family {
        name: "mellum",
        widths: &[("num_key_value_heads", 4)],
        gguf: &["mellum"],
        llama_cpp_windows: every(4, 0, 0),
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 896),
            ("num_experts", 64),
            ("num_experts_per_tok", 8),
        ],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        ..BASE
    },
    Family {
        name: "cohere2moe",
        gguf: &["cohere2moe"],
        llama_cpp_windows: LlamaCppWindows::Every { period: 4, full_first: true, unstated: 0, fixed: 0 },
        ..BASE
    },
    Family { name: "muse-glimmer", gguf: &["muse-glimmer"], llama_cpp_windows: every(4, 0, 0), ..BASE },
    Family {
        name: "dbrx",
        gguf: &["dbrx"],
        conventions: Conventions { fused: true, ..BASE.conventions },
        config: Some(dbrx),
        ..BASE
    },
    Family {
        name: "minimax_m2",
        widths: &[("num_key_value_heads", 8)],
        gguf: &["minimax-m2"],
        defaults: &[("head_dim", 128), ("num_local_experts", 256), ("num_experts_per_tok", 8)],
        own: Some(minimax_m2),
        ..BASE
    },
    Family {
        name: "afmoe",
        gguf: &["afmoe"],
        conventions: Conventions { qk_norm: true, norms: 4, ..BASE.conventions },
        defaults: &[
            ("head_dim", 128),
            ("sliding_window_pattern", 4),
            ("moe_intermediate_size", 1_408),
            ("num_shared_experts", 2),
            ("num_dense_layers", 1),
            ("num_experts", 64),
            ("num_experts_per_tok", 6),
        ],
        windows: Windows::AllBut(4),
        llama_cpp_windows: every(4, 0, 0),
        config: Some(afmoe),
        own: Some(afmoe_tensors),
        ..BASE
    },
    Family {
        name: "granite_swa",
        widths: &[("num_key_value_heads", 4)],
        gguf: &["granite-swa"],
        tied: true,
        defaults: &[("sliding_window", 128)],
        windows: Windows::AllButFirst(4),
        llama_cpp_windows: LlamaCppWindows::Listed,
        own: Some(sinks),
        ..BASE
    },
    Family {
        name: "granitemoe_swa",
        defaults: &[("sliding_window", 128), ("num_local_experts", 8), ("num_experts_per_tok", 2)],
        windows: Windows::AllButFirst(4),
        own: Some(sinks),
        ..BASE
    },
    Family {
        name: "flint",
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 512),
            ("shared_expert_intermediate_size", 1_024),
            ("num_experts", 256),
            ("num_experts_per_tok", 6),
            ("sliding_window", 513),
        ],
        widths: &[("num_key_value_heads", 4)],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        windows: Windows::Own,
        config: Some(flint),
        own: Some(sinks),
        ..BASE
    },
    Family {
        name: "kolibri1",
        widths: &[("num_key_value_heads", 4)],
        conventions: Conventions { qk_norm: true, norms: 4, ..BASE.conventions },
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 512),
            ("shared_expert_intermediate_size", 512),
        ],
        windows: Windows::AllBut(5),
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "beam",
        widths: &[("num_key_value_heads", 8)],
        conventions: Conventions { qk_norm: true, norms: 4, ..BASE.conventions },
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 2_560),
            ("num_experts", 256),
            ("num_experts_per_tok", 8),
        ],
        windows: Windows::AllBut(6),
        config: Some(dense_first),
        own: Some(beam),
        ..BASE
    },
    Family {
        name: "lara_mini",
        widths: &[("num_key_value_heads", 4)],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 512),
            ("shared_expert_intermediate_size", 512),
        ],
        tied: true,
        ..BASE
    },
    Family {
        name: "minimax_m3_vl",
        widths: &[("num_key_value_heads", 4)],
        types: &["minimax_m3_vl_text", "minimax_m3"],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        defaults: &[
            ("head_dim", 128),
            ("num_local_experts", 128),
            ("num_experts_per_tok", 4),
            ("shared_intermediate_size", 3_072),
        ],
        config: Some(minimax_m3),
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "solar_open",
        widths: &[("num_key_value_heads", 8)],
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 1_280),
            ("n_shared_experts", 1),
            ("n_routed_experts", 128),
            ("num_experts_per_tok", 8),
        ],
        gguf: &["solar-open"],
        output_bias: OutputBias::Never,
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "dots1",
        gguf: &["dots1"],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "exaone_moe",
        defaults: &[
            ("moe_intermediate_size", 1_024),
            ("num_shared_experts", 1),
            ("first_k_dense_replace", 1),
            ("num_experts", 64),
            ("num_experts_per_tok", 8),
        ],
        gguf: &["exaone-moe"],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        windows: Windows::AllBut(4),
        llama_cpp_windows: every(4, 128, 0),
        own: Some(selection_biases),
        ..BASE
    },
    Family {
        name: "ernie4_5_vl_moe",
        types: &["ernie4_5_moe_vl", "ernie4_5_vl_moe_text"],
        gguf: &[],
        tied: true,
        config: Some(ernie_vl),
        ..BASE
    },
];

/// Attention sinks, one per head.
fn sinks(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        if let Some(heads) = layer.attention().map(|attention| attention.query_heads) {
            layer.more.push(vector("attn_sinks.weight", heads));
        }
    }
}

/// Sinks, and biases of every expert (transformers, `GptOssExperts`).
fn gpt_oss(architecture: &mut Architecture) {
    sinks(architecture);
    let hidden = architecture.hidden_size;
    for layer in &mut architecture.layers {
        if let Ffn::Experts { experts, active, width, .. } = layer.ffn {
            let active = Active::Experts { active, experts };
            for (name, row_length) in
                [("ffn_gate_exps.bias", width), ("ffn_up_exps.bias", width), ("ffn_down_exps.bias", hidden)]
            {
                let name = name.to_owned();
                layer.more.push(ExtraTensor { name, role: Role::Vector, rows: experts, row_length, active });
            }
        }
    }
}

/// Chunks instead of windows, in the layers that have positions; queries and keys are normed without weights; one expert
/// serves every token.
fn llama4(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    facts.conventions.qk_norm = false;
    reader.touch(&[
        "use_qk_norm",
        "attn_temperature_tuning",
        "attn_scale",
        "floor_scale",
        "for_llm_compressor",
    ]);
    if !reader.has("layer_types") {
        let positions = reader.integers("no_rope_layers", 0..=1)?.unwrap_or_default();
        let interval = match reader.integer(&["no_rope_layer_interval"], 1..=MAX_LAYERS)? {
            Some(interval) => interval,
            None if positions.is_empty() => reader.class_default("no_rope_layer_interval", 4),
            None => 4,
        };
        for (index, slot) in facts.layers.iter_mut().enumerate() {
            let with_positions = match positions.get(index) {
                Some(flag) => *flag == 1,
                None if positions.is_empty() => !(index as u64 + 1).is_multiple_of(interval),
                None => false,
            };
            slot.mixes = if with_positions { Mixes::Sliding } else { Mixes::Full };
        }
    }
    if facts.window == 0 {
        facts.window = reader.integer(&["attention_chunk_size"], 0..=1 << 32)?.unwrap_or(0);
    }
    if let Some(experts) = &mut facts.experts {
        experts.shared = experts.width.clone();
    }
    if let Some(width) = reader.integer(&["intermediate_size_mlp"], 1..=MAX_WIDTH)? {
        facts.dense = PerLayer::Same(width);
    }
    Ok(())
}

/// Attention's and the experts' shapes stand in maps of their own.
fn dbrx(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if let Some(attention) = reader.map("attn_config")? {
        facts.heads.kv = PerLayer::Same(attention.integer("kv_n_heads", 1..=65_536)?.unwrap_or(1));
    }
    let Some(ffn) = reader.map("ffn_config")? else {
        return Err(reader.missing("ffn_config", "a map with the experts' shape"));
    };
    let count = ffn.integer("moe_num_experts", 1..=65_536)?.unwrap_or(4);
    facts.experts = Some(Experts {
        count: PerLayer::Same(count),
        active: PerLayer::Same(ffn.integer("moe_top_k", 1..=count)?.unwrap_or(1)),
        width: PerLayer::Same(ffn.integer("ffn_hidden_size", 1..=MAX_WIDTH)?.unwrap_or(3_584)),
        shared: PerLayer::Same(0),
        gated: true,
    });
    facts.sparse = vec![true; facts.layers.len()];
    facts.conventions.fused = true;
    Ok(())
}

fn minimax_m2(architecture: &mut Architecture) {
    whole_norms(architecture);
    selection_biases(architecture);
}

/// Dense blocks of a width of their own; some layers choose blocks of keys by an index, which has a key for each token
/// (transformers, `MiniMaxM3VLIndexer`). Published configs have the index in a map.
fn minimax_m3(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if let Some(width) = reader.integer(&["dense_intermediate_size"], 1..=MAX_WIDTH)? {
        facts.dense = PerLayer::Same(width);
    }
    let layers = facts.layers.len();
    let mut heads = reader.integer(&["index_n_heads"], 1..=MAX_HEADS)?.unwrap_or(4);
    let mut channels = reader.integer(&["index_head_dim"], 1..=MAX_HEADS)?.unwrap_or(128);
    let mut chosen: Vec<bool> =
        reader.texts("layer_types")?.iter().map(|kind| kind == "minimax_m3_sparse").collect();
    if let Some(index) = reader.map("sparse_attention_config")? {
        heads = index.integer("sparse_num_index_heads", 1..=MAX_HEADS)?.unwrap_or(heads);
        channels = index.integer("sparse_index_dim", 1..=MAX_HEADS)?.unwrap_or(channels);
        if let Some(flags) = index.integers("sparse_attention_freq", 0..=1)?.filter(|_| chosen.is_empty()) {
            reader.check_length("sparse_attention_config.sparse_attention_freq", flags.len(), layers)?;
            chosen = flags.into_iter().map(|flag| flag == 1).collect();
        }
    }
    chosen.resize(layers, false);
    for (layer, _) in chosen.iter().enumerate().filter(|(_, chosen)| **chosen) {
        for tensor in [
            extra("indexer.attn_q.weight", Role::Unquantised, heads * channels, facts.hidden),
            extra("indexer.attn_k.weight", Role::Unquantised, channels, facts.hidden),
            vector("indexer.q_norm.weight", channels),
            vector("indexer.k_norm.weight", channels),
        ] {
            facts.more.push((Some(layer), tensor));
        }
    }
    facts.indexer = Some((channels, chosen));
    reader.touch(&["index_local_blocks", "index_topk_blocks", "index_block_size"]);
    Ok(())
}

/// Where nothing else is said the first two layers are dense, and all slide but the first two, one in four and the last
/// (transformers, `FlintConfig`).
fn flint(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if !reader.has("mlp_only_layers") && !reader.has("mlp_layer_types") {
        reader.class_default("mlp_only_layers", "the first two");
        facts.sparse.iter_mut().take(2).for_each(|sparse| *sparse = false);
    }
    if !reader.has("layer_types") && facts.window > 0 {
        reader.class_default("layer_types", "all slide but the first two, one in four and the last");
        let last = facts.layers.len().saturating_sub(1);
        for (layer, slot) in facts.layers.iter_mut().enumerate() {
            let full = layer < 2 || layer % 4 == 1 || layer == last;
            slot.mixes = if full { Mixes::Full } else { Mixes::Sliding };
        }
    }
    Ok(())
}

/// Where nothing else is said the first three layers are dense, and the last attends to everything (transformers,
/// `BeamConfig`).
fn dense_first(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if let Some(last) = facts.layers.last_mut().filter(|_| !reader.has("layer_types")) {
        last.mixes = Mixes::Full;
    }
    if reader.has("mlp_layer_types") {
        return Ok(());
    }
    for sparse in facts.sparse.iter_mut().take(3) {
        *sparse = false;
    }
    reader.assume("`mlp_layer_types` not given: three dense layers, then experts, by the class".into());
    Ok(())
}

/// A gate of every output channel, with a bias a head.
fn beam(architecture: &mut Architecture) {
    let hidden = architecture.hidden_size;
    for layer in &mut architecture.layers {
        let Some(attention) = layer.attention() else { continue };
        let (heads, channels) = (attention.query_heads, attention.query_heads * attention.v_head_dim);
        layer.more.push(extra("attn_gate.weight", Role::AttentionQ, channels, hidden));
        layer.more.push(vector("attn_gate.bias", heads));
    }
    selection_biases(architecture);
}

/// A gate of every output channel; the shared experts stand as one.
fn afmoe(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if let Some(interval) = reader.integer(&["global_attn_every_n_layers"], 1..=MAX_LAYERS)?
        && !reader.has("layer_types")
    {
        facts.every(interval, Mixes::Sliding);
    }
    Ok(())
}

fn afmoe_tensors(architecture: &mut Architecture) {
    let hidden = architecture.hidden_size;
    for layer in &mut architecture.layers {
        if let Some(attention) = layer.attention() {
            let channels = attention.query_heads * attention.v_head_dim;
            layer.more.push(extra("attn_gate.weight", Role::AttentionQ, channels, hidden));
        }
        if let Ffn::Experts { experts, .. } = layer.ffn {
            layer.more.push(vector("exp_probs_b.bias", experts));
        }
    }
}

/// Experts for text and experts for pictures, given as lists of two; a token of text is routed among the first.
fn ernie_vl(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let pair = |reader: &Reader<'_>, name: &'static str| reader.integers(name, 0..=MAX_WIDTH);
    let counts = pair(reader, "moe_num_experts")?.unwrap_or_else(|| vec![64]);
    let widths = pair(reader, "moe_intermediate_size")?.unwrap_or_else(|| vec![1_536]);
    let at = |list: &[u64], index: usize| list.get(index).or(list.last()).copied().unwrap_or(0);
    let (count, width) = (at(&counts, 0), at(&widths, 0));
    let (seen, narrow) = (counts.get(1).copied().unwrap_or(count), widths.get(1).copied().unwrap_or(width));
    let active = reader.integer(&["moe_k"], 1..=count.max(1))?.unwrap_or(6.min(count.max(1)));
    let shared = reader.integer(&["moe_num_shared_experts"], 0..=1_024)?.unwrap_or(2);
    facts.experts = Some(Experts {
        count: PerLayer::Same(count),
        active: PerLayer::Same(active),
        width: PerLayer::Same(width),
        shared: PerLayer::Same(shared.saturating_mul(width).min(MAX_WIDTH)),
        gated: true,
    });
    let starts = pair(reader, "moe_layer_start_index")?.unwrap_or_else(|| vec![1]);
    let first = starts.iter().copied().min().unwrap_or(1);
    if !reader.has("mlp_layer_types") {
        facts.sparse = (0..facts.layers.len() as u64).map(|layer| layer >= first).collect();
    }
    for layer in 0..facts.layers.len() {
        if facts.sparse.get(layer) != Some(&true) {
            continue;
        }
        let none = Active::Nothing;
        for (name, rows, row_length) in [
            ("vision_gate_inp.weight", seen, facts.hidden),
            ("vision_gate_exps.weight", seen * narrow, facts.hidden),
            ("vision_up_exps.weight", seen * narrow, facts.hidden),
            ("vision_down_exps.weight", seen * facts.hidden, narrow),
        ] {
            let tensor =
                ExtraTensor { name: name.to_owned(), role: Role::ExpertUp, rows, row_length, active: none };
            facts.more.push((Some(layer), tensor));
        }
        facts.more.push((Some(layer), vector("exp_probs_b.bias", count + seen)));
    }
    reader.touch(&["moe_layer_end_index", "moe_layer_interval", "moe_use_aux_free", "moe_capacity"]);
    Ok(())
}
