//! Llama and those with its tensors: Mistral, Mixtral, Granite, SmolLM3, InternLM, MiniCPM, Exaone 3, Nanbeige, ERNIE 4.5,
//! Seed-OSS, Arcee, Nemotron, Helium, BitNet, Phi-3, Jais 2, DiffLlama.

use super::super::architecture::{Architecture, Ffn, Order};
use super::super::import::hf_config::{Facts, MAX_LAYERS, Reader};
use super::research::norms_of_each_head;
use super::{
    BASE, Conventions, Family, FileForm, LLAMA, OutputBias, PLAIN_FILE, RouterExtras, UNGATED, Windows,
    older, vector,
};
use crate::format::document::DocumentError;
use crate::leaf::cast::to_u64;

/// `LlamaConfig`.
const LLAMA_WIDTHS: &[(&str, u64)] = &[
    ("hidden_size", 4_096),
    ("intermediate_size", 11_008),
    ("num_hidden_layers", 32),
    ("num_attention_heads", 32),
    ("vocab_size", 32_000),
    ("max_position_embeddings", 2_048),
];
/// `MistralConfig`.
const MISTRAL_WIDTHS: &[(&str, u64)] = &[
    ("hidden_size", 4_096),
    ("intermediate_size", 14_336),
    ("num_hidden_layers", 32),
    ("num_attention_heads", 32),
    ("num_key_value_heads", 8),
    ("vocab_size", 32_000),
    ("max_position_embeddings", 131_072),
    ("sliding_window", 4_096),
];
const MISTRAL: Family = Family {
    name: "mistral",
    file: Some(PLAIN_FILE),
    types: &[],
    gguf: &["llama"],
    widths: MISTRAL_WIDTHS,
    defaults: &[("sliding_window", 4_096)],
    windows: Windows::Everywhere,
    ..LLAMA
};
/// Factors that Granite's files state.
const GRANITE_FACTORS: &[&str] = &["logit_scale", "attention.scale", "embedding_scale", "residual_scale"];
/// Where a window is stated every layer slides (transformers, `Phi3Model`); llama.cpp attends to everything.
const PHI3: Family = Family {
    name: "phi3",
    file: Some(PLAIN_FILE),
    gguf: &["phi3"],
    conventions: Conventions { fused: true, ..BASE.conventions },
    order: Order::Fused,
    pieces_when_small: true,
    windows: Windows::Everywhere,
    widths: &[
        ("hidden_size", 3_072),
        ("intermediate_size", 8_192),
        ("num_hidden_layers", 32),
        ("num_attention_heads", 32),
        ("vocab_size", 32_064),
        ("max_position_embeddings", 4_096),
    ],
    ..BASE
};
pub(super) const FAMILIES: &[Family] = &[
    Family { widths: LLAMA_WIDTHS, file: Some(PLAIN_FILE), ..LLAMA },
    MISTRAL,
    Family {
        name: "ministral3",
        file: Some(PLAIN_FILE),
        gguf: &["mistral3"],
        defaults: &[("head_dim", 128)],
        widths: &[("num_key_value_heads", 8)],
        quantised_as_70b: false,
        pieces_when_small: false,
        ..MISTRAL
    },
    Family { name: "ministral", file: None, pieces_when_small: false, ..MISTRAL },
    Family {
        name: "mistral3",
        file: None,
        defaults: &[],
        quantised_as_70b: false,
        pieces_when_small: false,
        ..MISTRAL
    },
    Family {
        name: "mixtral",
        file: Some(PLAIN_FILE),
        defaults: &[("num_local_experts", 8), ("num_experts_per_tok", 2)],
        ..MISTRAL
    },
    Family {
        name: "granite",
        file: Some(FileForm { factors: GRANITE_FACTORS, ..PLAIN_FILE }),
        gguf: &["granite"],
        widths: LLAMA_WIDTHS,
        ..BASE
    },
    Family {
        name: "granitemoe",
        shared_alone: true,
        file: Some(FileForm { factors: GRANITE_FACTORS, ..PLAIN_FILE }),
        types: &["granitemoeshared"],
        defaults: &[("num_local_experts", 8), ("num_experts_per_tok", 2)],
        gguf: &["granitemoe"],
        ..BASE
    },
    Family {
        name: "granitemoehybrid",
        shared_alone: true,
        file: Some(FileForm {
            without_state: Some("granite"),
            factors: GRANITE_FACTORS,
            mamba_columns: true,
            ..PLAIN_FILE
        }),
        types: &["granitehybrid"],
        defaults: &[
            ("num_local_experts", 8),
            ("num_experts_per_tok", 2),
            ("shared_intermediate_size", 1_024),
        ],
        config: Some(granite_hybrid),
        gguf: &["granitehybrid"],
        ..BASE
    },
    Family {
        name: "smollm3",
        file: Some(PLAIN_FILE),
        gguf: &["smollm3"],
        tied: true,
        windows: Windows::WithoutPositions,
        widths: &[
            ("hidden_size", 2_048),
            ("intermediate_size", 11_008),
            ("num_hidden_layers", 36),
            ("num_attention_heads", 16),
            ("num_key_value_heads", 4),
            ("vocab_size", 128_256),
            ("max_position_embeddings", 32_768),
        ],
        ..BASE
    },
    Family { types: &["phi3_v"], ..PHI3 },
    Family {
        name: "phi4_multimodal",
        types: &["phi4mm"],
        file: None,
        gguf: &[],
        widths: &[("num_key_value_heads", 8)],
        ..PHI3
    },
    Family { name: "internlm2", file: Some(PLAIN_FILE), types: &["internlm"], gguf: &["internlm2"], ..BASE },
    Family { name: "minicpm", gguf: &["minicpm"], tied: true, ..BASE },
    Family { name: "exaone", gguf: &["exaone"], widths: &[("num_key_value_heads", 8)], ..BASE },
    // As llama, but for what their classes fill in.
    Family { name: "internlm3", types: &[], gguf: &[], widths: &[("num_key_value_heads", 2)], ..LLAMA },
    Family { name: "iquestcoder", types: &[], gguf: &[], widths: &[("num_key_value_heads", 8)], ..LLAMA },
    Family {
        name: "aria",
        types: &["aria_text"],
        gguf: &[],
        widths: &[("intermediate_size", 4_096)],
        defaults: &[("moe_num_experts", 8), ("moe_topk", 2), ("moe_num_shared_experts", 2)],
        ..LLAMA
    },
    Family {
        name: "cwm",
        types: &[],
        gguf: &[],
        widths: &[("num_key_value_heads", 8)],
        defaults: &[("sliding_window", 8_192)],
        windows: Windows::AllButFirst(4),
        ..LLAMA
    },
    Family { name: "orion", gguf: &["orion"], own: Some(older::norm_biases), ..BASE },
    Family { name: "hyperclovax", config: Some(post_norms), ..BASE },
    Family { name: "nanbeige", gguf: &["nanbeige"], ..BASE },
    Family {
        name: "ouro",
        gguf: &["ouro"],
        conventions: Conventions { norms: 4, ..BASE.conventions },
        ..BASE
    },
    Family {
        name: "seed_oss",
        widths: &[("num_key_value_heads", 8)],
        gguf: &["seed_oss"],
        conventions: Conventions { qkv_bias: true, ..BASE.conventions },
        output_bias: OutputBias::Apart,
        ..BASE
    },
    Family {
        name: "ernie4_5",
        widths: &[("num_key_value_heads", 2)],
        gguf: &["ernie4_5"],
        defaults: &[("head_dim", 128)],
        tied: true,
        config: Some(ernie),
        ..BASE
    },
    Family {
        name: "ernie4_5_moe",
        widths: &[("num_key_value_heads", 4)],
        gguf: &["ernie4_5-moe"],
        defaults: &[
            ("moe_intermediate_size", 1_536),
            ("moe_num_shared_experts", 2),
            ("moe_layer_start_index", 1),
            ("moe_num_experts", 64),
            ("moe_k", 6),
        ],
        tied: true,
        router: RouterExtras::Bias,
        config: Some(ernie_experts),
        ..BASE
    },
    Family { name: "arcee", gguf: &["arcee"], conventions: UNGATED, ..BASE },
    Family {
        name: "nemotron",
        gguf: &["nemotron"],
        conventions: UNGATED,
        own: Some(older::norm_biases),
        ..BASE
    },
    Family {
        name: "jais2",
        conventions: Conventions { qkv_bias: true, ..UNGATED },
        output_bias: OutputBias::Stated(true),
        config: Some(biased_blocks),
        own: Some(older::norm_biases),
        ..BASE
    },
    Family { name: "diffllama", own: Some(lambdas), ..BASE },
    Family { name: "helium", output_bias: OutputBias::Never, config: Some(square_output), ..BASE },
    Family {
        name: "bitnet",
        widths: &[("num_key_value_heads", 5)],
        gguf: &["bitnet", "bitnet-b1.58"],
        own: Some(inner_norms),
        ..BASE
    },
    Family {
        name: "stablelm",
        gguf: &["stablelm"],
        config: Some(one_norm_beside),
        own: Some(stablelm),
        ..BASE
    },
    Family {
        name: "phimoe",
        widths: &[("num_key_value_heads", 8)],
        defaults: &[("num_local_experts", 16), ("num_experts_per_tok", 2)],
        gguf: &["phimoe"],
        windows: Windows::Everywhere,
        own: Some(older::norm_biases),
        ..BASE
    },
    Family { name: "chatglm", gguf: &["chatglm"], config: Some(chatglm), ..BASE },
];

