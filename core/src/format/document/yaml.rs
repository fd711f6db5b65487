//! YAML 1.2 core schema into [`Node`]s. Anchors and aliases are refused, so a document cannot grow on parsing.

use super::{DocumentError, MAX_DEPTH, Node, Place, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// Parse one YAML document.
///
/// `source` names the file in messages.
pub fn parse(source: &str, text: &str) -> Result<Node, DocumentError> {
    let mut builder = Builder { source, open: Vec::new(), root: None };
    for step in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let (event, span) =
            step.map_err(|error| builder.syntax(error.marker().line(), error.info().to_owned()))?;
        if builder.root.is_some() && matches!(event, Event::DocumentStart(_)) {
            return Err(builder.syntax(span.start.line(), "a second document follows; expected one".into()));
        }
        builder.event(event, span)?;
    }
    Ok(builder.root.unwrap_or(Node { line: 1, value: Value::Null }))
}

struct Builder<'a> {
    source: &'a str,
    open: Vec<Open>,
    root: Option<Node>,
}

enum Open {
    List { line: usize, items: Vec<Node> },
    Map { line: usize, entries: Vec<(String, Node)>, key: Option<String> },
}

impl Builder<'_> {
    fn syntax(&self, line: usize, message: String) -> DocumentError {
        DocumentError::Syntax { place: Place { source: self.source.to_owned(), line }, message }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), DocumentError> {
        let line = span.start.line();
        match event {
            Event::Alias(_) => Err(self.syntax(line, "anchors and aliases are not supported".into())),
            Event::Scalar(text, style, ..) => {
                let value = if style == ScalarStyle::Plain { plain(&text) } else { Value::Text(text.into()) };
                self.place(Node { line, value })
            }
            Event::SequenceStart(..) => self.open(Open::List { line, items: Vec::new() }, line),
            Event::MappingStart(..) => self.open(Open::Map { line, entries: Vec::new(), key: None }, line),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { line, items }) => self.place(Node { line, value: Value::List(items) }),
                Some(Open::Map { line, entries, .. }) => {
                    self.place(Node { line, value: Value::Map(entries) })
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn open(&mut self, container: Open, line: usize) -> Result<(), DocumentError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.syntax(line, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(container);
        Ok(())
    }

    fn place(&mut self, node: Node) -> Result<(), DocumentError> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                if let Some(name) = key.take() {
                    entries.push((name, node));
                } else {
                    *key = Some(field_name(self.source, node, entries)?);
                }
            }
        }
        Ok(())
    }
}

fn field_name(source: &str, node: Node, entries: &[(String, Node)]) -> Result<String, DocumentError> {
    let place = Place { source: source.to_owned(), line: node.line };
    let name = match node.value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        other => {
            let message = format!("a field name is {}; expected text", other.describe());
            return Err(DocumentError::Syntax { place, message });
        }
    };
    if entries.iter().any(|(known, _)| *known == name) {
        return Err(DocumentError::Duplicate { place, field: name });
    }
    Ok(name)
}

/// Resolve an unquoted scalar by the core schema; digits may be grouped with `_`.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let starts_like_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    if !starts_like_number {
        return Value::Text(text.to_owned());
    }
    let digits = text.replace('_', "");
    if let Ok(integer) = digits.parse::<i128>() {
        return Value::Integer(integer);
    }
    let body = digits.trim_start_matches(['-', '+']);
    match body {
        ".nan" | ".NaN" => return Value::Number(f64::NAN),
        ".inf" | ".Inf" => {
            return Value::Number(if digits.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        _ => {}
    }
    match digits.parse::<f64>() {
        Ok(number) if body.bytes().all(|b| b.is_ascii_digit() || b"eE.+-".contains(&b)) => {
            Value::Number(number)
        }
        _ => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_the_core_schema_and_keep_their_line() {
        let node = parse("x.yaml", "a: 1_000\nb: [true, 2.5, ~]\nc: 'no'\nd: 1.2.3\n").unwrap();
        let Value::Map(entries) = node.value else { panic!("a map") };
        assert_eq!(entries[0].1, Node { line: 1, value: Value::Integer(1000) });
        assert_eq!(entries[2].1, Node { line: 3, value: Value::Text("no".into()) });
        assert_eq!(entries[3].1.value, Value::Text("1.2.3".into()));
        let Value::List(items) = &entries[1].1.value else { panic!("a list") };
        assert_eq!(items[1].value, Value::Number(2.5));
    }

    #[test]
    fn duplicates_aliases_and_depth_are_refused() {
        let error = parse("x.yaml", "a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.to_string(), "x.yaml:3: field `a` is given twice");
        assert!(parse("x.yaml", "a: &x 1\nb: *x\n").unwrap_err().to_string().contains("aliases"));
        assert!(parse("x.yaml", &"[".repeat(100_000)).is_err());
    }
}
