//! Gemma: 1, 2, 3, 3n, 4.

use super::super::import::hf_config::{Facts, MAX_HEADS, MAX_VOCAB, MAX_WIDTH, Mixes, Reader, one_by_one};
use super::super::recurrent::RecurrentShape;
use super::{
    BASE, Conventions, Family, FileForm, LlamaCppWindows, PLAIN_FILE, RouterExtras, Tokenizer, Windows,
};
use crate::format::document::{DocumentError, PerLayer};

const GEMMA: Family = Family {
    name: "gemma",
    file: Some(PLAIN_FILE),
    types: &["paligemma"],
    gguf: &["gemma"],
    tied: true,
    defaults: &[("head_dim", 256), ("max_position_embeddings", 8_192)],
    widths: &[
        ("hidden_size", 3_072),
        ("intermediate_size", 24_576),
        ("num_hidden_layers", 28),
        ("num_attention_heads", 16),
        ("num_key_value_heads", 16),
        ("vocab_size", 256_000),
    ],
    tokenizer: Tokenizer::Spm,
    ..BASE
};
/// Every `period`-th layer is full; `unstated` is the window where the file gives none.
const fn every(period: u64, unstated: u64) -> LlamaCppWindows {
    LlamaCppWindows::Every { period, full_first: false, unstated, fixed: 0 }
}
const GEMMA2: Family = Family {
    name: "gemma2",
    types: &[],
    gguf: &["gemma2"],
    conventions: Conventions { norms: 4, ..BASE.conventions },
    windows: Windows::AllBut(2),
    llama_cpp_windows: every(2, 4_096),
    widths: &[
        ("hidden_size", 2_304),
        ("intermediate_size", 9_216),
        ("num_hidden_layers", 26),
        ("num_attention_heads", 8),
        ("num_key_value_heads", 4),
        ("vocab_size", 256_000),
        ("sliding_window", 4_096),
    ],
    ..GEMMA
};
const GEMMA3: Family = Family {
    name: "gemma3",
    types: &["gemma3_text", "shieldgemma2"],
    gguf: &["gemma3"],
    conventions: Conventions { qk_norm: true, ..GEMMA2.conventions },
    windows: Windows::AllBut(6),
    llama_cpp_windows: every(6, 0),
    defaults: &[("head_dim", 256), ("max_position_embeddings", 131_072)],
    // gemma-3-4b's nested text part leaves these out, and the class describes that very checkpoint.
    widths: &[
        ("hidden_size", 2_304),
        ("intermediate_size", 9_216),
        ("num_hidden_layers", 26),
        ("num_attention_heads", 8),
        ("num_key_value_heads", 4),
        ("vocab_size", 262_208),
        ("sliding_window", 4_096),
    ],
    ..GEMMA2
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "recurrent_gemma",
        file: None,
        types: &[],
        gguf: &[],
        windows: Windows::Own,
        defaults: &[("sliding_window", 2_048), ("head_dim", 256), ("max_position_embeddings", 8_192)],
        config: Some(recurrent_gemma),
        ..GEMMA
    },
    GEMMA,
    GEMMA2,
    Family { name: "vaultgemma", gguf: &[], conventions: BASE.conventions, ..GEMMA2 },
    GEMMA3,
    Family {
        name: "gemma3n",
        types: &["gemma3n_text"],
        gguf: &["gemma3n"],
        windows: Windows::AllBut(5),
        llama_cpp_windows: every(5, 0),
        defaults: &[("head_dim", 256), ("max_position_embeddings", 32_768)],
        widths: &[
            ("hidden_size", 2_048),
            ("intermediate_size", 16_384),
            ("num_hidden_layers", 35),
            ("num_attention_heads", 8),
            ("num_key_value_heads", 2),
            ("vocab_size", 262_400),
            ("sliding_window", 512),
        ],
        config: Some(gemma3n),
        ..GEMMA3
    },
    Family {
        name: "gemma4",
        file: Some(FileForm {
            states_table: true,
            sliding_widths: true,
            rope_factors: true,
            scales_apart: true,
            ..PLAIN_FILE
        }),
        types: &["gemma4_text", "gemma4_unified", "gemma4_unified_text"],
        gguf: &["gemma4"],
        conventions: Conventions { layer_scalar: true, unused_kv_weights: true, ..GEMMA3.conventions },
        last_full: true,
        router: RouterExtras::Scales,
        tokenizer: Tokenizer::Gemma4,
        renames: &[
            ("norm_4.weight", "pre_ffw_norm_2.weight"),
            ("norm_5.weight", "post_ffw_norm_1.weight"),
            ("norm_6.weight", "post_ffw_norm_2.weight"),
            ("ffn_gate_exps.weight", "ffn_gate_up_exps.weight"),
            ("ffn_up_exps.weight", "ffn_gate_up_exps.weight"),
        ],
        widths: &[("num_key_value_heads", 4)],
        config: Some(gemma4),
        ..GEMMA3
    },
];

