//! Hunyuan, dense and mixed.

use super::super::import::hf_config::{Facts, Reader};
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
