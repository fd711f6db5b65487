//! Training data from Parquet: columns of text, flat or in a list of messages.
//!
//! Columns that training does not need are not decoded.

use super::example::Line;
use crate::checkpoint::tokenizer::Message;
use bytes::Bytes;
use parquet::basic::Type as Physical;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use std::panic::catch_unwind;
use std::sync::Arc;

const EXPECTED: &str =
    "expected text columns messages (a list of role and content), prompt and completion, or text";

/// Every row as a line of data.
pub(super) fn lines(file: Bytes) -> Result<Vec<Line>, String> {
    // A guard: should the crate panic on a damaged file, that is an error of the file.
    catch_unwind(|| rows(file)).unwrap_or_else(|_| Err("the file is damaged".to_owned()))
}

fn rows(file: Bytes) -> Result<Vec<Line>, String> {
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let is_text = |path: &[&str]| {
        let mut columns = schema.columns().iter();
        columns.any(|column| column.path().parts() == path && column.physical_type() == Physical::BYTE_ARRAY)
    };
    let ends = |name: &str| {
        schema.columns().iter().any(|column| {
            let parts = column.path().parts();
            let is_message = parts.len() > 1 && parts.first().is_some_and(|first| first == "messages");
            is_message && parts.last().is_some_and(|last| last == name)
        })
    };
    let line: fn(&Row) -> Result<Line, String>;
    let wanted: &[&str];
    if ends("role") && ends("content") {
        (line, wanted) = (conversation, &["messages"]);
    } else if is_text(&["prompt"]) && is_text(&["completion"]) {
        (line, wanted) = (pair, &["prompt", "completion"]);
    } else if is_text(&["text"]) {
        (line, wanted) = (text, &["text"]);
    } else {
        let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
        return Err(format!("none of the known columns among {}; {EXPECTED}", names.join(", ")));
    }
    let root = schema.root_schema();
    let fields = root.get_fields().iter().filter(|field| wanted.contains(&field.name())).map(Arc::clone);
    let chosen = Type::group_type_builder(root.name()).with_fields(fields.collect()).build();
    let rows = chosen.and_then(|chosen| reader.get_row_iter(Some(chosen)));
    let rows = rows.map_err(|error| error.to_string())?;
    let read = |(index, row): (usize, parquet::errors::Result<Row>)| {
        let row = row.map_err(|error| error.to_string()).and_then(|row| line(&row));
        row.map_err(|problem| format!("row {}: {problem}", index + 1))
    };
    rows.enumerate().map(read).collect()
}

fn text(row: &Row) -> Result<Line, String> {
    Ok(Line::Text { text: cell(row, "text")? })
}

fn pair(row: &Row) -> Result<Line, String> {
    Ok(Line::Pair { prompt: cell(row, "prompt")?, completion: cell(row, "completion")? })
}

fn conversation(row: &Row) -> Result<Line, String> {
    let messages = row.get_column_iter().next().map(|(_, field)| field);
    let Some(Field::ListInternal(list)) = messages else {
        return Err("messages that are no list".to_owned());
    };
    let message = |field: &Field| match field {
        Field::Group(group) => {
            let part = |name| cell(group, name).map_err(|_| "a message without role or content".to_owned());
            Ok(Message { role: part("role")?, content: part("content")? })
        }
        _ => Err("a message that is no group of role and content".to_owned()),
    };
    Ok(Line::Messages { messages: list.elements().iter().map(message).collect::<Result<_, _>>()? })
}

/// The text of a column.
fn cell(row: &Row, name: &str) -> Result<String, String> {
    match row.get_column_iter().find(|(own, _)| *own == name).map(|(_, field)| field) {
        Some(Field::Str(text)) => Ok(text.clone()),
        Some(Field::Bytes(bytes)) => {
            String::from_utf8(bytes.data().to_vec()).map_err(|_| "a text that is no UTF-8".to_owned())
        }
        _ => Err("a missing text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Bytes {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/parquet");
        std::fs::read(format!("{folder}/{name}.parquet")).unwrap().into()
    }

    /// What each fixture holds, whatever its pages are like (`tests/scripts/parquet_fixtures.py`).
    fn shown(lines: &[Line]) -> Vec<String> {
        let one = |line: &Line| match line {
            Line::Messages { messages } => {
                messages.iter().map(|m| format!("{}: {}", m.role, m.content)).collect::<Vec<_>>().join(" | ")
            }
            Line::Pair { prompt, completion } => format!("{prompt} -> {completion}"),
            Line::Text { text } => text.clone(),
        };
        lines.iter().map(one).collect()
    }

    #[test]
    fn every_layout_gives_the_same_rows() {
        for name in ["pairs", "pairs-plain", "pairs-v2"] {
            let rows = shown(&lines(fixture(name)).unwrap());
            assert_eq!(rows.len(), 300, "{name}");
            assert_eq!(
                (&*rows[0], &*rows[299]),
                ("question 0 -> answer 0 é", "question 299 -> answer 5 é"),
                "{name}"
            );
        }
        let rows = shown(&lines(fixture("messages")).unwrap());
        assert_eq!(rows, ["user: one | assistant: two", "", "system: s | user: three | assistant: four"]);
        for name in ["text", "zstd", "gzip"] {
            assert_eq!(shown(&lines(fixture(name)).unwrap()), ["first", "second"], "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |bytes: Bytes| lines(bytes).unwrap_err();
        assert!(error(Bytes::from_static(b"{\"text\": \"a\"}")).contains("Parquet"));
        assert!(error(fixture("other")).contains("none of the known columns among name"));
        assert!(error(fixture("missing")).contains("row 2: a missing text"));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let whole = fixture("pairs");
        for at in (4..whole.len() - 8).step_by(7) {
            let mut broken = whole.to_vec();
            broken[at] ^= 0x5a;
            let _ = lines(broken.into());
        }
        for cut in (0..whole.len()).step_by(11) {
            assert!(lines(whole.slice(..cut)).is_err());
        }
    }
}
