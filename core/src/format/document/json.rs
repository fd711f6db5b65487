//! JSON into [`Node`]s. Duplicate keys are an error; lines are known for syntax errors only.

use super::{DocumentError, Node, Place, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Parse one JSON document.
///
/// `source` names the file in messages.
pub fn parse(source: &str, bytes: &[u8]) -> Result<Node, DocumentError> {
    let text = super::encoding::utf8(bytes);
    let strict = read(&text);
    // Python writes three words that JSON does not have.
    let lenient = match &strict {
        Err(_) => super::encoding::quoted_words(&text).map(|text| read(&text)),
        Ok(_) => None,
    };
    lenient.filter(Result::is_ok).unwrap_or(strict).map_err(|error| {
        let text = error.to_string();
        let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
        DocumentError::Syntax { place: Place { source: source.to_owned(), line: error.line() }, message }
    })
}

fn read(bytes: &[u8]) -> Result<Node, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    NodeSeed.deserialize(&mut deserializer).and_then(|node| deserializer.end().map(|()| node))
}

struct NodeSeed;

impl<'de> DeserializeSeed<'de> for NodeSeed {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self).map(|value| Node { line: 0, value })
    }
}

impl<'de> Visitor<'de> for NodeSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(super::encoding::word(value).map_or_else(|| Value::Text(value.to_owned()), Value::Number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("field `{key}` is given twice")));
            }
            entries.push((key, map.next_value_seed(Self)?));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_name_the_line() {
        let error = parse("config.json", b"{\n \"a\": 1,\n \"b\": }\n").unwrap_err();
        assert_eq!(error.to_string(), "config.json:3: expected value");
    }

    #[test]
    fn duplicate_keys_are_refused() {
        let error = parse("config.json", b"{\"a\": 1, \"a\": 2}").unwrap_err();
        assert!(error.to_string().contains("`a` is given twice"), "{error}");
    }

    #[test]
    fn what_python_and_windows_write_is_read() {
        let node =
            parse("c.json", b"{\"a\": [0.0, Infinity], \"b\": -Infinity, \"c\": \"NaN in a text\"}").unwrap();
        let Value::Map(entries) = node.value else { panic!("no map") };
        assert_eq!(entries[1].1.value, Value::Number(f64::NEG_INFINITY));
        assert_eq!(entries[2].1.value, Value::Text("NaN in a text".into()));
        assert!(parse("c.json", b"{\"a\": Nothing}").is_err());
        let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        assert!(parse("c.json", &wide("\u{feff}{\"a\": 1}")).is_ok());
        let swapped: Vec<u8> = "\u{feff}{\"a\": 1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(parse("c.json", &swapped).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse("config.json", &b"[".repeat(100_000)).is_err());
    }
}
