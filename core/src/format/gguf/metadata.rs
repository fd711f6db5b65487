//! Key-value metadata: scalars, texts and short number arrays are kept; the tokenizer's long ones are stepped over.

use super::GgufError;
use super::cursor::Cursor;
use std::collections::BTreeMap;

/// Longest array kept: enough for one entry per layer.
const MAX_KEPT: u64 = 4_096;
/// Longest text kept, in bytes; chat templates are longer.
const MAX_TEXT: usize = 1_024;
/// Longest key, by the specification.
const MAX_KEY: u64 = 65_535;
const DEFAULT_ALIGNMENT: u64 = 32;

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any integer type.
    Integer(i128),
    /// Either float type.
    Number(f64),
    /// A flag.
    Flag(bool),
    /// A text of at most 1024 bytes.
    Text(String),
    /// Integers or flags (as 0 and 1), at most 4096.
    Integers(Vec<i128>),
    /// Something long that was stepped over: how many elements or bytes.
    Skipped(u64),
}

impl Value {
    /// For messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Flag(value) => value.to_string(),
            Self::Text(text) => format!("{text:?}"),
            Self::Integers(values) => format!("a list of {} numbers", values.len()),
            Self::Skipped(length) => format!("a list or text of length {length}"),
        }
    }
}

/// Keys and values of the header.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    entries: BTreeMap<String, Value>,
}

/// Value types by their codes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsigned(u64),
    Signed(u64),
    Float(u64),
    Bool,
    Text,
    Array,
}

impl Kind {
    fn read(cursor: &mut Cursor<'_>, key: &str) -> Result<Self, GgufError> {
        let what = || format!("the type of `{key}`");
        let code = cursor.u32(&what())?;
        Ok(match code {
            0 => Self::Unsigned(1),
            1 => Self::Signed(1),
            2 => Self::Unsigned(2),
            3 => Self::Signed(2),
            4 => Self::Unsigned(4),
            5 => Self::Signed(4),
            6 => Self::Float(4),
            7 => Self::Bool,
            8 => Self::Text,
            9 => Self::Array,
            10 => Self::Unsigned(8),
            11 => Self::Signed(8),
            12 => Self::Float(8),
            _ => {
                return Err(cursor.malformed(4, &what(), code.to_string(), "a value type code from 0 to 12"));
            }
        })
    }

    /// Fewest bytes of one value.
    const fn least_bytes(self) -> u64 {
        match self {
            Self::Unsigned(width) | Self::Signed(width) | Self::Float(width) => width,
            Self::Bool => 1,
            Self::Text => 8,
            Self::Array => 12,
        }
    }
}

impl Metadata {
    pub(super) fn read(cursor: &mut Cursor<'_>, count: u64) -> Result<Self, GgufError> {
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let offset = cursor.position();
            let key = cursor.name("a metadata key", MAX_KEY)?;
            if entries.contains_key(key) {
                return Err(GgufError::Duplicate { offset, what: "key", name: key.to_owned() });
            }
            let kind = Kind::read(cursor, key)?;
            let value = if kind == Kind::Array { array(cursor, key)? } else { scalar(cursor, key, kind)? };
            entries.insert(key.to_owned(), value);
        }
        Ok(Self { entries })
    }

    /// A value by its full key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    /// A text by its full key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A count by its full key: any integer that is not negative.
    pub fn count(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(Value::Integer(value)) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Keys and values in alphabetical order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.entries.iter()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Alignment of tensor data in bytes.
    pub(super) fn alignment(&self) -> Result<u64, GgufError> {
        const KEY: &str = "general.alignment";
        match (self.get(KEY), self.count(KEY)) {
            (None, _) => Ok(DEFAULT_ALIGNMENT),
            (_, Some(alignment)) if alignment.is_power_of_two() && alignment <= 1 << 20 => Ok(alignment),
            (Some(found), _) => Err(GgufError::Metadata {
                key: KEY.to_owned(),
                found: found.describe(),
                expected: "a power of two up to 1048576".to_owned(),
            }),
        }
    }
}

fn scalar(cursor: &mut Cursor<'_>, key: &str, kind: Kind) -> Result<Value, GgufError> {
    Ok(match kind {
        Kind::Float(4) => Value::Number(f32::from_bits(cursor.u32(key)?).into()),
        Kind::Float(_) => Value::Number(f64::from_bits(cursor.u64(key)?)),
        Kind::Bool => Value::Flag(cursor.u8(key)? != 0),
        Kind::Text => {
            let text = cursor.string(key)?;
            if text.len() > MAX_TEXT {
                Value::Skipped(text.len() as u64)
            } else {
                Value::Text(String::from_utf8_lossy(text).into_owned())
            }
        }
        _ => Value::Integer(integer(cursor, key, kind)?),
    })
}

fn integer(cursor: &mut Cursor<'_>, key: &str, kind: Kind) -> Result<i128, GgufError> {
    Ok(match kind {
        Kind::Unsigned(2) => cursor.u16(key)?.into(),
        Kind::Unsigned(4) => cursor.u32(key)?.into(),
        Kind::Unsigned(8) => cursor.u64(key)?.into(),
        Kind::Signed(1) => cursor.u8(key)?.cast_signed().into(),
        Kind::Signed(2) => cursor.u16(key)?.cast_signed().into(),
        Kind::Signed(4) => cursor.u32(key)?.cast_signed().into(),
        Kind::Signed(_) => cursor.u64(key)?.cast_signed().into(),
        _ => cursor.u8(key)?.into(),
    })
}

fn array(cursor: &mut Cursor<'_>, key: &str) -> Result<Value, GgufError> {
    let kind = Kind::read(cursor, key)?;
    if kind == Kind::Array {
        return Err(cursor.malformed(
            4,
            &format!("`{key}`"),
            "a list of lists".into(),
            "a list of plain values",
        ));
    }
    let count = cursor.count(&format!("the length of `{key}`"), kind.least_bytes())?;
    match kind {
        Kind::Text => {
            for _ in 0..count {
                cursor.string(key)?;
            }
            Ok(Value::Skipped(count))
        }
        Kind::Unsigned(_) | Kind::Signed(_) | Kind::Bool if count <= MAX_KEPT => {
            let mut values = Vec::new();
            for _ in 0..count {
                values.push(integer(cursor, key, kind)?);
            }
            Ok(Value::Integers(values))
        }
        _ => {
            // Checked by `count` not to overflow.
            cursor.skip(key, count * kind.least_bytes())?;
            Ok(Value::Skipped(count))
        }
    }
}
