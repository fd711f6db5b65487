//! The older families: GPT-2, GPT-Neo, OPT, BioGPT, BLOOM, MPT, GPT-J, CodeGen, Falcon, GPT-NeoX, Phi, StarCoder 2, Qwen 1. Layer norms with
//! biases, FFNs of two matrices, tables of positions.

use super::super::architecture::{Architecture, Ffn};
use super::super::import::hf_config::{Facts, MAX_WIDTH, Reader};
use super::super::tensor::{Active, Role};
use super::{BASE, Conventions, Family, OutputBias, PLAIN_FILE, UNGATED, Windows, extra, vector};
use crate::format::document::{DocumentError, PerLayer};

/// The two-matrix FFN with biases everywhere.
const GPT: Conventions = Conventions { gated_ffn: false, qkv_bias: true, ..BASE.conventions };
const GPT2: Family = Family {
    name: "gpt2",
    gguf: &["gpt2"],
    conventions: GPT,
    tied: true,
    defaults: &[("max_position_embeddings", 1_024)],
    output_bias: OutputBias::Stated(true),
    config: Some(gpt2_heads),
    own: Some(gpt2),
    ..BASE
};

pub(super) const FAMILIES: &[Family] = &[
    GPT2,
    Family { name: "gpt_bigcode", gguf: &["starcoder"], config: Some(bigcode), ..GPT2 },
    Family { name: "bloom", gguf: &["bloom"], defaults: &[], own: Some(bloom), ..GPT2 },
    Family { name: "mpt", gguf: &["mpt"], conventions: UNGATED, tied: true, config: Some(mpt), ..BASE },
    Family {
        name: "gptj",
        gguf: &["gptj"],
        conventions: Conventions { norms: 1, ..UNGATED },
        config: Some(fourfold_with_head_bias),
        own: Some(biases),
        ..BASE
    },
    Family {
        name: "codegen",
        conventions: Conventions { norms: 1, ..UNGATED },
        config: Some(fourfold_with_head_bias),
        own: Some(biases),
        ..BASE
    },
    Family {
        name: "falcon",
        types: &["RefinedWeb", "RefinedWebModel"],
        gguf: &["falcon"],
        conventions: Conventions { qkv_bias: false, norms: 1, ..GPT },
        tied: true,
        defaults: &[("max_position_embeddings", 2_048)],
        config: Some(falcon),
        own: Some(norm_biases),
        ..BASE
    },
    // Its positions are reckoned, not stored.
    Family {
        name: "xglm",
        conventions: GPT,
        tied: true,
        defaults: &[("max_position_embeddings", 2_048)],
        output_bias: OutputBias::Stated(true),
        own: Some(biases),
        ..BASE
    },
    Family {
        name: "gpt_neox",
        gguf: &["gptneox"],
        conventions: GPT,
        output_bias: OutputBias::Stated(true),
        own: Some(biases),
        ..BASE
    },
    // Its runtimes cache local layers whole.
    Family {
        name: "gpt_neo",
        defaults: &[("max_position_embeddings", 2_048)],
        conventions: UNGATED,
        tied: true,
        output_bias: OutputBias::Stated(true),
        config: Some(gpt_neo),
        own: Some(gpt2),
        ..BASE
    },
    Family {
        name: "opt",
        defaults: &[("max_position_embeddings", 2_048)],
        widths: &[
            ("hidden_size", 768),
            ("ffn_dim", 3_072),
            ("num_hidden_layers", 12),
            ("num_attention_heads", 12),
            ("vocab_size", 50_272),
            ("max_position_embeddings", 2_048),
        ],
        gguf: &["opt"],
        conventions: GPT,
        tied: true,
        output_bias: OutputBias::Stated(true),
        config: Some(opt_width),
        own: Some(opt),
        ..BASE
    },
    Family {
        name: "biogpt",
        defaults: &[("max_position_embeddings", 1_024)],
        conventions: GPT,
        tied: true,
        output_bias: OutputBias::Stated(true),
        own: Some(opt),
        ..BASE
    },
    Family {
        name: "phi",
        types: &["phi-msft"],
        gguf: &["phi2"],
        conventions: Conventions { norms: 1, ..GPT },
        output_bias: OutputBias::Stated(true),
        config: Some(head_bias),
        own: Some(biases_of_all_norms),
        widths: &[
            ("hidden_size", 2_048),
            ("intermediate_size", 8_192),
            ("num_hidden_layers", 24),
            ("num_attention_heads", 32),
            ("vocab_size", 51_200),
            ("max_position_embeddings", 2_048),
        ],
        ..BASE
    },
    Family {
        name: "persimmon",
        conventions: Conventions { qk_norm: true, ..GPT },
        output_bias: OutputBias::Stated(true),
        own: Some(biases_of_all_norms),
        ..BASE
    },
    Family {
        name: "starcoder2",
        widths: &[("num_key_value_heads", 2)],
        file: Some(PLAIN_FILE),
        gguf: &["starcoder2"],
        conventions: GPT,
        tied: true,
        windows: Windows::Everywhere,
        output_bias: OutputBias::Stated(true),
        config: Some(biased),
        own: Some(biases),
        ..BASE
    },
    Family {
        name: "qwen",
        gguf: &["qwen"],
        conventions: Conventions { qkv_bias: true, ..BASE.conventions },
        config: Some(qwen),
        ..BASE
    },
];

