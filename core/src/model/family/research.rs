//! OLMo 1 to 3 and its mixture, Apertus, Exaone 4, Nemotron-NAS.

use super::super::architecture::{Architecture, Mixer};
use super::super::import::hf_config::{Facts, MAX_HEADS, MAX_VOCAB, Mixes, Reader};
use super::super::tensor::Role;
use super::{BASE, Conventions, Family, LlamaCppWindows, Order, PLAIN_FILE, Windows, extra, vector};
use crate::format::document::{DocumentError, PerLayer};
use crate::leaf::cast::to_u64;

/// Norms over the channels of a head on queries and keys.
const NORMED_HEADS: Conventions = Conventions { qk_norm: true, ..BASE.conventions };
const OLMO2: Family = Family {
    name: "olmo2",
    file: Some(PLAIN_FILE),
    gguf: &["olmo2"],
    order: Order::NormsAfter,
    llama_cpp_windows: LlamaCppWindows::Every { period: 4, full_first: false, unstated: 0, fixed: 0 },
    renames: AFTER,
    own: Some(whole_norms),
    ..BASE
};
/// Both norms stand after their blocks.
const AFTER: super::Renames =
    &[("attn_norm.weight", "post_attention_norm.weight"), ("ffn_norm.weight", "post_ffw_norm.weight")];

const OLMOE: Family = Family {
    name: "olmoe",
    file: None,
    gguf: &["olmoe"],
    defaults: &[("num_experts", 64), ("num_experts_per_tok", 8)],
    order: Order::Usual,
    llama_cpp_windows: LlamaCppWindows::Ignored,
    renames: &[],
    ..OLMO2
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "olmo",
        gguf: &["olmo"],
        conventions: Conventions { norms: 0, ..BASE.conventions },
        own: Some(bare_norms),
        ..BASE
    },
    Family {
        name: "nanochat",
        conventions: Conventions { norms: 0, gated_ffn: false, ..BASE.conventions },
        own: Some(bare_norms),
        ..BASE
    },
    OLMO2,
    Family { name: "olmo3", file: None, gguf: &["olmo2"], windows: Windows::AllBut(4), ..OLMO2 },
    OLMOE,
    Family {
        name: "flex_olmo",
        gguf: &[],
        defaults: &[("num_experts", 7), ("num_experts_per_tok", 5)],
        ..OLMOE
    },
    Family {
        name: "apertus",
        types: &["apertus1p5", "apertus1p5_text"],
        gguf: &["apertus"],
        conventions: Conventions { gated_ffn: false, ..NORMED_HEADS },
        config: Some(head_of_the_table),
        own: Some(activations),
        ..BASE
    },
    Family {
        name: "exaone4",
        file: Some(PLAIN_FILE),
        gguf: &["exaone4"],
        conventions: NORMED_HEADS,
        windows: Windows::AllBut(4),
        llama_cpp_windows: LlamaCppWindows::OfDepth { layers: 64, period: 4, unstated: 4_096 },
        order: Order::NormsAfter,
        renames: AFTER,
        ..BASE
    },
    Family { name: "nemotron-nas", types: &["deci"], gguf: &["deci"], config: Some(blocks), ..BASE },
];

/// The norms have no weights, the last one included.
fn bare_norms(architecture: &mut Architecture) {
    architecture.extras.bare_output_norm = true;
}

/// The output head may have rows of its own number.
fn head_of_the_table(reader: &mut Reader<'_>, _: &mut Facts) -> Result<(), DocumentError> {
    const NAME: &str = "output_vocab_size";
    let (stated, vocab) =
        (reader.integer(&[NAME], 1..=MAX_VOCAB)?, reader.require(&["vocab_size"], 1..=MAX_VOCAB)?);
    match stated.filter(|rows| *rows != vocab) {
        Some(rows) => {
            let expected =
                format!("{vocab}, the rows of the table: a head of another size is not described here");
            Err(reader.wrong(NAME, &rows.to_string(), &expected))
        }
        None => Ok(()),
    }
}

