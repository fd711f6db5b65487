//! Ids for the terms of definition lists, so that each can be linked to, and what they mean, for the pages that use them.

use pulldown_cmark::{Event, Tag, TagEnd};

use super::headings::Ids;
use super::{Spanned, escape_into};
use crate::page::{Heading, Term};

/// Gives every term an id made of its first name.
pub(super) fn with_ids(events: &mut [Spanned<'_>], headings: &[Heading], ids: &mut Ids) -> Vec<Term> {
    let mut terms: Vec<Term> = Vec::new();
    let mut sections = headings.iter();
    let mut section = String::new();
    for at in 0..events.len() {
        let (before, after) = events.split_at_mut(at + 1);
        let Some((event, _)) = before.last_mut() else { continue };
        match event {
            Event::Start(Tag::Heading { .. }) => {
                section = sections.next().map(|heading| heading.id.clone()).unwrap_or_default();
            }
            Event::Start(Tag::DefinitionListTitle) => {
                let name = text_until(after, TagEnd::DefinitionListTitle);
                let id = ids.unique(name.split(',').next().unwrap_or(&name));
                let mut tag = "<dt id=\"".to_owned();
                escape_into(&mut tag, &id);
                *event = Event::Html((tag + "\">").into());
                terms.push(Term { id, name, text: String::new(), section: section.clone() });
            }
            Event::Start(Tag::DefinitionListDefinition) => {
                if let Some(term) = terms.last_mut() {
                    term.text = text_until(after, TagEnd::DefinitionListDefinition);
                }
            }
            _ => {}
        }
    }
    terms
}

fn text_until(events: &[Spanned<'_>], end: TagEnd) -> String {
    let text: String = events
        .iter()
        .map(|(event, _)| event)
        .take_while(|event| !matches!(event, Event::End(found) if *found == end))
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            Event::SoftBreak | Event::HardBreak => Some(" "),
            _ => None,
        })
        .collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use crate::content::markdown::render;

    #[test]
    fn a_term_has_an_id_its_meaning_and_its_section() {
        let source = "## Memory\n\nGB, GiB\n: Sizes of *memory*:\n  `1 GiB` is more.\n\nMemory\n: What is **short**.\n";
        let rendered = render(source, &|target| Ok(target.to_owned())).unwrap();
        let terms: Vec<_> =
            rendered.terms.iter().map(|term| [&term.id, &term.name, &term.text, &term.section]).collect();
        assert_eq!(terms[0], ["gb", "GB, GiB", "Sizes of memory: 1 GiB is more.", "memory"]);
        assert_eq!(terms[1], ["memory-1", "Memory", "What is short.", "memory"]);
        assert!(rendered.html.contains("<dt id=\"memory-1\">Memory</dt>"), "{}", rendered.html);
    }
}