/// The FFN is four times as wide as the stream when nothing is said.
fn fourfold(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if facts.dense.max() == 0 {
        reader.assume("FFN width not given: four times the stream's, as in GPT-2".into());
        facts.dense = PerLayer::Same(facts.hidden.saturating_mul(4));
    }
    Ok(())
}

/// SantaCoder is GPT-2 with one KV head for all queries.
fn gpt2_heads(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if reader.text("attention_head_type")? == Some("multiquery") {
        facts.heads.kv = PerLayer::Same(1);
    }
    fourfold(reader, facts)
}

fn head_bias(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    facts.head_bias = reader.flag("lm_head_bias")?.unwrap_or(true);
    Ok(())
}

fn fourfold_with_head_bias(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    fourfold(reader, facts)?;
    head_bias(reader, facts)
}

fn biased(reader: &mut Reader<'_>, _: &mut Facts) -> Result<(), DocumentError> {
    reader.always("use_bias", true)
}

/// One KV head for all queries unless told otherwise.
fn bigcode(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if reader.flag("multi_query")?.unwrap_or(true) {
        facts.heads.kv = PerLayer::Same(1);
    }
    fourfold(reader, facts)
}

/// Attention's shape stands in a map of its own.
fn mpt(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if let Some(attention) = reader.map("attn_config")? {
        if let Some(heads) = attention.integer("kv_n_heads", 1..=65_536)? {
            facts.heads.kv = PerLayer::Same(heads);
        } else if attention.text("attn_type")?.is_some_and(|kind| kind.starts_with("multiquery")) {
            facts.heads.kv = PerLayer::Same(1);
        }
    }
    let ratio = reader.integer(&["expansion_ratio"], 1..=1_024)?.unwrap_or(4);
    if facts.dense.max() == 0 {
        facts.dense = PerLayer::Same(facts.hidden.saturating_mul(ratio));
    }
    if reader.flag("learned_pos_emb")? == Some(true) && reader.flag("no_bias")? == Some(false) {
        reader.assume("a table of learned positions and biases are not counted".into());
    }
    Ok(())
}

/// Its newer form has groups of queries and, unless it says otherwise, a norm for attention and FFN each; its older one KV head for
/// all queries, and writes a number of them that its class ignores. The oldest ("rw") has biases, and attention before the FFN.
fn falcon(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let groups = reader.flag("new_decoder_architecture")? == Some(true);
    let parallel = reader.flag("parallel_attn")?.unwrap_or(true);
    let usual = if groups { 2 } else { 1 };
    let beside = reader.integer(&["num_ln_in_parallel_attn"], 1..=2)?.unwrap_or(usual);
    facts.conventions.norms = if parallel { beside } else { 2 };
    if reader.flag("bias")? == Some(true) {
        facts.conventions.qkv_bias = true;
        (facts.output_bias, facts.ffn_bias) = (true, true);
    }
    if !groups && reader.flag("multi_query")?.unwrap_or(true) {
        facts.heads.kv = PerLayer::Same(1);
    }
    fourfold(reader, facts)
}

