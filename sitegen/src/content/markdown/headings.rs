//! Ids for headings, so that every section can be linked to.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{CowStr, Event, HeadingLevel, Tag, TagEnd};

use crate::page::Heading;

use super::{Located, MarkdownError, Spanned, escape_into};

/// Gives every heading an id (its own `{#id}`, or one made of its text) and a link to itself.
pub(super) fn with_ids(events: &mut [Spanned<'_>], ids: &mut Ids) -> Result<Vec<Heading>, Located> {
    let mut headings = Vec::new();
    for (event, span) in events.iter() {
        if let Event::Start(Tag::Heading { id: Some(id), .. }) = event {
            ids.claim(id).map_err(|error| error.at(span))?;
        }
    }
    for start in 0..events.len() {
        let (before, after) = events.split_at_mut(start + 1);
        let Some((Event::Start(Tag::Heading { level, id, .. }), span)) = before.last_mut() else { continue };
        let text = text_until_end(after);
        if *level == HeadingLevel::H1 {
            return Err(MarkdownError::FirstLevel(text).at(span));
        }
        let unique = id.take().map_or_else(|| ids.unique(&text), |id| id.to_string());
        *id = Some(CowStr::from(unique.clone()));
        headings.push(Heading { level: *level as u8, id: unique, text });
    }
    let mut known = headings.iter();
    for (event, _) in events.iter_mut() {
        if let Event::End(TagEnd::Heading(level)) = event
            && let Some(heading) = known.next()
        {
            *event = Event::Html(self_link(heading, *level).into());
        }
    }
    Ok(headings)
}

fn self_link(heading: &Heading, level: HeadingLevel) -> String {
    let mut label = String::new();
    escape_into(&mut label, &heading.text);
    format!(" <a class=\"anchor\" href=\"#{}\" aria-label=\"Link to {label}\">#</a></{level}>\n", heading.id)
}

fn text_until_end(events: &[Spanned<'_>]) -> String {
    events
        .iter()
        .map(|(event, _)| event)
        .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))))
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            Event::SoftBreak | Event::HardBreak => Some(" "),
            _ => None,
        })
        .collect()
}

/// Ids in use, and how often each was wanted.
#[derive(Default)]
pub(super) struct Ids {
    taken: HashSet<String>,
    wanted: HashMap<String, usize>,
}

impl Ids {
    fn claim(&mut self, id: &str) -> Result<(), MarkdownError> {
        if self.taken.insert(id.to_owned()) { Ok(()) } else { Err(MarkdownError::DuplicateId(id.to_owned())) }
    }

    /// A new id made of a text.
    pub(super) fn unique(&mut self, text: &str) -> String {
        let slug = slug(text);
        let count = self.wanted.entry(slug.clone()).or_insert(0);
        loop {
            let id = if *count == 0 { slug.clone() } else { format!("{slug}-{count}") };
            *count += 1;
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
    }
}

/// Letters and digits in lower case, everything else as single hyphens.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "section".to_owned() } else { words.join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::markdown::{error_of, render};

    fn ids(source: &str) -> Vec<String> {
        let rendered = render(source, &|target| Ok(target.to_owned())).unwrap();
        for heading in &rendered.headings {
            assert_eq!(
                rendered.html.matches(&format!("id=\"{}\"", heading.id)).count(),
                1,
                "{}",
                rendered.html
            );
        }
        rendered.headings.into_iter().map(|heading| heading.id).collect()
    }

    #[test]
    fn ids_come_from_the_text_and_never_twice() {
        assert_eq!(
            ids("## KV cache\n\n## KV cache\n\n### `q4_k_m`, *true* bits\n"),
            ["kv-cache", "kv-cache-1", "q4-k-m-true-bits"]
        );
        assert_eq!(ids("## a 1\n## a\n## a\n"), ["a-1", "a", "a-2"]);
        assert_eq!(ids("## …\n"), ["section"]);
    }

    #[test]
    fn an_id_set_by_hand_wins_over_one_made_earlier_in_the_page() {
        assert_eq!(ids("## Bits\n\n## Other {#bits}\n"), ["bits-1", "bits"]);
    }

    #[test]
    fn the_first_level_and_twin_ids_are_errors() {
        assert_eq!(error_of("# Title\n").what, MarkdownError::FirstLevel("Title".into()));
        assert_eq!(error_of("## a {#x}\n\n## b {#x}\n").what, MarkdownError::DuplicateId("x".into()));
    }
}
