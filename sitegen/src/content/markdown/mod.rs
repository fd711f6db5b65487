//! Markdown to HTML: pulldown-cmark, and an adapter for each thing that it leaves to the caller.

mod alerts;
mod code;
mod definitions;
mod figures;
mod footnotes;
mod headings;
mod links;
mod math;
mod tables;

use crate::page::{Heading, Term};
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, html};

pub use links::is_external;

/// An event of the parser and where in the text it comes from.
type Spanned<'a> = (Event<'a>, Range<usize>);

/// HTML and the sections in it.
#[derive(Debug, Default)]
pub struct Rendered {
    /// The text as HTML.
    pub html: String,
    /// All headings, in order.
    pub headings: Vec<Heading>,
    /// All terms of its lists of definitions, in order.
    pub terms: Vec<Term>,
}

/// What the text gets wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkdownError {
    /// A link that leads nowhere.
    #[error("link `{target}`: expected {expected}")]
    Link {
        /// As written.
        target: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// A formula that does not parse.
    #[error("formula `{formula}`: {reason}")]
    Math {
        /// LaTeX as written.
        formula: String,
        /// The parser's complaint.
        reason: String,
    },
    /// A figure that cannot be drawn.
    #[error("figure `{name}`: {reason}")]
    Figure {
        /// As written.
        name: String,
        /// What was expected, or what went wrong.
        reason: String,
    },
    /// A heading of the first level.
    #[error("heading `{0}` is of the first level, which is the page's title; begin with `##`")]
    FirstLevel(String),
    /// Two headings were given the same id by hand.
    #[error("heading id `{0}` is used twice")]
    DuplicateId(String),
    /// A footnote that nothing refers to.
    #[error("footnote `{0}` is defined and never used")]
    UnusedFootnote(String),
}

/// An error and the byte at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Byte in the Markdown text.
    pub offset: usize,
    /// The error.
    pub what: MarkdownError,
}

impl MarkdownError {
    fn at(self, span: &Range<usize>) -> Located {
        Located { offset: span.start, what: self }
    }
}

const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_GFM)
    .union(Options::ENABLE_MATH)
    .union(Options::ENABLE_HEADING_ATTRIBUTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_DEFINITION_LIST);

/// Renders `source`; `resolve` turns the target of a link or an image into the address to write.
pub fn render(
    source: &str,
    resolve: &dyn Fn(&str) -> Result<String, MarkdownError>,
) -> Result<Rendered, Located> {
    let mut events = figures::drawn(Parser::new_ext(source, OPTIONS).into_offset_iter().collect())?;
    links::resolve(&mut events, resolve)?;
    math::to_mathml(&mut events)?;
    tables::scrollable(&mut events);
    code::scrollable(&mut events);
    alerts::with_titles(&mut events);
    let mut ids = headings::Ids::default();
    let headings = headings::with_ids(&mut events, &mut ids)?;
    let terms = definitions::with_ids(&mut events, &headings, &mut ids);
    let events = footnotes::at_the_end(events)?;
    let mut rendered = String::with_capacity(source.len() * 3 / 2);
    html::push_html(&mut rendered, events.into_iter().map(|(event, _)| event));
    Ok(Rendered { html: rendered, headings, terms })
}

/// Adds text to HTML, as content or as the value of an attribute.
fn escape_into(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
pub(crate) fn html_of(source: &str) -> String {
    render(source, &|target| Ok(target.to_owned())).unwrap().html
}

#[cfg(test)]
pub(crate) fn error_of(source: &str) -> Located {
    render(source, &|target| Ok(target.to_owned())).unwrap_err()
}
