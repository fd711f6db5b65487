//! Keys of the language model's part of a `config.json`, by family.
//!
//! `tests/scripts/config_keys.py` writes down what transformers' configuration classes declare; a test holds these lists
//! to it.

use super::super::DecoderError;
use super::{Use, speaks_of_arithmetic};
use serde_json::Value;

/// Read for every family: shapes by the importer, the rest by the decoder.
const READ: &[&str] = &[
    "head_dim",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "tie_word_embeddings",
    "vocab_size",
];

/// Read for some families beside [`READ`].
const READ_BY: &[(&str, &[&str])] = &[
    ("llama", &["hidden_act", "attention_bias"]),
    ("mistral", &["hidden_act", "sliding_window"]),
    ("qwen2", &["hidden_act", "use_sliding_window", "sliding_window", "max_window_layers", "layer_types"]),
    (
        "qwen3",
        &[
            "hidden_act",
            "attention_bias",
            "use_sliding_window",
            "sliding_window",
            "max_window_layers",
            "layer_types",
        ],
    ),
    (
        "granite",
        &[
            "hidden_act",
            "attention_bias",
            "embedding_multiplier",
            "logits_scaling",
            "residual_multiplier",
            "attention_multiplier",
        ],
    ),
    (
        "smollm3",
        &[
            "hidden_act",
            "attention_bias",
            "no_rope_layers",
            "no_rope_layer_interval",
            "use_sliding_window",
            "sliding_window",
            "layer_types",
        ],
    ),
    ("gemma", &["hidden_act", "attention_bias"]),
    (
        "gemma2",
        &[
            "hidden_activation",
            "attention_bias",
            "query_pre_attn_scalar",
            "sliding_window",
            "layer_types",
            "final_logit_softcapping",
            "attn_logit_softcapping",
        ],
    ),
    (
        "gemma3",
        &[
            "hidden_activation",
            "attention_bias",
            "query_pre_attn_scalar",
            "sliding_window",
            "sliding_window_pattern",
            "_sliding_window_pattern",
            "rope_local_base_freq",
            "layer_types",
            "final_logit_softcapping",
        ],
    ),
    (
        "gemma3n",
        &[
            "hidden_activation",
            "attention_bias",
            "sliding_window",
            "rope_local_base_freq",
            "layer_types",
            "final_logit_softcapping",
            "vocab_size_per_layer_input",
            "hidden_size_per_layer_input",
            "altup_active_idx",
            "altup_num_inputs",
            "num_kv_shared_layers",
            "laurel_rank",
            "activation_sparsity_pattern",
        ],
    ),
    (
        "gemma4",
        &[
            "hidden_activation",
            "attention_bias",
            "sliding_window",
            "layer_types",
            "final_logit_softcapping",
            "vocab_size_per_layer_input",
            "hidden_size_per_layer_input",
            "attention_k_eq_v",
            "num_kv_shared_layers",
            "use_double_wide_mlp",
            "global_head_dim",
            "num_global_key_value_heads",
            "per_layer_config",
        ],
    ),
];

/// Understood with one value only, by every family.
const ONLY: &[(&str, &str)] = &[
    ("add_cross_attention", "false"),
    ("enable_moe_block", "false"),
    ("is_decoder", "false"),
    ("mlp_bias", "false"),
    // A program that reads it would pack the weights anew.
    ("quantization", "{}"),
    ("quantization_config", "{}"),
    ("rope_interleaved", "false"),
    ("use_mrope", "false"),
    ("use_qk_norm", "false"),
];

/// The same by some families.
const ONLY_BY: &[(&str, &str, &str)] = &[
    // Their projections have what they have, whatever is said.
    ("mistral", "attention_bias", "false"),
    ("qwen2", "attention_bias", "true"),
    // Gemma 1 to 4 take the other spelling; shipped files have both.
    ("gemma", "hidden_activation", "\"gelu_pytorch_tanh\""),
    ("gemma2", "hidden_act", "\"gelu_pytorch_tanh\""),
    ("gemma3", "hidden_act", "\"gelu_pytorch_tanh\""),
    ("gemma3n", "hidden_act", "\"gelu_pytorch_tanh\""),
    ("gemma4", "hidden_act", "\"gelu_pytorch_tanh\""),
    ("gemma", "use_bidirectional_attention", "false"),
    ("gemma2", "use_bidirectional_attention", "false"),
    ("gemma3", "use_bidirectional_attention", "false"),
    // About image tokens alone.
    ("gemma4", "use_bidirectional_attention", "\"vision\""),
    ("gemma3n", "altup_correct_scale", "true"),
];

/// Known, and without effect on logits: identity, generation, initialisation, training, and storage, which the tensor
/// table tells better.
const HARMLESS: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_flash_attn_2_enabled",
    "altup_coef_clip",
    "architectures",
    "attention_dropout",
    "attn_dropout",
    "attn_implementation",
    "attn_pdrop",
    "auto_map",
    "cache_implementation",
    "chunk_size_feed_forward",
    "dtype",
    "embd_pdrop",
    "gradient_checkpointing",
    "hidden_dropout",
    "id2label",
    "initializer_range",
    "is_encoder_decoder",
    "label2id",
    "max_sequence_length",
    "mm_tokens_per_image",
    "model_max_length",
    "output_attentions",
    "output_hidden_states",
    // Splits products without changing them.
    "pretraining_tp",
    "resid_pdrop",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "use_cache",
    "use_flash_attention",
    "use_flash_attn",
];

