//! Hunyuan, dense and mixed, and Hy3.

use super::super::import::hf_config::{Facts, Reader};
use super::deepseek::selection_biases;
use super::{BASE, Conventions, Family};
use crate::format::document::DocumentError;

const DENSE: Family = Family {
    name: "hunyuan_v1_dense",
    types: &["hunyuan_vl_text"],
    gguf: &["hunyuan-dense"],
    conventions: Conventions { qk_norm: true, ..BASE.conventions },
    ..BASE
};

pub(super) const FAMILIES: &[Family] = &[
    DENSE,
    Family {
        name: "hunyuan_v1_moe",
        types: &["hunyuan"],
        gguf: &["hunyuan-moe"],
        config: Some(experts),
        ..DENSE
    },
    Family {
        name: "hy_v3",
        widths: &[("num_key_value_heads", 8)],
        defaults: &[
            ("head_dim", 128),
            ("moe_intermediate_size", 1_536),
            ("num_shared_experts", 1),
            ("num_experts", 192),
            ("num_experts_per_tok", 8),
        ],
        types: &[],
        gguf: &[],
        config: Some(dense_first),
        own: Some(selection_biases),
        ..DENSE
    },
];

/// Experts for every token, and fields that say nothing about sizes.
fn experts(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    // Every mixture has a block that all tokens use, as wide as an expert where nothing else is said.
    let said = ["num_shared_expert", "num_shared_experts"].iter().any(|name| reader.has(name));
    if let Some(experts) = facts.experts.as_mut().filter(|_| !said) {
        experts.shared = experts.width.clone();
    }
    reader.touch(&["use_mixed_mlp_moe", "moe_layer_num_skipped", "norm_type", "attention_head_dim"]);
    Ok(())
}

/// The first layer is dense where nothing else is said (transformers, `HYV3Config`).
fn dense_first(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let said = ["mlp_layer_types", "first_k_dense_replace"].iter().any(|name| reader.has(name));
    if let Some(first) = facts.sparse.first_mut().filter(|_| !said) {
        *first = false;
        reader.class_default("first_k_dense_replace", 1);
    }
    reader.touch(&["enable_moe_fp32_combine"]);
    Ok(())
}
