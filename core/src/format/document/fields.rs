//! Typed reading of a map's fields, with range checks and a look for misspelt names.

use super::{DocumentError, Node, Place, Value};
use crate::leaf::cast::to_u64;
use std::cell::RefCell;
use std::ops::RangeInclusive;

/// The fields of one map, and which of them have been read.
#[derive(Debug)]
pub struct Fields<'a> {
    source: &'a str,
    path: String,
    line: usize,
    entries: &'a [(String, Node)],
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    /// Read `node` as a map.
    pub fn of(source: &'a str, node: &'a Node) -> Result<Self, DocumentError> {
        Self::at(source, String::new(), node)
    }

    fn at(source: &'a str, path: String, node: &'a Node) -> Result<Self, DocumentError> {
        match &node.value {
            Value::Map(entries) => {
                Ok(Self { source, path, line: node.line, entries, known: RefCell::default() })
            }
            other => Err(DocumentError::Wrong {
                place: Place { source: source.to_owned(), line: node.line },
                field: if path.is_empty() { "the document".into() } else { path },
                found: other.describe(),
                expected: "named fields".into(),
            }),
        }
    }

    /// The node of a field; an explicit null counts as absent.
    pub fn node(&self, name: &'static str) -> Option<&'a Node> {
        self.known.borrow_mut().push(name);
        let found = self.entries.iter().find(|(key, _)| key == name).map(|(_, node)| node);
        found.filter(|node| node.value != Value::Null)
    }

    /// Whether a field stands there, even as an explicit null.
    pub fn states(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key == name)
    }

    /// Whether a field stands there with a value.
    pub fn has(&self, name: &'static str) -> bool {
        self.node(name).is_some()
    }

    /// A whole number within `range`.
    pub fn integer(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, DocumentError> {
        self.node(name).map(|node| self.integer_node(name, node, &range)).transpose()
    }

    /// A whole number within `range` that must be there.
    pub fn require_integer(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<u64, DocumentError> {
        let expected = whole(&range);
        self.integer(name, range)?.ok_or_else(|| self.missing(name, &expected))
    }

    fn integer_node(
        &self,
        name: &str,
        node: &Node,
        range: &RangeInclusive<u64>,
    ) -> Result<u64, DocumentError> {
        let exact = match node.value {
            Value::Integer(value) => u64::try_from(value).ok(),
            // 1e6 and 6144.0 are whole numbers too.
            Value::Number(value) if value.fract() == 0.0 && (0.0..1e15).contains(&value) => {
                Some(to_u64(value))
            }
            _ => None,
        };
        match exact {
            Some(value) if range.contains(&value) => Ok(value),
            _ => Err(self.wrong(name, node, &whole(range))),
        }
    }

    /// A finite number within `range`.
    pub fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, DocumentError> {
        let Some(node) = self.node(name) else { return Ok(None) };
        let value = match node.value {
            Value::Integer(value) => value as f64,
            Value::Number(value) => value,
            _ => f64::NAN,
        };
        if range.contains(&value) {
            Ok(Some(value))
        } else {
            Err(self.wrong(name, node, &format!("a number from {} to {}", range.start(), range.end())))
        }
    }

    /// Yes or no.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, DocumentError> {
        self.node(name)
            .map(|node| match node.value {
                Value::Bool(value) => Ok(value),
                _ => Err(self.wrong(name, node, "true or false")),
            })
            .transpose()
    }

    /// Text.
    pub fn text(&self, name: &'static str) -> Result<Option<&'a str>, DocumentError> {
        self.node(name)
            .map(|node| match &node.value {
                Value::Text(value) => Ok(value.as_str()),
                _ => Err(self.wrong(name, node, "text")),
            })
            .transpose()
    }

    /// Text that must be there.
    pub fn require_text(&self, name: &'static str) -> Result<&'a str, DocumentError> {
        self.text(name)?.ok_or_else(|| self.missing(name, "text"))
    }

    /// One of `choices`.
    pub fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, DocumentError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = choices.iter().find(|(key, _)| *key == text).map(|(_, value)| *value);
        let names: Vec<&str> = choices.iter().map(|(key, _)| *key).collect();
        found.map(Some).ok_or_else(|| {
            self.wrong_value(name, &format!("{text:?}"), &format!("one of {}", names.join(", ")))
        })
    }

    /// A list, each item one of `choices`; a single text counts as a list of one.
    pub fn choices<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Vec<T>, DocumentError> {
        let one = |text: &String| {
            let found = choices.iter().find(|(known, _)| known == text).map(|(_, value)| *value);
            found.ok_or_else(|| {
                let known: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
                self.wrong_value(name, &format!("{text:?}"), &format!("one of {}", known.join(", ")))
            })
        };
        self.texts(name)?.iter().map(one).collect()
    }

    /// A list of texts; a single text counts as a list of one.
    pub fn texts(&self, name: &'static str) -> Result<Vec<String>, DocumentError> {
        let Some(node) = self.node(name) else { return Ok(Vec::new()) };
        let wrong = |node: &Node| self.wrong(name, node, "text or a list of texts");
        match &node.value {
            Value::Text(text) => Ok(vec![text.clone()]),
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => Ok(text.clone()),
                    _ => Err(wrong(item)),
                })
                .collect(),
            _ => Err(wrong(node)),
        }
    }

    /// A list of whole numbers.
    pub fn integers(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Vec<u64>>, DocumentError> {
        let Some(node) = self.node(name) else { return Ok(None) };
        match &node.value {
            Value::List(items) => items
                .iter()
                .map(|item| self.integer_node(name, item, &range))
                .collect::<Result<_, _>>()
                .map(Some),
            _ => Err(self.wrong(name, node, &format!("a list, each item {}", whole(&range)))),
        }
    }

    /// A whole number for every layer alike, or a list with one for each.
    pub fn per_layer(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<PerLayer>, DocumentError> {
        match self.node(name).map(|node| &node.value) {
            Some(Value::List(_)) => Ok(self.integers(name, range)?.map(PerLayer::Each)),
            Some(_) => Ok(self.integer(name, range)?.map(PerLayer::Same)),
            None => Ok(None),
        }
    }

    /// A nested map.
    pub fn map(&self, name: &'static str) -> Result<Option<Self>, DocumentError> {
        self.node(name).map(|node| Self::at(self.source, self.qualified(name), node)).transpose()
    }

    /// A map of nested maps whose names are data, in order.
    pub fn named_maps(&self, name: &'static str) -> Result<Vec<(&'a str, Self)>, DocumentError> {
        let Some(outer) = self.map(name)? else { return Ok(Vec::new()) };
        let at = |(key, node): &'a (String, Node)| {
            Self::at(self.source, outer.qualified(key), node).map(|fields| (key.as_str(), fields))
        };
        outer.entries.iter().map(at).collect()
    }

    /// A list of nested maps.
    pub fn maps(&self, name: &'static str) -> Result<Vec<Self>, DocumentError> {
        let Some(node) = self.node(name) else { return Ok(Vec::new()) };
        let Value::List(items) = &node.value else { return Err(self.wrong(name, node, "a list of maps")) };
        let at = |(i, item)| Self::at(self.source, format!("{}[{i}]", self.qualified(name)), item);
        items.iter().enumerate().map(at).collect()
    }

    /// Every field with its value, in order.
    pub fn entries(&self) -> &'a [(String, Node)] {
        self.entries
    }

    /// Fields that nobody has asked for.
    pub fn unread(&self) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let known = self.known.borrow().clone();
        let unread = self.entries.iter().filter(move |(key, _)| !known.contains(&key.as_str()));
        unread.map(|(key, node)| (key.as_str(), node))
    }

    /// Refuse fields that nobody asked for.
    pub fn finish(&self) -> Result<(), DocumentError> {
        let known = self.known.borrow();
        match self.entries.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, node)) => Err(DocumentError::Unknown {
                place: self.place(node.line),
                field: self.qualified(key),
                nearest: nearest(key, known.iter().copied()).map(str::to_owned),
            }),
        }
    }

    /// The error for a field whose value does not fit.
    pub fn wrong(&self, name: &str, node: &Node, expected: &str) -> DocumentError {
        DocumentError::Wrong {
            place: self.place(node.line),
            field: self.qualified(name),
            found: node.value.describe(),
            expected: expected.to_owned(),
        }
    }

    /// The error for a field whose value does not fit, where the node is no longer at hand.
    pub fn wrong_value(&self, name: &str, found: &str, expected: &str) -> DocumentError {
        let line = self.entries.iter().find(|(key, _)| key == name).map_or(self.line, |(_, node)| node.line);
        DocumentError::Wrong {
            place: self.place(line),
            field: self.qualified(name),
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }

    /// The error for an absent field.
    pub fn missing(&self, name: &str, expected: &str) -> DocumentError {
        DocumentError::Missing {
            place: self.place(self.line),
            field: self.qualified(name),
            expected: expected.to_owned(),
        }
    }

    fn place(&self, line: usize) -> Place {
        Place { source: self.source.to_owned(), line }
    }

    fn qualified(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// A value that may differ by layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PerLayer {
    /// One for all.
    Same(u64),
    /// One for each.
    Each(Vec<u64>),
}

impl PerLayer {
    /// The value of a layer; the last one when the list is short (lengths are checked by the reader).
    pub fn at(&self, layer: usize) -> u64 {
        match self {
            Self::Same(value) => *value,
            Self::Each(values) => values.get(layer).or(values.last()).copied().unwrap_or(0),
        }
    }

    /// Length of the list, if it is one.
    pub fn list_length(&self) -> Option<usize> {
        match self {
            Self::Same(_) => None,
            Self::Each(values) => Some(values.len()),
        }
    }

    /// Largest value.
    pub fn max(&self) -> u64 {
        match self {
            Self::Same(value) => *value,
            Self::Each(values) => values.iter().copied().max().unwrap_or(0),
        }
    }
}

fn whole(range: &RangeInclusive<u64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

/// The name among `known` that a misspelt one most likely means.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let best = known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name.to_ascii_lowercase(), candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}

/// Up to three of `known` that look like `name`, nearest first, comma-separated.
pub fn nearest_names<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let mut left: Vec<&str> = known.into_iter().collect();
    let mut found = Vec::new();
    while let Some(close) = nearest(name, left.iter().copied()).filter(|_| found.len() < 3) {
        left.retain(|other| *other != close);
        found.push(close);
    }
    (!found.is_empty()).then(|| found.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::parse_yaml;
    use super::*;

    fn error(text: &str, read: impl Fn(&Fields<'_>) -> Result<(), DocumentError>) -> String {
        let node = parse_yaml("m.yaml", text).unwrap();
        let fields = Fields::of("m.yaml", &node).unwrap();
        read(&fields).unwrap_err().to_string()
    }

    #[test]
    fn messages_name_file_line_field_value_and_expectation() {
        assert_eq!(
            error("a: 1\nlayers: -3\n", |f| f.integer("layers", 1..=10).map(drop)),
            "m.yaml:2: field `layers` is -3; expected a whole number from 1 to 10"
        );
        assert_eq!(
            error("a: 1\n", |f| f.require_text("name").map(drop)),
            "m.yaml:1: field `name` is missing; expected text"
        );
        assert_eq!(
            error("hiden_size: 4\n", |f| f.integer("hidden_size", 1..=10).and_then(|_| f.finish())),
            "m.yaml:1: unknown field `hiden_size`; did you mean `hidden_size`?"
        );
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        let node = parse_yaml("m.yaml", "a: 6144.0\nb: 1e3\nc: 1.5\n").unwrap();
        let fields = Fields::of("m.yaml", &node).unwrap();
        assert_eq!(fields.integer("a", 0..=10_000).unwrap(), Some(6144));
        assert_eq!(fields.integer("b", 0..=10_000).unwrap(), Some(1000));
        assert!(fields.integer("c", 0..=10_000).is_err());
    }
}
