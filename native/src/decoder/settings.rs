//! Hyperparameters by their two names: in `config.json` and in GGUF metadata.

use super::DecoderError;
use crate::checkpoint::{Checkpoint, Facts, GgufValues};
use serde_json::Value;

/// Reads numbers from whichever form the checkpoint has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings<'a> {
    facts: &'a Facts,
}

impl<'a> Settings<'a> {
    /// The settings of a checkpoint.
    pub(super) fn of(checkpoint: &'a Checkpoint) -> Self {
        Self { facts: checkpoint.facts() }
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

    /// A number; `gguf` goes without the architecture's prefix.
    pub(super) fn number(self, config: &str, gguf: &str) -> Result<Option<f64>, DecoderError> {
        match self.facts {
            Facts::Config(fields) => finite(config, fields.get(config)),
            Facts::Gguf(values) => Ok(values.number(gguf)),
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

    /// A list of numbers (or flags as 0 and 1) that only `config.json` states.
    pub(super) fn numbers(self, config: &str) -> Option<Vec<f64>> {
        let list = self.config()?.get(config)?.as_array()?;
        list.iter().map(|value| value.as_f64().or(value.as_bool().map(f64::from))).collect()
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
