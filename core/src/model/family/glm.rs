//! GLM 4, 4V, 4.5, their smaller kin, and Sarvam, which has their layers.

use super::super::import::hf_config::{Facts, Reader};
use super::deepseek::selection_biases;
use super::{BASE, Conventions, Family, FileForm, OutputBias, PLAIN_FILE};
use crate::format::document::DocumentError;

const GLM: Family = Family { name: "glm", output_bias: OutputBias::Never, ..BASE };
const GLM4: Family = Family {
    name: "glm4",
    file: Some(FileForm { rotated_share: 2, ..PLAIN_FILE }),
    types: &[],
    gguf: &["glm4"],
    widths: &[("num_key_value_heads", 2)],
    config: Some(biased),
    conventions: Conventions { norms: 4, ..BASE.conventions },
    renames: &[("ffn_gate.weight", "ffn_up.weight"), ("ffn_up.weight", "ffn_up.weight")],
    ..GLM
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        conventions: Conventions { qkv_bias: true, ..BASE.conventions },
        widths: &[("num_key_value_heads", 2)],
        ..GLM
    },
    GLM4,
    Family {
        name: "glm_ocr_text",
        file: None,
        gguf: &[],
        widths: &[("num_key_value_heads", 8)],
        config: None,
        ..GLM4
    },
    Family {
        name: "glm4v",
        config: None,
        file: None,
        types: &["glm4v_text"],
        gguf: &[],
        conventions: Conventions { qkv_bias: true, norms: 4, ..BASE.conventions },
        ..GLM4
    },
    Family {
        name: "glm4_moe",
        types: &["glm4v_moe_text", "glm4v_moe"],
        gguf: &["glm4moe"],
        defaults: &[("moe_intermediate_size", 1_408), ("n_shared_experts", 1), ("first_k_dense_replace", 1)],
        own: Some(selection_biases),
        ..GLM
    },
    Family {
        name: "sarvam_moe",
        widths: &[("num_key_value_heads", 4)],
        defaults: &[
            ("head_dim", 64),
            ("moe_intermediate_size", 1_024),
            ("n_shared_experts", 1),
            ("first_k_dense_replace", 1),
            ("num_experts", 128),
            ("num_experts_per_tok", 6),
        ],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        own: Some(selection_biases),
        ..GLM
    },
];

/// Queries, keys and values have biases unless the config says otherwise (transformers, `Glm4Config`); published ones do.
fn biased(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    if reader.flag("attention_bias")?.is_none() {
        facts.conventions.qkv_bias = reader.class_default("attention_bias", true);
    }
    Ok(())
}