/// The per-layer embedding table.
fn table(reader: &mut Reader<'_>, facts: &mut Facts, width: u64) -> Result<(), DocumentError> {
    if width > 0 {
        facts.ple_width = width;
        facts.ple_rows = match reader.integer(&["vocab_size_per_layer_input"], 1..=MAX_VOCAB)? {
            Some(rows) => rows,
            None => reader.class_default("vocab_size_per_layer_input", 262_144),
        };
    }
    Ok(())
}

fn gemma3n(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let width = reader.integer(&["hidden_size_per_layer_input"], 0..=MAX_WIDTH)?.unwrap_or(0);
    if width == 0 {
        return Err(reader.missing("hidden_size_per_layer_input", "the table's channels per layer"));
    }
    table(reader, facts, width)?;
    let streams = reader.integer(&["altup_num_inputs"], 0..=64)?;
    facts.altup_streams = streams.unwrap_or_else(|| reader.class_default("altup_num_inputs", 4));
    let rank = reader.integer(&["laurel_rank"], 0..=65_536)?;
    facts.laurel_rank = rank.unwrap_or_else(|| reader.class_default("laurel_rank", 64));
    if facts.shared_kv_layers.is_none() {
        let most = (facts.layers.len() as u64).saturating_sub(1);
        facts.shared_kv_layers = Some(reader.class_default("num_kv_shared_layers", 15.min(most)));
    }
    Ok(())
}

/// Full-attention layers have wider heads and fewer KV heads, and may take values from keys.
fn gemma4(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    const TABLE: &str = "hidden_size_per_layer_input";
    let width = match reader.integer(&[TABLE], 0..=MAX_WIDTH)? {
        Some(width) => width,
        // A null says that there is none, and so does the class of the model without towers.
        None if reader.states(TABLE) || reader.is_of_type("unified") => 0,
        None => reader.class_default(TABLE, 256),
    };
    table(reader, facts, width)?;
    let mut full = facts.heads.clone();
    let stated = reader.integer(&["global_head_dim"], 1..=MAX_HEADS)?;
    let by_layer = reader.has("per_layer_config");
    if let Some(width) = match stated {
        None if by_layer => None,
        None => Some(reader.class_default("global_head_dim", 512)),
        stated => stated,
    } {
        (full.k_dim, full.v_dim) = (width, width);
    }
    facts.values_from_keys = reader.flag("attention_k_eq_v")?.unwrap_or(false);
    // transformers applies the override only together with `attention_k_eq_v`.
    let kv = reader.integer(&["num_global_key_value_heads"], 1..=MAX_HEADS)?;
    if let Some(kv) = kv.filter(|_| facts.values_from_keys) {
        full.kv = PerLayer::Same(kv);
    }
    if by_layer {
        one_by_one(reader, facts, &mut full)?;
    }
    let sliding = std::mem::replace(&mut facts.heads, full);
    facts.sliding = Some(sliding);
    if facts.experts.is_none() && reader.flag("use_double_wide_mlp")? == Some(true) {
        facts.shared_kv_dense = Some(facts.dense.max().saturating_mul(2));
    }
    if facts.experts.is_some() {
        // A dense block stands beside the experts, and three norms around them (transformers, `Gemma4TextDecoderLayer`).
        facts.dense_beside = true;
        facts.conventions.norms += 3;
    }
    Ok(())
}

/// A pattern of blocks that is repeated; every matrix of the FFN has a bias and half the stated width, and attention's output has one
/// (transformers, `RecurrentGemmaMlp`, `RecurrentGemmaAttention`).
fn recurrent_gemma(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if !reader.has("layer_types") {
        let mut pattern = reader.texts("block_types")?;
        if pattern.is_empty() {
            pattern = ["recurrent", "recurrent", "attention"].map(str::to_owned).to_vec();
        }
        for (slot, word) in facts.layers.iter_mut().zip(pattern.iter().cycle()) {
            slot.mixes = match word.as_str() {
                "recurrent" | "linear_attention" => Mixes::Recurrent,
                "attention" | "sliding_attention" => Mixes::Sliding,
                other => {
                    return Err(reader.wrong("block_types", &format!("{other:?}"), "recurrent or attention"));
                }
            };
        }
    }
    facts.recurrent = Some(RecurrentShape::GatedLru {
        width: reader.integer(&["lru_width"], 1..=MAX_WIDTH)?.unwrap_or(facts.hidden),
        blocks: facts.heads.query.max(),
        kernel: reader.integer(&["conv1d_width"], 1..=MAX_HEADS)?.unwrap_or(4),
    });
    facts.dense = PerLayer::Same(facts.dense.max() / 2);
    (facts.output_bias, facts.ffn_bias) = (true, true);
    reader.touch(&["w_init_variance_scale", "final_w_init_variance_scale", "logits_soft_cap"]);
    Ok(())
}
