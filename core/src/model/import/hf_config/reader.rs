//! One config at hand: its nested text part, its dialect, and the list of what had to be assumed.

use super::dialect::{self, Dialect};
use crate::document::{DocumentError, Fields};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Where multimodal configs keep their language model.
const NESTS: [&str; 5] = ["text_config", "language_config", "llm_config", "thinker_config", "text_model"];

/// A config being read.
pub(super) struct Reader<'a> {
    /// The whole document.
    pub(super) outer: Fields<'a>,
    /// The language model's fields: nested, or the document itself.
    pub(super) text: Fields<'a>,
    /// The text part was nested.
    pub(super) nested: bool,
    /// `model_type` of the text part.
    pub(super) model_type: String,
    /// Conventions of that type.
    pub(super) dialect: Dialect,
    /// The type is listed.
    pub(super) known: bool,
    /// What had to be assumed, in sentences.
    pub(super) assumptions: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Find the text part and its dialect.
    pub(super) fn new(
        outer: Fields<'a>,
        again: impl Fn() -> Result<Fields<'a>, DocumentError>,
    ) -> Result<Self, DocumentError> {
        let mut text = again()?;
        let mut nested = false;
        // An omni model nests twice: thinker, then text.
        while let Some(inner) = nest(&text)? {
            text = inner;
            nested = true;
        }
        let outer_type = outer.text("model_type")?;
        let stated = text.text("model_type")?.or(outer_type);
        let model_type = stated.unwrap_or("unknown").to_owned();
        let found = dialect::dialect(&model_type).or_else(|| outer_type.and_then(dialect::dialect));
        let mut reader = Self {
            outer,
            text,
            nested,
            model_type,
            dialect: found.unwrap_or(dialect::FALLBACK),
            known: found.is_some(),
            assumptions: Vec::new(),
        };
        if !reader.known {
            let what = if stated.is_some() { "is not listed" } else { "is not given" };
            // Squared ReLU and its kin stand in blocks of two matrices.
            let gated = !matches!(reader.text.text("hidden_act")?, Some("relu" | "relu2" | "xielu"));
            reader.dialect.family.gated_ffn = gated;
            let block = if gated { "a gated FFN" } else { "an FFN of two matrices, by its `hidden_act`" };
            let sentence = format!(
                "model_type `{}` {what}: assumed llama's tensors (two norms a layer, {block}, biases only where stated)",
                reader.model_type
            );
            reader.assume(sentence);
        }
        Ok(reader)
    }

    /// Whether the dialect's name starts so.
    pub(super) fn is(&self, prefix: &str) -> bool {
        self.known && self.dialect.name.starts_with(prefix)
    }

    /// Whether the shipped config leaves widths to the class: gemma-3-4b's nested text part does, and its class
    /// describes that very checkpoint.
    pub(super) fn leaves_widths_out(&self) -> bool {
        self.nested && self.dialect.name == "gemma3"
    }

    /// Note an assumption.
    pub(super) fn assume(&mut self, sentence: String) {
        self.assumptions.push(sentence);
    }

    /// A default that the config class supplies, noted.
    pub(super) fn class_default<T: Display>(&mut self, field: &str, value: T) -> T {
        self.assumptions.push(format!("`{field}` not given: {}'s class default {value}", self.dialect.name));
        value
    }

    /// The first of several names for the same whole number that the text part gives.
    pub(super) fn integer(
        &self,
        names: &[&'static str],
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, DocumentError> {
        match names.iter().find(|name| self.text.has(name)) {
            Some(name) => self.text.integer(name, range),
            None => Ok(None),
        }
    }

    /// As [`Reader::integer`], required; the first name is the one asked for.
    pub(super) fn require(
        &self,
        names: &[&'static str],
        range: RangeInclusive<u64>,
    ) -> Result<u64, DocumentError> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.integer(names, range)?.ok_or_else(|| self.text.missing(names.first().unwrap_or(&""), &expected))
    }

    /// A flag of the text part.
    pub(super) fn flag(&self, name: &'static str) -> Result<Option<bool>, DocumentError> {
        self.text.flag(name)
    }
}

fn nest<'a>(fields: &Fields<'a>) -> Result<Option<Fields<'a>>, DocumentError> {
    match NESTS.iter().find(|name| fields.has(name)) {
        Some(name) => fields.map(name),
        None => Ok(None),
    }
}
