//! What transformers' configuration classes say where a `config.json` does not, as far as it changes logits. Shapes are
//! not among them: the importer knows which configs leave those out.
//!
//! A test of the decoder's key lists holds these values to what the classes declare.

use dhurandhar_core::leaf::number::whole;
use serde_json::{Map, Value, json};

/// A class's value.
#[derive(Debug, Clone, Copy)]
enum Stated {
    Number(f64),
    Text(&'static str),
}

use Stated::{Number, Text};

/// Class defaults by family and key.
const DEFAULTS: &[(&str, &[(&str, Stated)])] = &[
    ("llama", &[("rope_theta", Number(1e4)), ("hidden_act", Text("silu"))]),
    (
        "mistral",
        &[("rope_theta", Number(1e4)), ("hidden_act", Text("silu")), ("sliding_window", Number(4096.0))],
    ),
    (
        "qwen2",
        &[("rope_theta", Number(1e4)), ("hidden_act", Text("silu")), ("sliding_window", Number(4096.0))],
    ),
    (
        "qwen3",
        &[("rope_theta", Number(1e4)), ("hidden_act", Text("silu")), ("sliding_window", Number(4096.0))],
    ),
    (
        "granite",
        &[
            ("rope_theta", Number(1e4)),
            ("hidden_act", Text("silu")),
            ("embedding_multiplier", Number(1.0)),
            ("logits_scaling", Number(1.0)),
            ("residual_multiplier", Number(1.0)),
            ("attention_multiplier", Number(1.0)),
        ],
    ),
    (
        "smollm3",
        &[("rope_theta", Number(2e6)), ("hidden_act", Text("silu")), ("no_rope_layer_interval", Number(4.0))],
    ),
    ("gemma", &[("rope_theta", Number(1e4)), ("hidden_act", Text("gelu_pytorch_tanh"))]),
    (
        "gemma2",
        &[
            ("rope_theta", Number(1e4)),
            ("hidden_activation", Text("gelu_pytorch_tanh")),
            ("query_pre_attn_scalar", Number(256.0)),
            ("sliding_window", Number(4096.0)),
            ("final_logit_softcapping", Number(30.0)),
            ("attn_logit_softcapping", Number(50.0)),
        ],
    ),
    (
        "gemma3",
        &[
            ("rope_theta", Number(1e6)),
            ("rope_local_base_freq", Number(1e4)),
            ("hidden_activation", Text("gelu_pytorch_tanh")),
            ("query_pre_attn_scalar", Number(256.0)),
            ("sliding_window", Number(4096.0)),
        ],
    ),
    (
        "gemma3n",
        &[
            ("rope_theta", Number(1e6)),
            ("rope_local_base_freq", Number(1e4)),
            ("hidden_activation", Text("gelu_pytorch_tanh")),
            ("sliding_window", Number(512.0)),
            ("final_logit_softcapping", Number(30.0)),
        ],
    ),
    (
        "gemma4",
        &[
            ("rope_theta", Number(1e6)),
            ("rope_local_base_freq", Number(1e4)),
            ("hidden_activation", Text("gelu_pytorch_tanh")),
            ("sliding_window", Number(512.0)),
        ],
    ),
];

/// What the class of a family says of a key.
pub(crate) fn default(family: &str, key: &str) -> Option<Value> {
    let (_, keys) = DEFAULTS.iter().find(|(name, _)| *name == family)?;
    let (_, value) = keys.iter().find(|(name, _)| *name == key)?;
    Some(match value {
        Number(number) if number.fract() == 0.0 => json!(whole(*number)),
        Number(number) => json!(number),
        Text(text) => json!(text),
    })
}

/// Add the window of a class to a config that does not name one, where the class slides: shapes of caches follow from it.
pub(super) fn complete(text: &mut Map<String, Value>, outer_type: Option<&str>) {
    let stated = text.get("model_type").and_then(Value::as_str).or(outer_type).unwrap_or_default();
    let family = stated.trim_end_matches("_text").trim_end_matches("_unified").to_owned();
    let slides = match family.as_str() {
        "qwen2" | "qwen3" => text.get("use_sliding_window") == Some(&Value::Bool(true)),
        _ => true,
    };
    if let Some(window) = default(&family, "sliding_window").filter(|_| slides) {
        text.entry("sliding_window").or_insert(window);
    }
}

/// All there are: family, key, value.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    let keys = DEFAULTS.iter().flat_map(|(family, keys)| keys.iter().map(|(key, _)| (*family, *key)));
    keys.filter_map(|(family, key)| Some((family, key, default(family, key)?)))
}