/// The output projection is square whatever the heads are, so that other heads build and cannot run (transformers,
/// `HeliumAttention`).
fn square_output(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let channels = facts.heads.query.max().saturating_mul(facts.heads.k_dim);
    if channels == facts.hidden {
        return Ok(());
    }
    let found = format!("{} x {}", facts.heads.query.max(), facts.heads.k_dim);
    let expected = format!("heads whose channels are hidden_size, {}", facts.hidden);
    Err(reader.wrong("head_dim", &found, &expected))
}

/// A norm after each block too, unless the config says otherwise.
fn post_norms(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if reader.flag("use_post_norm")? != Some(false) {
        facts.conventions.norms = 4;
    }
    Ok(())
}

/// Groups of queries only where `multi_query_attention` says so; biases by a name of their own.
fn chatglm(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if reader.flag("multi_query_attention")? == Some(false) {
        facts.heads.kv = facts.heads.query.clone();
    }
    reader.touch(&["add_bias_linear", "padded_vocab_size", "kv_channels"]);
    Ok(())
}

/// `use_bias` is about the FFN, too.
fn ernie(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    facts.ffn_bias = reader.flag("use_bias")?.unwrap_or(false);
    Ok(())
}

/// Experts may end before the last layer; -1 is the last.
fn ernie_experts(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    reader.always("use_bias", false)?;
    let end = reader.number("moe_layer_end_index", -1.0..=MAX_LAYERS as f64)?.filter(|end| *end >= 0.0);
    if let Some(end) = end {
        for sparse in facts.sparse.iter_mut().skip(usize::try_from(to_u64(end)).unwrap_or(0) + 1) {
            *sparse = false;
        }
    }
    Ok(())
}

