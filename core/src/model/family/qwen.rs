//! Qwen 2 to 3.8, their mixtures, hybrids and text parts.

use super::super::import::hf_config::{Facts, Mixes, Reader};
use super::{BASE, Conventions, Family, FileForm, PLAIN_FILE, RouterExtras, Windows};
use crate::format::document::DocumentError;

const QWEN2: Family = Family {
    name: "qwen2",
    file: Some(PLAIN_FILE),
    types: &[
        "qwen2_5_omni_text",
        "qwen2_audio",
        "internvl",
        "internvl_chat",
        "llava_onevision",
        "llava_qwen",
    ],
    gguf: &["qwen2"],
    conventions: Conventions { qkv_bias: true, ..BASE.conventions },
    windows: Windows::OptIn,
    quantised_as_70b: true,
    widths: &[
        ("hidden_size", 4_096),
        ("intermediate_size", 22_016),
        ("num_hidden_layers", 32),
        ("num_attention_heads", 32),
        ("num_key_value_heads", 32),
        ("vocab_size", 151_936),
        ("max_position_embeddings", 32_768),
    ],
    ..BASE
};
const QWEN3: Family = Family {
    name: "qwen3",
    file: Some(PLAIN_FILE),
    types: &["qwen3_vl", "qwen3_vl_text"],
    gguf: &["qwen3", "qwen3vl"],
    conventions: Conventions { qk_norm: true, ..BASE.conventions },
    windows: Windows::OptIn,
    defaults: &[("head_dim", 128)],
    widths: QWEN2.widths,
    ..BASE
};
const QWEN3_MOE: Family = Family {
    name: "qwen3_moe",
    types: &["qwen3moe", "qwen3_omni_moe_text"],
    gguf: &["qwen3moe"],
    defaults: &[("moe_intermediate_size", 768), ("num_experts", 128), ("num_experts_per_tok", 8)],
    config: Some(all_or_none),
    widths: &[("num_key_value_heads", 4)],
    ..QWEN3
};
const QWEN3_5: Family = Family {
    name: "qwen3_5",
    file: Some(FileForm { rope_sections: true, one_kv_number: true, rotated_share: 4, ..PLAIN_FILE }),
    types: &["qwen3_5_text", "qwen35"],
    gguf: &["qwen35"],
    windows: Windows::Ignored,
    defaults: &[("head_dim", 256), ("full_attention_interval", 4)],
    renames: &[("ffn_norm.weight", "post_attention_norm.weight")],
    widths: &[("num_key_value_heads", 4)],
    config: Some(gated),
    ..QWEN3
};

/// Of the hybrids with experts.
const GATED_EXPERTS: &[(&str, u64)] = &[
    ("head_dim", 256),
    ("full_attention_interval", 4),
    ("moe_intermediate_size", 512),
    ("shared_expert_intermediate_size", 512),
];

pub(super) const FAMILIES: &[Family] = &[
    QWEN2,
    Family {
        name: "qwen2_vl",
        file: None,
        types: &["qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text"],
        gguf: &["qwen2vl"],
        widths: &[
            ("hidden_size", 8_192),
            ("intermediate_size", 29_568),
            ("num_hidden_layers", 80),
            ("num_attention_heads", 64),
            ("num_key_value_heads", 8),
            ("vocab_size", 152_064),
            ("max_position_embeddings", 32_768),
        ],
        ..QWEN2
    },
    Family {
        name: "qwen2_moe",
        file: Some(PLAIN_FILE),
        types: &["qwen2moe"],
        gguf: &["qwen2moe"],
        defaults: &[
            ("moe_intermediate_size", 1_408),
            ("shared_expert_intermediate_size", 5_632),
            ("num_experts", 60),
            ("num_experts_per_tok", 4),
        ],
        router: RouterExtras::SharedGate,
        quantised_as_70b: false,
        renames: &[("ffn_gate_inp.scale", "ffn_gate_inp_shexp.weight")],
        ..QWEN2
    },
    QWEN3,
    QWEN3_MOE,
    Family {
        name: "qwen3_vl_moe",
        types: &["qwen3_vl_moe_text"],
        gguf: &["qwen3vlmoe"],
        tied: true,
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 1_408),
            ("num_experts", 60),
            ("num_experts_per_tok", 4),
        ],
        widths: &[
            ("hidden_size", 2_048),
            ("num_hidden_layers", 24),
            ("num_attention_heads", 16),
            ("num_key_value_heads", 16),
        ],
        ..QWEN3_MOE
    },
    Family {
        name: "qwen3_next",
        widths: &[("num_key_value_heads", 2)],
        file: Some(FileForm { one_kv_number: true, rotated_share: 4, ..PLAIN_FILE }),
        types: &["qwen3next"],
        gguf: &["qwen3next"],
        defaults: &[
            ("head_dim", 256),
            ("full_attention_interval", 4),
            ("moe_intermediate_size", 512),
            ("shared_expert_intermediate_size", 512),
            ("num_experts", 512),
            ("num_experts_per_tok", 10),
        ],
        router: RouterExtras::SharedGate,
        renames: &[
            ("ffn_norm.weight", "post_attention_norm.weight"),
            ("ssm_beta.weight", "ssm_ba.weight"),
            ("ssm_alpha.weight", "ssm_ba.weight"),
            ("ffn_gate_inp.scale", "ffn_gate_inp_shexp.weight"),
        ],
        ..QWEN3_5
    },
    QWEN3_5,
    Family {
        name: "qwen3_5_moe",
        widths: &[("num_key_value_heads", 2)],
        file: None,
        types: &["qwen3_5_moe_text"],
        gguf: &["qwen35moe"],
        defaults: GATED_EXPERTS,
        router: RouterExtras::SharedGate,
        ..QWEN3_5
    },
];

/// Where windows are asked for, every layer has one (transformers, `Qwen3MoeAttention`).
fn all_or_none(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if reader.flag("use_sliding_window")? == Some(true) && facts.window > 0 && !reader.has("layer_types") {
        for slot in &mut facts.layers {
            slot.mixes = Mixes::Sliding;
        }
    }
    Ok(())
}

/// The query projection is doubled by a gate of the output.
fn gated(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    facts.output_gate = reader.flag("attn_output_gate")?.unwrap_or(true);
    Ok(())
}