/// Norms over all queries and all keys of a token (transformers, `Olmo2Attention`), in place of norms of a head's width that a
/// config may speak of.
pub(super) fn whole_norms(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        if let Mixer::Attention(attention) | Mixer::Both(attention, _) = &mut layer.mixer {
            attention.qk_norm = false;
            let queries = attention.query_heads * attention.k_head_dim;
            let keys = attention.kv_heads * attention.k_head_dim;
            layer.more.push(vector("attn_q_norm.weight", queries));
            layer.more.push(vector("attn_k_norm.weight", keys));
        }
    }
}

/// Where a config says that queries and keys are normed, every head has weights of its own
/// (transformers, `CohereAttention` and `StableLmLayerNormPerHead`).
pub(super) fn norms_of_each_head(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        if let Mixer::Attention(attention) | Mixer::Both(attention, _) = &mut layer.mixer
            && attention.qk_norm
        {
            attention.qk_norm = false;
            let width = attention.k_head_dim;
            layer.more.push(extra("attn_q_norm.weight", Role::Vector, attention.query_heads, width));
            layer.more.push(extra("attn_k_norm.weight", Role::Vector, attention.kv_heads, width));
        }
    }
}

/// Two learned numbers of each layer's activation (transformers, `XIELUActivation`).
fn activations(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        layer.more.push(vector("ffn_act.weight", 2));
    }
}

/// `block_configs`: in every layer attention and FFN of their own shape, or none, or a matrix instead
/// (`modeling_decilm.py` of the checkpoints).
fn blocks(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let blocks = reader.maps("block_configs")?;
    if blocks.is_empty() {
        return Ok(());
    }
    if blocks.len() != facts.layers.len() {
        let expected = format!("one entry for each of {} layers", facts.layers.len());
        return Err(reader.wrong("block_configs", &format!("a list of {}", blocks.len()), &expected));
    }
    let heads = facts.heads.query.max();
    let (mut query, mut kv, mut widths) = (Vec::new(), Vec::new(), Vec::new());
    for (index, block) in blocks.iter().enumerate() {
        let attention = block.map("attention")?;
        let ffn = block.map("ffn")?;
        let flag = |map: &Option<crate::format::document::Fields<'_>>, name| match map {
            Some(map) => map.flag(name),
            None => Ok(None),
        };
        let linear = flag(&attention, "replace_with_linear")? == Some(true);
        if linear || flag(&ffn, "replace_with_linear")? == Some(true) {
            let found = format!("a matrix in place of a block at layer {index}");
            return Err(reader.wrong(
                "block_configs",
                &found,
                "attention and FFN, or nothing in their place",
            ));
        }
        let absent = flag(&attention, "no_op")? == Some(true);
        let group = match &attention {
            Some(attention) => attention.integer("n_heads_in_group", 1..=MAX_HEADS)?,
            None => None,
        };
        query.push(if absent { 0 } else { heads });
        kv.push(if absent { 0 } else { heads / group.unwrap_or(1).max(1) });
        let multiplier = match &ffn {
            Some(ffn) => ffn.number("ffn_mult", 0.0..=1e3)?,
            None => None,
        };
        let none = flag(&ffn, "no_op")? == Some(true);
        widths.push(if none { 0 } else { two_thirds(multiplier.unwrap_or(0.0), facts.hidden) });
        if absent {
            facts.layers[index].mixes = Mixes::Nothing;
        }
    }
    (facts.heads.query, facts.heads.kv) = (PerLayer::Each(query), PerLayer::Each(kv));
    facts.dense = PerLayer::Each(widths);
    facts.norms_by_parts = true;
    Ok(())
}

/// Two thirds of the multiple of the stream, up to 256.
fn two_thirds(multiplier: f64, hidden: u64) -> u64 {
    let width = to_u64(2.0 * multiplier * hidden as f64 / 3.0);
    width.next_multiple_of(256)
}
