//! Hyperparameters by their two names: in `config.json` and in GGUF metadata.

use super::DecoderError;
use crate::checkpoint::{Checkpoint, Facts, GgufValues, class};
use serde_json::Value;

/// Reads numbers from whichever form the checkpoint has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings<'a> {
    facts: &'a Facts,
    family: &'a str,
}

impl<'a> Settings<'a> {
    /// The settings of a checkpoint.
    pub(super) fn of(checkpoint: &'a Checkpoint) -> Self {
        Self { facts: checkpoint.facts(), family: &checkpoint.architecture().family }
    }

    /// Whether the names are GGUF's.
    pub(super) fn is_gguf(self) -> bool {
        matches!(self.facts, Facts::Gguf(_))
    }

    /// The `config.json`, if there is one.
    pub(super) fn config(self) -> Option<&'a Value> {
        match self.facts {
            Facts::Config(config) => Some(config),
            Facts::Gguf(_) => None,
        }
    }

    /// GGUF metadata, if there are any.
    pub(super) fn gguf(self) -> Option<&'a GgufValues> {
        match self.facts {
            Facts::Config(_) => None,
            Facts::Gguf(values) => Some(values),
        }
    }

    /// A number; `gguf` goes without the architecture's prefix. What a config leaves out is its class' value; null is none.
    pub(super) fn number(self, config: &str, gguf: &str) -> Result<Option<f64>, DecoderError> {
        match self.facts {
            Facts::Config(fields) => match fields.get(config) {
                Some(stated) => finite(config, Some(stated)),
                None => self.class_number(config),
            },
            Facts::Gguf(values) => Ok(values.number(gguf)),
        }
    }

    /// A number that a family's class states.
    pub(super) fn class_number(self, key: &str) -> Result<Option<f64>, DecoderError> {
        finite(key, class::default(self.family, key).as_ref())
    }

    /// A text that only `config.json` states, or else its class.
    pub(super) fn text(self, config: &str) -> Result<Option<String>, DecoderError> {
        let Some(fields) = self.config() else { return Ok(None) };
        let default = class::default(self.family, config);
        match fields.get(config).or(default.as_ref()) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(DecoderError::setting(config, other.to_string(), "a text".into())),
        }
    }

    /// A count.
    pub(super) fn count(self, config: &str, gguf: &str) -> Result<Option<usize>, DecoderError> {
        let stated = match self.facts {
            Facts::Config(fields) => fields.get(config).filter(|value| !value.is_null()),
            Facts::Gguf(values) => return Ok(values.count(gguf)),
        };
        let Some(value) = stated else { return Ok(None) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count
            .map(Some)
            .ok_or_else(|| DecoderError::setting(config, value.to_string(), "a whole number".into()))
    }

    /// One number (or flag as 0 and 1) a layer, that only `config.json` states.
    pub(super) fn per_layer(self, key: &str, layers: usize) -> Result<Option<Vec<f64>>, DecoderError> {
        let stated = self.config().and_then(|fields| fields.get(key)).filter(|value| !value.is_null());
        let Some(stated) = stated else { return Ok(None) };
        let expected = || format!("a list of {layers} numbers");
        let list = stated.as_array();
        let list = list.ok_or_else(|| DecoderError::setting(key, stated.to_string(), expected()))?;
        let numbers: Option<Vec<f64>> =
            list.iter().map(|value| value.as_f64().or(value.as_bool().map(f64::from))).collect();
        match numbers {
            Some(numbers) if numbers.len() == layers => Ok(Some(numbers)),
            Some(numbers) => {
                Err(DecoderError::setting(key, format!("a list of {}", numbers.len()), expected()))
            }
            None => Err(DecoderError::setting(key, stated.to_string(), expected())),
        }
    }
}

/// A finite number, or nothing where the field is absent or null.
pub(super) fn finite(field: &str, value: Option<&Value>) -> Result<Option<f64>, DecoderError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    match value.as_f64().filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(number)),
        None => Err(DecoderError::setting(field, value.to_string(), "a number".into())),
    }
}
