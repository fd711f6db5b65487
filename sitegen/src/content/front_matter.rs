//! The head of a Markdown file: TOML between two lines of `+++`.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

/// What a page says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FrontMatter {
    /// The page's heading and its title in the browser.
    pub title: String,
    /// One sentence for search engines, the feed and lists of pages.
    pub description: String,
    /// `YYYY-MM-DD`. A page with a date is in the feed.
    pub date: Option<String>,
    /// The page's name in the menu at the top; without it the page is not in the menu.
    pub menu: Option<String>,
    /// Place among its siblings, lowest first.
    pub order: i64,
}

/// What is wrong, and at which line of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct FrontMatterError {
    /// 1 for the first line.
    pub line: usize,
    /// Field, value and what was expected.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    title: Spanned<String>,
    description: Spanned<String>,
    date: Option<Spanned<Datetime>>,
    menu: Option<Spanned<String>>,
    #[serde(default)]
    order: i64,
}

const FENCE: &str = "+++";
const FIELDS: &str = "title, description, date, menu, order";

/// Splits `source` into its front matter and the range of the Markdown that follows.
pub fn parse(source: &str) -> Result<(FrontMatter, Range<usize>), FrontMatterError> {
    let start = FENCE.len() + 1;
    if !source.starts_with("+++\n") {
        let what = format!("the page begins without front matter; expected `{FENCE}` on the first line");
        return Err(FrontMatterError { line: 1, what });
    }
    let end = source[FENCE.len()..].find("\n+++\n").map(|at| at + start).ok_or_else(|| FrontMatterError {
        line: 1,
        what: format!("the front matter is not closed; expected a second line `{FENCE}`"),
    })?;
    let fail = |offset: usize, what: String| FrontMatterError { line: line_of(source, start + offset), what };
    let raw: Raw = toml::from_str(&source[start..end])
        .map_err(|error| fail(error.span().map_or(0, |span| span.start), describe(error.message())))?;
    let text = |name: &str, value: Spanned<String>| {
        let (at, value) = (value.span().start, value.into_inner());
        if value.trim().is_empty() {
            return Err(fail(at, format!("field `{name}` is empty, expected text")));
        }
        Ok(value)
    };
    let front = FrontMatter {
        title: text("title", raw.title)?,
        description: text("description", raw.description)?,
        menu: raw.menu.map(|menu| text("menu", menu)).transpose()?,
        date: raw.date.map(|date| day(&date).map_err(|what| fail(date.span().start, what))).transpose()?,
        order: raw.order,
    };
    Ok((front, end + "+++\n".len()..source.len()))
}

/// The parser's message; the list of fields is added where it does not say which are expected.
fn describe(message: &str) -> String {
    let message = message.trim().replace('\n', "; ");
    if message.contains("missing field") { format!("{message}; the fields are {FIELDS}") } else { message }
}

fn day(date: &Spanned<Datetime>) -> Result<String, String> {
    let value = date.get_ref();
    match (value.date, value.time) {
        (Some(day), None) => Ok(day.to_string()),
        _ => Err(format!("field `date` is {value}, expected a day such as 2026-03-14")),
    }
}

/// The line (from 1) at a byte offset.
pub fn line_of(source: &str, offset: usize) -> usize {
    source.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> String {
        parse(source).unwrap_err().to_string()
    }

    #[test]
    fn a_complete_head_is_read_and_the_body_follows() {
        let source = "+++\ntitle = \"Bits\"\ndescription = \"Counting.\"\ndate = 2026-03-14\nmenu = \"Bits\"\norder = 3\n+++\n\nText.\n";
        let (front, body) = parse(source).unwrap();
        assert_eq!(front.title, "Bits");
        assert_eq!(front.date.as_deref(), Some("2026-03-14"));
        assert_eq!(front.order, 3);
        assert_eq!(&source[body], "\nText.\n");
    }

    #[test]
    fn every_mistake_names_its_line_and_field() {
        let cases = [
            ("Text.\n", "line 1: the page begins without front matter"),
            ("+++\ntitle = \"a\"\n", "line 1: the front matter is not closed"),
            ("+++\ntitle = \"a\"\n+++\n", "missing field `description`"),
            ("+++\ntitle = \"a\"\ndescripton = \"b\"\n+++\n", "line 3: unknown field `descripton`"),
            ("+++\ntitle = 3\ndescription = \"b\"\n+++\n", "line 2: invalid type: integer `3`"),
            ("+++\ntitle = \"a\"\ndescription = \" \"\n+++\n", "line 3: field `description` is empty"),
            (
                "+++\ntitle = \"a\"\ndescription = \"b\"\ndate = 07:32:00\n+++\n",
                "line 4: field `date` is 07:32:00",
            ),
            ("+++\ntitle = \"a\"\ntitle = \"b\"\n+++\n", "line 3: duplicate key"),
        ];
        for (source, expected) in cases {
            assert!(error(source).contains(expected), "{source:?} gave {:?}", error(source));
        }
    }
}