/// The FFN's matrices have biases unless it says otherwise.
fn biased_blocks(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    facts.ffn_bias = reader.flag("mlp_bias")?.unwrap_or(true);
    Ok(())
}

/// Attention and FFN side by side share a norm.
fn one_norm_beside(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if reader.flag("use_parallel_residual")? == Some(true) {
        facts.conventions.norms = 1;
    }
    Ok(())
}

fn stablelm(architecture: &mut Architecture) {
    older::norm_biases(architecture);
    norms_of_each_head(architecture);
}

/// Two pairs of vectors weigh the two halves of a head against each other (transformers, `DiffLlamaAttention`).
fn lambdas(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        let Some(width) = layer.attention().map(|attention| attention.k_head_dim) else { continue };
        let names = ["attn_lambda_q1", "attn_lambda_k1", "attn_lambda_q2", "attn_lambda_k2"];
        layer.more.extend(names.map(|name| vector(name, width)));
    }
}

/// Norms before the two outgoing projections of a layer (transformers, `BitNetDecoderLayer`).
fn inner_norms(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        if let Some(attention) = layer.attention() {
            let width = attention.query_heads * attention.v_head_dim;
            layer.more.push(vector("attn_sub_norm.weight", width));
        }
        if let Ffn::Dense { width, .. } = layer.ffn {
            layer.more.push(vector("ffn_sub_norm.weight", width));
        }
    }
}

/// Its class makes every layer one of Mamba-2 where no list says what they are; every published config has the list.
fn granite_hybrid(reader: &mut Reader<'_>, _: &mut Facts) -> Result<(), DocumentError> {
    if reader.has("layer_types") || reader.has("layers_block_type") {
        return Ok(());
    }
    Err(reader.missing("layer_types", "the kind of each layer"))
}
