//! Keys under the architecture's name in GGUF metadata: of those that llama.cpp reads for some architecture, which are
//! read here. What llama.cpp does not know changes nothing there either.

use super::super::DecoderError;
use super::Use;
use super::llama_cpp::KNOWN;
use crate::checkpoint::GgufValues;
use dhurandhar_core::model::import::gguf::Value;

/// Read for every architecture, or told better by the tensor table.
const READ: &[&str] = &[
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.factor",
    "rope.scaling.type",
    "vocab_size",
];

/// Read for some architectures beside [`READ`].
const READ_BY: &[(&str, &[&str])] = &[
    ("granite", &["attention.scale", "embedding_scale", "residual_scale", "logit_scale"]),
    ("gemma2", &["attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping"]),
    (
        "gemma3",
        &[
            "attention.sliding_window",
            "attention.sliding_window_pattern",
            "final_logit_softcapping",
            "rope.freq_base_swa",
        ],
    ),
    (
        "gemma3n",
        &[
            "activation_sparsity_scale",
            "altup.active_idx",
            "altup.num_inputs",
            "attention.shared_kv_layers",
            "attention.sliding_window",
            "attention.sliding_window_pattern",
            "embedding_length_per_layer_input",
            "final_logit_softcapping",
            "rope.freq_base_swa",
        ],
    ),
    (
        "gemma4",
        &[
            "attention.key_length_swa",
            "attention.shared_kv_layers",
            "attention.sliding_window",
            "attention.sliding_window_pattern",
            "attention.value_length_swa",
            "embedding_length_per_layer_input",
            "final_logit_softcapping",
            "rope.dimension_count_swa",
            "rope.freq_base_swa",
        ],
    ),
];

/// Understood with one value only.
const ONLY: &[(&str, &str)] = &[
    ("attention.causal", "true"),
    ("expert_count", "0"),
    ("expert_used_count", "0"),
    ("pooling_type", "0"),
    ("rope.scaling.attn_factor", "1"),
    ("use_parallel_residual", "false"),
];

/// Without effect on logits.
const HARMLESS: &[&str] =
    &["rope.scaling.finetuned", "rope.scaling.original_context_length", "tensor_data_layout"];

/// Keys that llama.cpp does not look at for an architecture, though its converters write them.
const PASSED_OVER: &[(&str, &[&str])] = &[
    ("llama", &["attention.sliding_window"]),
    ("qwen2", &["attention.sliding_window"]),
    ("qwen3", &["attention.sliding_window"]),
    ("gemma3", &["attn_logit_softcapping"]),
];

fn use_of(architecture: &str, key: &str) -> Use {
    let listed = |lists: &[(&str, &[&str])]| {
        lists.iter().any(|(name, keys)| *name == architecture && keys.contains(&key))
    };
    if READ.contains(&key) || listed(READ_BY) {
        Use::Read
    } else if HARMLESS.contains(&key) || listed(PASSED_OVER) {
        Use::Harmless
    } else {
        ONLY.iter().find(|(name, _)| *name == key).map_or(Use::Unknown, |(_, value)| Use::Only(value))
    }
}

/// Refuse a file with a key that changes logits and is not read, or with a value that is not understood.
pub(in super::super) fn check(values: &GgufValues) -> Result<(), DecoderError> {
    let architecture = values.prefix();
    for key in KNOWN {
        let Some(value) = values.get(key) else { continue };
        let found = text(value);
        let expected = match use_of(architecture, key) {
            Use::Read => match of_its_type(key, value) {
                Ok(()) => continue,
                Err(expected) => expected.to_owned(),
            },
            Use::Harmless => continue,
            Use::Unknown => format!("no such key: this decoder reads none of that name for {architecture}"),
            Use::Only(only) if only == found => continue,
            Use::Only(only) => only.to_owned(),
        };
        return Err(DecoderError::setting(&format!("{architecture}.{key}"), found, expected));
    }
    Ok(())
}

/// Keys that may hold a list, one number a layer.
const LISTS: &[&str] = &[
    "activation_sparsity_scale",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.sliding_window_pattern",
    "feed_forward_length",
];

/// What llama.cpp would refuse in place of a key that is read here.
fn of_its_type(key: &str, value: &Value) -> Result<(), &'static str> {
    let number = match value {
        Value::Integer(number) => *number as f64,
        Value::Number(number) => *number,
        Value::Text(_) if key == "rope.scaling.type" => return Ok(()),
        _ if LISTS.contains(&key) => return Ok(()),
        _ if key == "rope.scaling.type" => return Err("a text"),
        _ => return Err("a number"),
    };
    match key {
        "rope.scaling.type" => Err("a text"),
        _ if !number.is_finite() => Err("a finite number"),
        "rope.freq_base" | "rope.freq_base_swa" if number <= 0.0 => Err("a base above 0"),
        "attention.layer_norm_rms_epsilon" if number < 0.0 => Err("a number of at least 0"),
        _ => Ok(()),
    }
}

/// A value for a message, and to compare with.
fn text(value: &Value) -> String {
    match value {
        Value::Integer(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Flag(value) => value.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Integers(values) => format!("a list of {}", values.len()),
        Value::Skipped(length) => format!("a list or text of length {length}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_harmless_or_refused() {
        assert_eq!(use_of("llama", "rope.freq_base"), Use::Read);
        assert_eq!(use_of("granite", "logit_scale"), Use::Read);
        assert_eq!(use_of("llama", "logit_scale"), Use::Unknown);
        assert_eq!(use_of("llama", "attention.causal"), Use::Only("true"));
        assert_eq!(use_of("llama", "rope.scaling.yarn_log_multiplier"), Use::Unknown);
        assert_eq!(use_of("gemma2", "rope.freq_base_swa"), Use::Unknown);
    }

    #[test]
    fn values_are_of_the_type_that_llama_cpp_reads() {
        let text = || Value::Text("500".into());
        for (key, value, fits) in [
            ("rope.freq_base", Value::Number(1e4), true),
            ("rope.freq_base", Value::Integer(10_000), true),
            ("rope.freq_base", text(), false),
            ("rope.freq_base", Value::Flag(true), false),
            ("rope.freq_base", Value::Number(f64::NAN), false),
            ("rope.freq_base", Value::Integer(0), false),
            ("rope.scaling.type", text(), true),
            ("rope.scaling.type", Value::Integer(2), false),
            ("attention.layer_norm_rms_epsilon", Value::Integers(vec![1]), false),
            ("attention.head_count_kv", Value::Integers(vec![1]), true),
        ] {
            assert_eq!(of_its_type(key, &value).is_ok(), fits, "{key} {value:?}");
        }
    }

    #[test]
    fn lists_name_keys_that_llama_cpp_knows() {
        assert!(KNOWN.is_sorted());
        // Written by converters, read by none.
        let older =
            ["activation_sparsity_scale", "altup.active_idx", "altup.num_inputs", "rope.scale_linear"];
        let own = READ.iter().chain(READ_BY.iter().flat_map(|(_, keys)| *keys)).chain(HARMLESS);
        let own = own.chain(PASSED_OVER.iter().flat_map(|(_, keys)| *keys));
        let own = own.chain(ONLY.iter().map(|(key, _)| key));
        for key in own {
            assert!(KNOWN.contains(key) || older.contains(key), "{key}");
        }
    }
}