/// Keys that transformers' code of a family does not look at, though others' does.
const PASSED_OVER: &[(&str, &[&str])] = &[
    ("llama", &["sliding_window"]),
    ("gemma3", &["attn_logit_softcapping"]),
    // Without experts their sizes mean nothing.
    ("gemma4", &["num_experts", "top_k_experts", "moe_intermediate_size"]),
];

/// What is done with a key.
fn use_of(family: &str, key: &str) -> Use {
    let listed =
        |lists: &[(&str, &[&str])]| lists.iter().any(|(name, keys)| *name == family && keys.contains(&key));
    if READ.contains(&key) || listed(READ_BY) {
        return Use::Read;
    }
    if HARMLESS.contains(&key) || key.ends_with("_token_id") || listed(PASSED_OVER) {
        return Use::Harmless;
    }
    let own = ONLY_BY.iter().find(|(name, own, _)| (*name, *own) == (family, key)).map(|(.., value)| *value);
    let value = own.or(ONLY.iter().find(|(own, _)| *own == key).map(|(_, value)| *value));
    match value {
        Some(value) => Use::Only(value),
        None if speaks_of_arithmetic(key) => Use::Unknown,
        None => Use::Harmless,
    }
}

/// Refuse a config with a key that changes logits and is not read, or with a value that is not understood.
pub(in super::super) fn check(family: &str, config: &Value) -> Result<(), DecoderError> {
    for (key, value) in config.as_object().into_iter().flatten() {
        let expected = match use_of(family, key) {
            Use::Read | Use::Harmless => continue,
            Use::Unknown => format!("no such key: this decoder reads none of that name for {family}"),
            Use::Only(only) if shown(value) == only => continue,
            Use::Only(only) => only.to_owned(),
        };
        // Nothing stated is nothing asked for.
        if value.is_null() {
            continue;
        }
        return Err(DecoderError::setting(key, shortened(value), expected));
    }
    Ok(())
}

/// A value as JSON.
fn shown(value: &Value) -> String {
    value.to_string()
}

/// The same, for a message.
fn shortened(value: &Value) -> String {
    const SHOWN: usize = 60;
    let text = shown(value);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::FAMILIES;
    use serde_json::json;

    fn declared() -> Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/config-keys.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn every_key_that_a_configuration_class_declares_has_a_place() {
        let declared = declared();
        for family in FAMILIES {
            let mut keys = declared["families"][family].as_object().unwrap().clone();
            assert!(keys.len() > 15, "{family}");
            if *family == "gemma4" {
                // It stands within `rope_parameters` only.
                keys.remove("rope_local_base_freq");
            }
            let unplaced: Vec<&String> =
                keys.keys().filter(|key| use_of(family, key) == Use::Unknown).collect();
            assert!(unplaced.is_empty(), "{family}: {unplaced:?}");
            // What the class says where a config says nothing has to be understood.
            check(family, &Value::Object(keys)).unwrap();
        }
    }

    #[test]
    fn what_is_taken_for_granted_is_what_the_classes_say() {
        let declared = declared();
        for (family, key, value) in crate::checkpoint::class::all() {
            let stated = &declared["families"][family][key];
            let same = match value.as_f64() {
                Some(number) => stated.as_f64() == Some(number),
                None => *stated == value,
            };
            assert!(same, "{family}: {key} is {value}; the class says {stated}");
        }
    }

    #[test]
    fn keys_that_a_family_reads_are_declared_or_older_names() {
        const OLDER: [&str; 9] = [
            "model_type",
            "head_dim",
            "rope_theta",
            "rope_scaling",
            "rope_local_base_freq",
            "sliding_window_pattern",
            "_sliding_window_pattern",
            "global_head_dim",
            "num_global_key_value_heads",
        ];
        let declared = declared();
        for (family, keys) in READ_BY {
            for key in READ.iter().chain(*keys) {
                let known = declared["families"][family].get(key).is_some() || OLDER.contains(key);
                assert!(known, "{family}: {key}");
            }
        }
    }

    #[test]
    fn what_changes_logits_and_is_not_read_is_refused_by_name() {
        for (family, config, named) in [
            ("llama", json!({ "mlp_bias": true }), "`mlp_bias` is true; expected false"),
            ("llama", json!({ "final_logit_softcapping": 30.0 }), "`final_logit_softcapping` is 30.0"),
            ("llama", json!({ "partial_rotary_factor": 0.5 }), "`partial_rotary_factor` is 0.5"),
            ("gemma3", json!({ "use_bidirectional_attention": true }), "expected false"),
            ("gemma4", json!({ "use_bidirectional_attention": "all" }), "expected \"vision\""),
            ("gemma4", json!({ "enable_moe_block": true }), "`enable_moe_block`"),
            ("mistral", json!({ "attention_multiplier": 0.1 }), "`attention_multiplier`"),
            ("qwen3", json!({ "layer_norm_scale_of_tomorrow": [1, 2] }), "is [1,2]"),
        ] {
            let error = check(family, &config).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn what_says_nothing_of_arithmetic_passes() {
        let config = json!({
            "unsloth_fixed": true, "image_token_id": 7, "partial_rotary_factor": null, "rope_interleaved": false,
            "transformers.js_config": {"dtype": "q4"}, "is_llama_config": true,
        });
        check("llama", &config).unwrap();
    }
}
