//! JSON into types, with the path of what does not fit. One reading for each type: a deserialiser that keeps track of paths would be
//! compiled once more for each, which is half a megabyte of program.

use serde::de::DeserializeOwned;
use std::fmt::Write;

/// A value of the wrong type or without a field, and where.
#[derive(Debug, thiserror::Error)]
#[error("field {path}: {source}")]
pub(crate) struct Misfit {
    /// Names and places from the outermost map on, as `runs[2].speed`; `.` for the whole.
    pub(crate) path: String,
    /// What was found and expected.
    pub(crate) source: serde_json::Error,
}

/// Read `text`.
pub(crate) fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Misfit> {
    serde_json::from_str(text).map_err(|source| Misfit { path: path_of(text, &source), source })
}

fn path_of(text: &str, error: &serde_json::Error) -> String {
    let Some(line) = error.line().checked_sub(1) else { return ".".to_owned() };
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let end = before.saturating_add(error.column()).min(text.len());
    let mut steps = steps(text.as_bytes().get(..end).unwrap_or_default());
    // A map that lacks a field is at fault itself, which shows at its end.
    if error.to_string().starts_with("missing field")
        && text.as_bytes().get(end.wrapping_sub(1)) == Some(&b'}')
    {
        steps.pop();
    }
    let mut path = String::new();
    for step in &steps {
        match step {
            Step::Field(name) if path.is_empty() => path.push_str(name),
            Step::Field(name) => write!(path, ".{name}").unwrap_or_default(),
            Step::Item(place) => write!(path, "[{place}]").unwrap_or_default(),
        }
    }
    if path.is_empty() { ".".to_owned() } else { path }
}

/// A step from a value to one in it.
enum Step {
    Field(String),
    Item(usize),
}

/// The steps to the last value of JSON that was cut there; a closing bracket at the very end still counts as inside.
fn steps(json: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut at, last) = (0, json.len().saturating_sub(1));
    let mut names = false;
    while let Some(sign) = json.get(at) {
        match sign {
            b'{' => {
                steps.push(Step::Field(String::new()));
                names = true;
            }
            b'[' => {
                steps.push(Step::Item(0));
                names = false;
            }
            b'}' | b']' if at < last => {
                steps.pop();
                names = false;
            }
            b':' => names = false,
            b',' => match steps.last_mut() {
                Some(Step::Item(place)) => *place += 1,
                Some(Step::Field(_)) => names = true,
                None => {}
            },
            b'"' => {
                let begin = at + 1;
                at = begin;
                while json.get(at).is_some_and(|sign| *sign != b'"') {
                    at += if json.get(at) == Some(&b'\\') { 2 } else { 1 };
                }
                if let (true, Some(Step::Field(name))) = (names, steps.last_mut()) {
                    let read = json.get(begin..at).unwrap_or_default();
                    *name = String::from_utf8_lossy(read).into_owned();
                }
            }
            _ => {}
        }
        at += 1;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::from_str;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Outer {
        name: String,
        runs: Vec<Inner>,
        last: Inner,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        speed: f64,
        tags: Vec<String>,
    }

    #[test]
    fn what_is_right_is_read() {
        let text = r#"{"name": "a", "runs": [], "last": {"speed": 2, "tags": ["x"]}}"#;
        let Outer { name, runs, last: Inner { speed, tags } } = from_str(text).unwrap();
        assert_eq!((name.as_str(), runs.len(), speed, tags), ("a", 0, 2.0, vec!["x".to_owned()]));
    }

    #[test]
    fn the_path_is_that_of_the_value_at_fault() {
        for (text, path) in [
            (r#"{"name": 3, "runs": [], "last": {"speed": 1, "tags": []}}"#, "name"),
            (
                r#"{"name": "a \" } b", "runs": [{"speed": 1, "tags": []}, {"speed": "x", "tags": []}]}"#,
                "runs[1].speed",
            ),
            (
                "{\"name\": \"a\",\n \"runs\": [],\n \"last\": {\"speed\": 1,\n \"tags\": [\"x\", 4]}}",
                "last.tags[1]",
            ),
            (r#"{"name": "a", "runs": [{"speed": 1}], "last": {"speed": 1, "tags": []}}"#, "runs[0]"),
            (r#"{"name": "a", "runs": [{"speed": 1, "tags": {}}]}"#, "runs[0].tags"),
            (r#"{"name": "a", "runs": [{"speed": [1, 2], "tags": []}]}"#, "runs[0].speed"),
            (r#"{"name": "a", "runs": []}"#, "."),
            ("[1]", "[0]"),
            ("3", "."),
        ] {
            let error = from_str::<Outer>(text).unwrap_err();
            assert_eq!(error.path, path, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_an_error(text in r#"[\[\]{}:,"a1\\ ]{0,40}"#) {
            prop_assert!(from_str::<Outer>(&text).is_err());
        }
    }
}