/// Kinds of attention stand as pairs of a list and how often it is repeated; local layers have a window that no cache knows of.
fn gpt_neo(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    reader.touch(&["attention_types", "attention_layers", "window_size"]);
    fourfold(reader, facts)
}

/// The 350M has a table of half the stream's width between two projections, and, as its norms come after the blocks, none at
/// its end (transformers, `OPTDecoder`).
fn opt_width(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    for name in ["enable_bias", "layer_norm_elementwise_affine"] {
        reader.always(name, true)?;
    }
    let before = reader.flag("do_layer_norm_before")?.unwrap_or(true);
    facts.bare_output_norm = !before || reader.flag("_remove_final_layer_norm")?.unwrap_or(false);
    let (hidden, width) = (facts.hidden, reader.integer(&["word_embed_proj_dim"], 1..=MAX_WIDTH)?);
    if let Some(width) = width.filter(|width| *width != hidden) {
        facts.table_width = Some(width);
        facts.more.push((None, extra("project_in.weight", Role::Unquantised, hidden, width)));
        facts.more.push((None, extra("project_out.weight", Role::Unquantised, width, hidden)));
    }
    Ok(())
}

/// Its FFN width is that of gate and up together, and only queries, keys and values have biases whatever `no_bias` says.
fn qwen(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    facts.dense = PerLayer::Same(facts.dense.max() / 2);
    reader.touch(&["no_bias"]);
    facts.conventions.qkv_bias = true;
    facts.output_bias = false;
    Ok(())
}

/// A table of learned positions, with `more` rows than positions.
fn positions(architecture: &mut Architecture, more: u64) {
    let rows = architecture.max_context_tokens + more;
    let mut table = extra("position_embd.weight", Role::TokenEmbedding, rows, architecture.hidden_size);
    table.active = Active::Row;
    architecture.more.push(table);
}

fn gpt2(architecture: &mut Architecture) {
    positions(architecture, 0);
    biases(architecture);
}

/// The first two rows are for padding (transformers, `OPTLearnedPositionalEmbedding`).
fn opt(architecture: &mut Architecture) {
    positions(architecture, 2);
    biases(architecture);
}

fn bloom(architecture: &mut Architecture) {
    for name in ["token_embd_norm.weight", "token_embd_norm.bias"] {
        architecture.more.push(vector(name, architecture.hidden_size));
    }
    biases(architecture);
}

/// Biases of layer norms.
pub(super) fn norm_biases(architecture: &mut Architecture) {
    let hidden = architecture.hidden_size;
    if !architecture.extras.bare_output_norm {
        architecture.more.push(vector("output_norm.bias", hidden));
    }
    for layer in &mut architecture.layers {
        for norm in 0..layer.norms {
            layer.more.push(vector(&format!("norm_{norm}.bias"), hidden));
        }
    }
}

/// Biases of layer norms and of a two-matrix FFN.
pub(super) fn biases(architecture: &mut Architecture) {
    norm_biases(architecture);
    ffn_biases(architecture);
}

/// Norms of queries and keys, where there are some, have biases, too.
fn biases_of_all_norms(architecture: &mut Architecture) {
    biases(architecture);
    for layer in &mut architecture.layers {
        let normed = layer.attention().filter(|attention| attention.qk_norm);
        let Some(width) = normed.map(|attention| attention.k_head_dim) else { continue };
        layer.more.extend(["attn_q_norm.bias", "attn_k_norm.bias"].map(|name| vector(name, width)));
    }
}

/// Biases of a dense block's matrices.
pub(in crate::model) fn ffn_biases(architecture: &mut Architecture) {
    let hidden = architecture.hidden_size;
    for layer in &mut architecture.layers {
        if let Ffn::Dense { width, gated } = layer.ffn {
            if gated {
                layer.more.push(vector("ffn_gate.bias", width));
            }
            layer.more.push(vector("ffn_up.bias", width));
            layer.more.push(vector("ffn_down.bias", hidden));
        }
    }
}
