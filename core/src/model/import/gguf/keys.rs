//! The architecture's own keys, typed and range-checked: `llama.block_count` and its like.

use crate::format::gguf::GgufError;
use crate::format::gguf::{Metadata, Value};
use std::cell::RefCell;
use std::ops::RangeInclusive;

/// Metadata seen through the prefix of one architecture, and which of it has been asked for.
pub(super) struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
    asked: RefCell<Vec<String>>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(metadata: &'a Metadata, architecture: &'a str) -> Self {
        Self { metadata, architecture, asked: RefCell::default() }
    }

    /// The key with the architecture before it.
    pub(super) fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    /// The raw value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let full = self.full(key);
        let found = self.metadata.get(&full);
        if found.is_some() {
            self.asked.borrow_mut().push(full);
        }
        found
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        match self.get(key) {
            Some(Value::Number(value)) => Some(*value),
            Some(Value::Integer(value)) => Some(*value as f64),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether a flag is set to `wanted`.
    pub(super) fn is(&self, key: &str, wanted: bool) -> bool {
        self.get(key) == Some(&Value::Flag(wanted))
    }

    /// Keys of the architecture that nobody has asked for and that could change memory by their name.
    pub(super) fn unread(&self) -> Vec<String> {
        const WORDS: [&str; 13] = [
            "window", "cache", "kv", "share", "loop", "recur", "ssm", "linear", "cross", "indexer", "wkv",
            "hybrid", "kda",
        ];
        const NOISE: [&str; 6] = ["epsilon", "scale", "top_k", "dt_b_c_rms", "rope.", "shared_count"];
        let asked = self.asked.borrow();
        let prefix = format!("{}.", self.architecture);
        let unread = self.metadata.entries().filter_map(|(key, value)| {
            let name = key.strip_prefix(&prefix)?;
            let speaks = WORDS.iter().any(|word| name.contains(word));
            let noise = NOISE.iter().any(|word| name.contains(word));
            let says = !matches!(value, Value::Integer(0) | Value::Flag(false));
            (speaks && says && !noise && !asked.iter().any(|known| known == key)).then(|| format!("`{key}`"))
        });
        unread.take(12).collect()
    }

    /// The error for a key.
    pub(super) fn wrong(&self, key: &str, expected: &str) -> GgufError {
        let found = self.get(key).map_or_else(|| "missing".to_owned(), Value::describe);
        GgufError::Metadata { key: self.full(key), found, expected: expected.to_owned() }
    }

    /// A whole number within `range`.
    pub(super) fn integer(&self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Integer(value)) => {
                match u64::try_from(*value).ok().filter(|value| range.contains(value)) {
                    Some(value) => Ok(Some(value)),
                    None => Err(self.wrong(key, &whole(&range))),
                }
            }
            // A list whose entries agree says the same.
            Some(Value::Integers(values)) => {
                let first = values.first().filter(|first| values.iter().all(|value| value == *first));
                let same =
                    first.and_then(|first| u64::try_from(*first).ok()).filter(|value| range.contains(value));
                same.map(Some).ok_or_else(|| self.wrong(key, &whole(&range)))
            }
            Some(_) => Err(self.wrong(key, &whole(&range))),
        }
    }

    /// A whole number that must be there.
    pub(super) fn require(&self, key: &str, range: RangeInclusive<u64>) -> Result<u64, GgufError> {
        let expected = whole(&range);
        self.integer(key, range)?.ok_or_else(|| self.wrong(key, &expected))
    }

    /// One whole number for each of `layers` layers, given as a list or as one number.
    pub(super) fn per_layer(
        &self,
        key: &str,
        range: &RangeInclusive<u64>,
        layers: usize,
    ) -> Result<Option<Vec<u64>>, GgufError> {
        let checked = |value: &i128| u64::try_from(*value).ok().filter(|value| range.contains(value));
        let expected = || format!("{}, or a list of {layers} such", whole(range));
        match self.get(key) {
            None => Ok(None),
            Some(Value::Integer(value)) => match checked(value) {
                Some(value) => Ok(Some(vec![value; layers])),
                None => Err(self.wrong(key, &expected())),
            },
            Some(Value::Integers(values)) if values.len() >= layers => {
                let values: Option<Vec<u64>> = values.iter().take(layers).map(checked).collect();
                values.map(Some).ok_or_else(|| self.wrong(key, &expected()))
            }
            Some(_) => Err(self.wrong(key, &expected())),
        }
    }
}

fn whole(range: &RangeInclusive<u64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}
