//! Families with latent attention: DeepSeek V2 to V3.2, Kimi K2, Sarvam, A.X K1, GLM-4.7-Flash and GLM-5, MiniCPM 3, Mistral 4, and
//! DeepSeek-OCR's decoder, which has plain heads.

use super::super::architecture::{Architecture, Ffn};
use super::super::import::hf_config::{Facts, MAX_HEADS, Reader};
use super::super::tensor::Role;
use super::{BASE, Family, FileForm, PLAIN_FILE, extra};
use crate::format::document::{DocumentError, PerLayer};

const DEEPSEEK3: Family = Family {
    name: "deepseek_v3",
    types: &["kimi_k2", "kimi_k25_text"],
    gguf: &["deepseek2"],
    defaults: &[
        ("moe_intermediate_size", 2_048),
        ("n_shared_experts", 1),
        ("first_k_dense_replace", 3),
        ("q_lora_rank", 1_536),
        ("n_routed_experts", 256),
        ("num_experts_per_tok", 8),
        ("kv_lora_rank", 512),
        ("qk_nope_head_dim", 128),
        ("qk_rope_head_dim", 64),
        ("v_head_dim", 128),
    ],
    own: Some(selection_biases),
    ..BASE
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "deepseek_v2",
        file: Some(FileForm { expert_gating: Some(1), ..PLAIN_FILE }),
        types: &["deepseek_vl_v2"],
        defaults: &[
            ("moe_intermediate_size", 1_407),
            ("n_shared_experts", 2),
            ("q_lora_rank", 1_536),
            ("n_routed_experts", 64),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 128),
            ("qk_rope_head_dim", 64),
            ("v_head_dim", 128),
        ],
        gguf: &["deepseek2"],
        ..BASE
    },
    DEEPSEEK3,
    Family {
        name: "glm4_moe_lite",
        defaults: &[
            ("moe_intermediate_size", 1_536),
            ("n_shared_experts", 1),
            ("first_k_dense_replace", 1),
            ("q_lora_rank", 768),
            ("n_routed_experts", 64),
            ("num_experts_per_tok", 4),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 192),
            ("qk_rope_head_dim", 64),
            ("v_head_dim", 256),
        ],
        ..DEEPSEEK3_LITE
    },
    Family {
        name: "deepseek_v32",
        types: &["deepseek_v3_2"],
        gguf: &["deepseek32"],
        defaults: &[
            ("moe_intermediate_size", 2_048),
            ("n_shared_experts", 1),
            ("first_k_dense_replace", 3),
            ("q_lora_rank", 1_536),
            ("n_routed_experts", 256),
            ("num_experts_per_tok", 8),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 128),
            ("qk_rope_head_dim", 64),
            ("v_head_dim", 128),
            ("index_n_heads", 64),
            ("index_head_dim", 128),
        ],
        config: Some(indexed),
        ..DEEPSEEK3_LITE
    },
    Family {
        name: "glm_moe_dsa",
        gguf: &["glm-dsa"],
        defaults: &[
            ("moe_intermediate_size", 2_048),
            ("n_shared_experts", 1),
            ("first_k_dense_replace", 3),
            ("q_lora_rank", 2_048),
            ("n_routed_experts", 256),
            ("num_experts_per_tok", 8),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 192),
            ("qk_rope_head_dim", 64),
            ("v_head_dim", 256),
            ("index_n_heads", 32),
            ("index_head_dim", 128),
        ],
        config: Some(indexed),
        ..DEEPSEEK3_LITE
    },
    Family {
        name: "mistral4",
        types: &["mistral_large3"],
        gguf: &["mistral4"],
        defaults: &[
            ("moe_intermediate_size", 2_048),
            ("n_shared_experts", 1),
            ("q_lora_rank", 1_024),
            ("n_routed_experts", 128),
            ("num_experts_per_tok", 4),
            ("kv_lora_rank", 256),
            ("qk_nope_head_dim", 64),
            ("qk_rope_head_dim", 64),
            ("v_head_dim", 128),
        ],
        ..DEEPSEEK3_LITE
    },
    Family {
        name: "sarvam_mla",
        defaults: &[
            ("moe_intermediate_size", 2_048),
            ("n_shared_experts", 1),
            ("first_k_dense_replace", 1),
            ("n_routed_experts", 128),
            ("num_experts_per_tok", 8),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 128),
            ("qk_rope_head_dim", 64),
            ("v_head_dim", 128),
        ],
        ..DEEPSEEK3_LITE
    },
    Family {
        name: "minicpm3",
        gguf: &["minicpm3"],
        tied: true,
        defaults: &[
            ("q_lora_rank", 768),
            ("kv_lora_rank", 256),
            ("qk_nope_head_dim", 64),
            ("qk_rope_head_dim", 32),
            ("v_head_dim", 64),
        ],
        llama_cpp_expands: true,
        vllm_expands: true,
        ..BASE
    },
    Family {
        name: "axk1",
        defaults: &[
            ("moe_intermediate_size", 2_048),
            ("n_shared_experts", 1),
            ("first_k_dense_replace", 1),
            ("q_lora_rank", 1_536),
            ("n_routed_experts", 192),
            ("num_experts_per_tok", 8),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 128),
            ("qk_rope_head_dim", 64),
            ("v_head_dim", 128),
        ],
        own: Some(norm_after_experts),
        ..DEEPSEEK3_LITE
    },
    Family {
        name: "youtu",
        tied: true,
        defaults: &[
            ("q_lora_rank", 1_536),
            ("kv_lora_rank", 512),
            ("qk_nope_head_dim", 128),
            ("qk_rope_head_dim", 64),
            ("v_head_dim", 128),
        ],
        ..BASE
    },
    Family { name: "plm", gguf: &["plm"], llama_cpp_expands: true, vllm_expands: true, ..BASE },
    Family { name: "deepseek", gguf: &["deepseek"], ..BASE },
    Family {
        name: "deepseekocr",
        types: &["deepseek_vl_ocr", "deepseek_ocr"],
        gguf: &["deepseekocr", "deepseek2-ocr"],
        config: Some(plain_heads),
        ..BASE
    },
];

