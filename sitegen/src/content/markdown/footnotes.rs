//! Footnotes at the end of the page, numbered in the order of use, each with links back to its uses.

use std::collections::HashMap;

use pulldown_cmark::{CowStr, Event, Tag, TagEnd};

use super::{Located, MarkdownError, Spanned};

/// A definition: its name, where it stands and what it says.
struct Definition<'a> {
    name: CowStr<'a>,
    span: std::ops::Range<usize>,
    events: Vec<Spanned<'a>>,
}

pub(super) fn at_the_end(events: Vec<Spanned<'_>>) -> Result<Vec<Spanned<'_>>, Located> {
    if !events.iter().any(|(event, _)| matches!(event, Event::Start(Tag::FootnoteDefinition(_)))) {
        return Ok(events);
    }
    let (mut body, definitions) = split(events);
    let mut uses = Uses::default();
    uses.number(&mut body);
    let mut notes: Vec<(usize, Definition<'_>)> = Vec::with_capacity(definitions.len());
    for definition in definitions {
        match uses.counts.get(definition.name.as_ref()) {
            Some((number, _)) => notes.push((*number, definition)),
            None => {
                return Err(MarkdownError::UnusedFootnote(definition.name.to_string()).at(&definition.span));
            }
        }
    }
    notes.sort_by_key(|(number, _)| *number);
    let html = |text: String| (Event::Html(text.into()), 0..0);
    body.push(html("<section class=\"footnotes\" aria-label=\"Footnotes\"><ol>\n".to_owned()));
    for (number, definition) in notes {
        let count = uses.counts.get(definition.name.as_ref()).map_or(0, |(_, count)| *count);
        body.push(html(format!("<li id=\"fn-{number}\">")));
        body.extend(with_back_links(definition.events, &back_links(number, count)));
        body.push(html("</li>\n".to_owned()));
    }
    body.push(html("</ol></section>\n".to_owned()));
    Ok(body)
}

fn split(events: Vec<Spanned<'_>>) -> (Vec<Spanned<'_>>, Vec<Definition<'_>>) {
    let mut body = Vec::with_capacity(events.len());
    let mut definitions: Vec<Definition<'_>> = Vec::new();
    let mut inside = false;
    for (event, span) in events {
        match event {
            Event::Start(Tag::FootnoteDefinition(name)) => {
                inside = true;
                definitions.push(Definition { name, span, events: Vec::new() });
            }
            Event::End(TagEnd::FootnoteDefinition) => inside = false,
            other => match definitions.last_mut() {
                Some(definition) if inside => definition.events.push((other, span)),
                _ => body.push((other, span)),
            },
        }
    }
    (body, definitions)
}

/// For each name its number and how often it is used.
#[derive(Default)]
struct Uses {
    counts: HashMap<String, (usize, usize)>,
}

impl Uses {
    fn number(&mut self, body: &mut [Spanned<'_>]) {
        for (event, _) in body {
            if let Event::FootnoteReference(name) = event {
                let next = self.counts.len() + 1;
                let (number, count) = self.counts.entry(name.to_string()).or_insert((next, 0));
                *count += 1;
                let id = use_id(*number, *count);
                *event = Event::InlineHtml(
                    format!("<sup class=\"footnote-use\"><a id=\"{id}\" href=\"#fn-{number}\" aria-label=\"Footnote {number}\">{number}</a></sup>").into(),
                );
            }
        }
    }
}

fn use_id(number: usize, count: usize) -> String {
    if count == 1 { format!("fn-use-{number}") } else { format!("fn-use-{number}-{count}") }
}

fn back_links(number: usize, count: usize) -> String {
    let link = |nth| {
        let id = use_id(number, nth);
        let which = if count == 1 { String::new() } else { format!(" {nth}") };
        format!(
            " <a class=\"footnote-back\" href=\"#{id}\" aria-label=\"Back to use{which} of footnote {number}\">↩{which}</a>"
        )
    };
    (1..=count).map(link).collect()
}

/// The links go inside the last paragraph, so that they stay on its last line.
fn with_back_links<'a>(mut events: Vec<Spanned<'a>>, links: &str) -> Vec<Spanned<'a>> {
    let link = (Event::InlineHtml(links.to_owned().into()), 0..0);
    let end = match events.last() {
        Some((Event::End(TagEnd::Paragraph), _)) => events.len() - 1,
        _ => events.len(),
    };
    events.insert(end, link);
    events
}

#[cfg(test)]
mod tests {
    use crate::content::markdown::{MarkdownError, error_of, html_of};

    #[test]
    fn notes_are_numbered_by_use_and_lead_back() {
        let html = html_of("[^b]: Second file.\n\nFirst[^a] then[^b] again[^a].\n\n[^a]: First file.\n");
        let (text, notes) = html.split_once("<section class=\"footnotes\"").unwrap();
        assert!(!text.contains("Second file."), "{html}");
        assert!(notes.find("First file.").unwrap() < notes.find("Second file.").unwrap(), "{html}");
        for back in ["href=\"#fn-use-1\"", "href=\"#fn-use-1-2\"", "href=\"#fn-use-2\""] {
            assert!(notes.contains(back), "{back} in {html}");
        }
        assert_eq!(text.matches("href=\"#fn-1\"").count(), 2);
    }

    #[test]
    fn an_unused_note_is_an_error() {
        assert_eq!(error_of("Text.\n\n[^a]: Alone.\n").what, MarkdownError::UnusedFootnote("a".into()));
    }
}
