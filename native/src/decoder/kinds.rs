//! Which layers turn at the base of sliding layers, where a family has one of its own.
//!
//! A window that no context outgrows is none to the architecture, but such a layer still turns as a sliding one.

use super::rope::has_local_base;
use super::settings::Settings;
use super::{DecoderError, word};
use crate::checkpoint::Checkpoint;
use dhurandhar_core::model::import::gguf;
use serde_json::Value;

/// One flag a layer.
pub(super) fn local(checkpoint: &Checkpoint, settings: Settings<'_>) -> Result<Vec<bool>, DecoderError> {
    let architecture = checkpoint.architecture();
    let windows = |layer: &dhurandhar_core::model::architecture::Layer| {
        layer.attention().is_some_and(|attention| attention.window.is_some())
    };
    let flags: Vec<bool> = architecture.layers.iter().map(windows).collect();
    let family = architecture.family.as_str();
    if !has_local_base(family) || flags.contains(&true) {
        return Ok(flags);
    }
    match settings.gguf() {
        Some(values) => Ok(from_gguf(values.get("attention.sliding_window_pattern"), family, flags.len())),
        None => from_config(settings.config().unwrap_or(&Value::Null), family, flags.len()),
    }
}

fn from_config(config: &Value, family: &str, layers: usize) -> Result<Vec<bool>, DecoderError> {
    let given = |key: &str| config.get(key).filter(|value| !value.is_null());
    let mut local = if let Some(types) = given("layer_types") {
        let types = types.as_array().map(Vec::as_slice).unwrap_or_default();
        types.iter().map(|kind| kind.as_str().is_some_and(|kind| kind.contains("sliding"))).collect()
    } else {
        let stated = given("sliding_window_pattern").or(given("_sliding_window_pattern"));
        let period = match stated.filter(|_| family == "gemma3") {
            None => habit(family),
            Some(value) => value.as_u64().filter(|period| *period > 0).map(word).ok_or_else(|| {
                let expected = "a whole number above 0".to_owned();
                DecoderError::setting("sliding_window_pattern", value.to_string(), expected)
            })?,
        };
        every(layers, period)
    };
    // transformers forces it.
    if let Some(last) = local.last_mut().filter(|_| family == "gemma4") {
        *last = false;
    }
    local.resize(layers, false);
    Ok(local)
}

fn from_gguf(pattern: Option<&gguf::Value>, family: &str, layers: usize) -> Vec<bool> {
    match pattern {
        Some(gguf::Value::Integers(flags)) => (0..layers).map(|layer| flags.get(layer) == Some(&1)).collect(),
        Some(gguf::Value::Integer(period)) => every(layers, usize::try_from(*period).unwrap_or(0)),
        _ => every(layers, habit(family)),
    }
}

/// Layers from one full layer to the next where nothing is said.
fn habit(family: &str) -> usize {
    if family == "gemma3n" { 5 } else { 6 }
}

/// All but every `period`-th layer; all where the period is 0.
fn every(layers: usize, period: usize) -> Vec<bool> {
    (1..=layers).map(|layer| period == 0 || !layer.is_multiple_of(period)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_pattern_is_the_lists_or_the_familys() {
        let listed = json!({ "layer_types": ["sliding_attention", "full_attention", "sliding_attention"] });
        assert_eq!(from_config(&listed, "gemma3", 3).unwrap(), [true, false, true]);
        assert_eq!(from_config(&listed, "gemma4", 3).unwrap(), [true, false, false]);
        let period = json!({ "sliding_window_pattern": 2 });
        assert_eq!(from_config(&period, "gemma3", 4).unwrap(), [true, false, true, false]);
        assert_eq!(from_config(&json!({}), "gemma3n", 5).unwrap(), [true, true, true, true, false]);
        assert!(from_config(&json!({ "sliding_window_pattern": 0 }), "gemma3", 4).is_err());
        let flags = gguf::Value::Integers(vec![1, 0]);
        assert_eq!(from_gguf(Some(&flags), "gemma3", 2), [true, false]);
    }
}
