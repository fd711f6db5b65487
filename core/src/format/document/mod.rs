//! Documents people write by hand (YAML profiles, JSON configs) as one tree that remembers line numbers.
//!
//! Both notations become a [`Node`]; [`Fields`] then reads typed, range-checked fields and reports anything
//! missing, misspelt or absurd with file, line, field and what was expected.

mod decimal;
mod encoding;
mod fields;
mod json;
mod yaml;

pub use decimal::decimal;
pub use encoding::utf8;
pub use fields::{Fields, PerLayer, nearest, nearest_names};
pub use json::parse as parse_json;
pub use yaml::parse as parse_yaml;

use std::fmt;

/// Deepest nesting accepted.
pub(crate) const MAX_DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Line in the document, from 1; 0 where the notation's parser does not tell.
    pub line: usize,
    /// What stands there.
    pub value: Value,
}

/// A document value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or an exponent.
    Number(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// Named fields in order.
    Map(Vec<(String, Node)>),
}

impl Value {
    /// What this is, for messages: kind and, if short, the value itself.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "empty".into(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) if value.chars().count() <= 40 => format!("{value:?}"),
            Self::Text(value) => format!("{:?}…", value.chars().take(40).collect::<String>()),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Map(entries) => format!("a map of {} fields", entries.len()),
        }
    }
}

/// File (or other origin) and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// File name, or what the bytes are called.
    pub source: String,
    /// Line from 1; 0 when unknown.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { write!(f, "{}", self.source) } else { write!(f, "{}:{}", self.source, self.line) }
    }
}

/// Why a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not valid in its notation.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A required field is absent.
    #[error("{place}: field `{field}` is missing; expected {expected}")]
    Missing {
        /// The map that lacks it.
        place: Place,
        /// Field with its path.
        field: String,
        /// What should stand there.
        expected: String,
    },
    /// A field holds something else than it should.
    #[error("{place}: field `{field}` is {found}; expected {expected}")]
    Wrong {
        /// Where.
        place: Place,
        /// Field with its path.
        field: String,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A field nobody reads.
    #[error("{place}: unknown field `{field}`{}", hint(.nearest.as_deref()))]
    Unknown {
        /// Where.
        place: Place,
        /// Field with its path.
        field: String,
        /// The known field it resembles.
        nearest: Option<String>,
    },
    /// A field given twice.
    #[error("{place}: field `{field}` is given twice")]
    Duplicate {
        /// The second occurrence.
        place: Place,
        /// Field name.
        field: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
