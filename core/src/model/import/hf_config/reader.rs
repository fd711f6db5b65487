//! One config at hand: its nested text part, its family, and the list of what had to be assumed.

use super::super::draft::MAX_LAYERS;
use crate::format::document::{DocumentError, Fields, Node, PerLayer, Value};
use crate::model::family;
use crate::model::family::{Conventions, Family};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Where multimodal configs keep their language model.
const NESTS: [&str; 6] =
    ["text_config", "language_config", "llm_config", "thinker_config", "text_model", "language_model"];

/// A config being read.
pub(in crate::model) struct Reader<'a> {
    /// The whole document.
    pub(super) outer: Fields<'a>,
    /// The language model's fields: nested, or the document itself.
    pub(super) text: Fields<'a>,
    /// The text part was nested.
    pub(super) nested: bool,
    /// `model_type` of the text part.
    pub(super) model_type: String,
    /// Its family, or what is assumed.
    pub(super) family: &'static Family,
    /// What its class, or the wrapper's, fills into a nested part, and that type.
    filled: Option<(&'static str, &'static [(&'static str, u64)])>,
    /// Conventions of that family.
    pub(super) conventions: Conventions,
    /// The type is listed.
    pub(super) known: bool,
    /// What had to be assumed, in sentences.
    pub(super) assumptions: Vec<String>,
    /// Parts whose size is not known.
    pub(super) uncounted: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Find the text part and its family.
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
        let stated =
            text.text("model_type")?.or(outer_type).or_else(|| family::of_field(|name| text.has(name)));
        let version = outer.number("version", 0.0..=1e3).ok().flatten();
        let model_type = family::of_version(stated.unwrap_or("unknown"), version).to_owned();
        // A wrapper's type decides only where the text part states none.
        let by_type = family::family(&model_type);
        let classes = match text.texts("architectures") {
            Ok(classes) if !classes.is_empty() => classes,
            _ => outer.texts("architectures")?,
        };
        let by_class = || classes.iter().find_map(|class| family::of_class(class));
        let found = by_type.or_else(by_class);
        let family = found.unwrap_or(family::FALLBACK);
        let filled = family::filled(outer_type.unwrap_or_default(), &model_type).filter(|_| nested);
        let mut reader = Self {
            outer,
            filled,
            text,
            nested,
            model_type,
            family,
            conventions: family.conventions,
            known: found.is_some(),
            assumptions: Vec::new(),
            uncounted: Vec::new(),
        };
        let what = if stated.is_some() { "is not listed" } else { "is not given" };
        if !reader.known {
            // Squared ReLU and its kin stand in blocks of two matrices.
            let gated = !matches!(reader.text.text("hidden_act")?, Some("relu" | "relu2" | "xielu"));
            reader.conventions.gated_ffn = gated;
            let block = if gated { "a gated FFN" } else { "an FFN of two matrices, by its `hidden_act`" };
            let sentence = format!(
                "model_type `{}` {what}: assumed llama's tensors (two norms a layer, {block}, biases only where stated)",
                reader.model_type
            );
            reader.assume(sentence);
        } else if by_type.is_none() {
            let sentence =
                format!("model_type `{}` {what}: read as {}, by its class", reader.model_type, family.name);
            reader.assume(sentence);
        }
        Ok(reader)
    }

    /// Note an assumption.
    pub(in crate::model) fn assume(&mut self, sentence: String) {
        self.assumptions.push(sentence);
    }

    /// Fields that were thought of and change nothing here.
    pub(in crate::model) fn touch(&self, names: &[&'static str]) {
        for name in names {
            self.text.has(name);
        }
    }

    /// A default that the config class supplies, noted.
    pub(in crate::model) fn class_default<T: Display>(&mut self, field: &str, value: T) -> T {
        self.assumptions
            .push(format!("`{field}` not given: {}'s class default {value}", self.family.class()));
        value
    }

    /// Whether the text part has a field with a value.
    pub(in crate::model) fn has(&self, name: &'static str) -> bool {
        self.text.has(name)
    }

    /// Whether the model's type has this word in it.
    pub(in crate::model) fn is_of_type(&self, word: &str) -> bool {
        self.model_type.split('_').any(|part| part == word)
    }

    /// Whether the text part has a field, even as an explicit null.
    pub(in crate::model) fn states(&self, name: &str) -> bool {
        self.text.states(name)
    }

    /// The first of several names that the text part gives; the others count as read.
    fn first(&self, names: &[&'static str]) -> Option<&'static str> {
        let mut found = None;
        for name in names {
            if self.text.has(name) && found.is_none() {
                found = Some(*name);
            }
        }
        found
    }

    /// The first of several names for the same whole number that the text part gives. A list whose entries agree says the
    /// same as a number.
    pub(in crate::model) fn integer(
        &self,
        names: &[&'static str],
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, DocumentError> {
        let Some(name) = self.first(names) else { return Ok(None) };
        if let Some(Node { value: Value::List(_), .. }) = self.text.node(name) {
            let list = self.text.integers(name, range)?.unwrap_or_default();
            return match list.split_first() {
                Some((first, rest)) if rest.iter().all(|value| value == first) => Ok(Some(*first)),
                _ => Err(self.wrong(name, &format!("a list of {}", list.len()), "one number for all layers")),
            };
        }
        self.text.integer(name, range)
    }

    /// A whole number that the config states, or its class fills in.
    pub(super) fn stated_or_default(
        &mut self,
        names: &[&'static str],
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, DocumentError> {
        if let Some(stated) = self.integer(names, range)? {
            return Ok(Some(stated));
        }
        if let Some(filled) = self.filled_in(names) {
            return Ok(Some(filled));
        }
        let family = self.family;
        let default = names.iter().find_map(|name| {
            // An explicit null says that there is none.
            let filled = self.nested || *name == "num_key_value_heads";
            let width = family.width_of(name).filter(|_| filled && !self.text.states(name));
            Some((name, family.default_of(name).or(width)?))
        });
        Ok(default.map(|(name, value)| self.class_default(name, value)))
    }

    /// What the class of a nested part, or its wrapper's, fills in for a field that is left out.
    fn filled_in(&mut self, names: &[&'static str]) -> Option<u64> {
        let (class, fields) = self.filled?;
        let left_out = |name: &&'static str| !self.text.states(name);
        let (name, value) = fields
            .iter()
            .find(|(field, _)| names.iter().filter(|name| left_out(name)).any(|name| name == field))?;
        self.assumptions.push(format!("`{name}` not given: {class}'s class default {value}"));
        Some(*value)
    }

    /// What the class fills in for a field that the config leaves out under every one of its names.
    pub(in crate::model) fn left_out(&mut self, names: &[&'static str]) -> Option<u64> {
        if names.iter().any(|name| self.text.states(name)) {
            return None;
        }
        let family = self.family;
        let default = names.iter().find_map(|name| Some((*name, family.default_of(name)?)));
        default.map(|(name, value)| self.class_default(name, value))
    }

    /// As [`Reader::integer`], required; the first name is the one asked for.
    pub(in crate::model) fn require(
        &self,
        names: &[&'static str],
        range: RangeInclusive<u64>,
    ) -> Result<u64, DocumentError> {
        let expected = whole(&range);
        self.integer(names, range)?.ok_or_else(|| self.missing(names.first().unwrap_or(&""), &expected))
    }

    /// A whole number; nothing where `auto` stands for what the class derives.
    pub(in crate::model) fn integer_or_auto(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, DocumentError> {
        match self.text.node(name).map(|node| &node.value) {
            Some(Value::Text(text)) if text == "auto" => Ok(None),
            _ => self.text.integer(name, range),
        }
    }

    /// One whole number for each of `layers` layers: a number, or a list that may go on for the drafting layers.
    pub(in crate::model) fn layered(
        &self,
        names: &[&'static str],
        range: RangeInclusive<u64>,
        layers: usize,
    ) -> Result<Option<PerLayer>, DocumentError> {
        let Some(name) = self.first(names) else { return Ok(None) };
        Ok(match self.text.per_layer(name, range)? {
            Some(PerLayer::Each(mut values)) => {
                self.check_length(name, values.len(), layers)?;
                values.truncate(layers);
                Some(PerLayer::Each(values))
            }
            other => other,
        })
    }

    /// A list has an entry for each layer, and may have one for each drafting layer.
    pub(in crate::model) fn check_length(
        &self,
        name: &str,
        found: usize,
        layers: usize,
    ) -> Result<(), DocumentError> {
        let drafts = usize::try_from(self.drafts()?).unwrap_or(0);
        if found == layers || found > layers && found <= layers + drafts {
            return Ok(());
        }
        let expected = format!("one entry for each of {layers} layers");
        Err(self.wrong(name, &format!("a list of {found}"), &expected))
    }

    /// Multi-token-prediction layers that the config declares.
    pub(super) fn drafts(&self) -> Result<u64, DocumentError> {
        const NAMES: [&str; 4] =
            ["num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers", "num_mtp_modules"];
        Ok(self.integer(&NAMES, 0..=MAX_LAYERS)?.unwrap_or(0))
    }

    /// A flag of the text part.
    pub(in crate::model) fn flag(&self, name: &'static str) -> Result<Option<bool>, DocumentError> {
        self.text.flag(name)
    }

    /// A flag that is the same in every model that is described: the other form is refused.
    pub(in crate::model) fn always(&self, name: &'static str, usual: bool) -> Result<(), DocumentError> {
        match self.flag(name)? {
            Some(stated) if stated != usual => {
                let expected = format!("{usual}: tensors of the other form are not described here");
                Err(self.wrong(name, &stated.to_string(), &expected))
            }
            _ => Ok(()),
        }
    }

    /// A text of the text part.
    pub(in crate::model) fn text(&self, name: &'static str) -> Result<Option<&'a str>, DocumentError> {
        self.text.text(name)
    }

    /// A list of texts of the text part.
    pub(in crate::model) fn texts(&self, name: &'static str) -> Result<Vec<String>, DocumentError> {
        self.text.texts(name)
    }

    /// A list of whole numbers of the text part; a single number is a list of one, and numbers in a text are one too.
    pub(in crate::model) fn integers(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Vec<u64>>, DocumentError> {
        match self.text.node(name).map(|node| &node.value) {
            None => Ok(None),
            Some(Value::List(_)) => self.text.integers(name, range),
            Some(Value::Text(text)) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                let numbers: Option<Vec<u64>> =
                    parts.map(|part| part.parse().ok().filter(|number| range.contains(number))).collect();
                let expected = format!("numbers between commas, each {}", whole(&range));
                numbers.map(Some).ok_or_else(|| self.wrong(name, &format!("{text:?}"), &expected))
            }
            Some(_) => Ok(self.text.integer(name, range)?.map(|number| vec![number])),
        }
    }

    /// A list of numbers of the text part; a single number is a list of one.
    pub(in crate::model) fn numbers(
        &self,
        name: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<Vec<f64>>, DocumentError> {
        match self.text.node(name).map(|node| &node.value) {
            Some(Value::List(items)) => {
                let number = |node: &Node| match node.value {
                    Value::Integer(value) => Some(value as f64),
                    Value::Number(value) => Some(value),
                    _ => None,
                };
                let numbers: Option<Vec<f64>> =
                    items.iter().map(|node| number(node).filter(|value| range.contains(value))).collect();
                let expected = format!("numbers from {} to {}", range.start(), range.end());
                numbers.map(Some).ok_or_else(|| self.wrong(name, "a list", &expected))
            }
            _ => Ok(self.text.number(name, range)?.map(|number| vec![number])),
        }
    }

    /// A number of the text part.
    pub(in crate::model) fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, DocumentError> {
        self.text.number(name, range)
    }

    /// A map within the text part.
    pub(in crate::model) fn map(&self, name: &'static str) -> Result<Option<Fields<'a>>, DocumentError> {
        self.text.map(name)
    }

    /// A list of maps within the text part.
    pub(in crate::model) fn maps(&self, name: &'static str) -> Result<Vec<Fields<'a>>, DocumentError> {
        self.text.maps(name)
    }

    /// A map of the whole document.
    pub(in crate::model) fn outer_map(
        &self,
        name: &'static str,
    ) -> Result<Option<Fields<'a>>, DocumentError> {
        self.outer.map(name)
    }

    /// The error for a field whose value does not fit.
    pub(in crate::model) fn wrong(&self, name: &str, found: &str, expected: &str) -> DocumentError {
        self.text.wrong_value(name, found, expected)
    }

    /// The error for an absent field.
    pub(in crate::model) fn missing(&self, name: &str, expected: &str) -> DocumentError {
        self.text.missing(name, expected)
    }
}

fn nest<'a>(fields: &Fields<'a>) -> Result<Option<Fields<'a>>, DocumentError> {
    for name in NESTS {
        // InternVL writes the same word for a name.
        if fields.node(name).is_some_and(|node| matches!(node.value, Value::Map(_))) {
            return fields.map(name);
        }
    }
    Ok(None)
}

fn whole(range: &RangeInclusive<u64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}