/// As version 3, with a name of its own in files.
const DEEPSEEK3_LITE: Family = Family { types: &[], gguf: &[], ..DEEPSEEK3 };

/// A number of the indexer's, as stated or as the class fills it in.
fn indexing(reader: &mut Reader<'_>, name: &'static str) -> Result<u64, DocumentError> {
    match reader.left_out(&[name]) {
        Some(filled) => Ok(filled),
        None => reader.require(&[name], 1..=MAX_HEADS),
    }
}

/// The sparse-attention indexer: a key of its own for each token, and what its scores are computed with.
fn indexed(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let channels = indexing(reader, "index_head_dim")?;
    let heads = indexing(reader, "index_n_heads")?;
    // Of the stream itself where queries have no rank.
    let rank = facts.latent.and_then(|latent| latent.q_rank).unwrap_or(facts.hidden);
    reader.touch(&["index_topk", "indexer_rope_interleave", "index_topk_freq"]);
    // Newer configs name the layers that compute an index; the others take that of the layer before.
    let kinds = reader.texts("indexer_types")?;
    facts.indexer = Some((
        channels,
        (0..facts.layers.len()).map(|layer| kinds.get(layer).is_none_or(|kind| kind == "full")).collect(),
    ));
    for layer in 0..facts.layers.len() {
        if !facts.indexes(layer) {
            continue;
        }
        for tensor in [
            extra("indexer.attn_q_b.weight", Role::Unquantised, heads * channels, rank),
            extra("indexer.attn_k.weight", Role::Unquantised, channels, facts.hidden),
            extra("indexer.proj.weight", Role::Unquantised, heads, facts.hidden),
            super::vector("indexer.k_norm.weight", channels),
            super::vector("indexer.k_norm.bias", channels),
        ] {
            facts.more.push((Some(layer), tensor));
        }
    }
    Ok(())
}

/// DeepSeek-OCR states latent widths of 0 and attends with plain heads.
fn plain_heads(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    reader.touch(&["kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"]);
    if facts.heads.kv.max() == 0 {
        facts.heads.kv = PerLayer::Same(facts.heads.query.max());
    }
    Ok(())
}

/// What the experts give is normed (transformers, `AXK1MoE`).
fn norm_after_experts(architecture: &mut Architecture) {
    let hidden = architecture.hidden_size;
    for layer in &mut architecture.layers {
        if let Ffn::Experts { .. } = layer.ffn {
            layer.more.push(super::vector("post_moe_norm.weight", hidden));
        }
    }
    selection_biases(architecture);
}

/// The routers' correction biases, which transformers keeps as buffers.
pub(super) fn selection_biases(architecture: &mut Architecture) {
    for layer in &mut architecture.layers {
        if let Ffn::Experts { experts, .. } = layer.ffn {
            layer.more.push(extra("exp_probs_b.bias", Role::Buffer, 1, experts));
        }
    }
}
