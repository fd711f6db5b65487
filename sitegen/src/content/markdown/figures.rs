//! Fenced blocks that name a figure become that figure.

use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

use super::{Located, MarkdownError, Spanned};
use crate::content::figures;

pub(super) fn drawn(events: Vec<Spanned<'_>>) -> Result<Vec<Spanned<'_>>, Located> {
    let mut kept = Vec::with_capacity(events.len());
    let mut inside = false;
    for (event, span) in events {
        match &event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                if let Some(name) = info.strip_prefix("figure ") {
                    let name = name.trim();
                    let html = figures::html(name).map_err(|reason| {
                        MarkdownError::Figure { name: name.to_owned(), reason }.at(&span)
                    })?;
                    inside = true;
                    kept.push((Event::Html(html.into()), span));
                    continue;
                }
            }
            Event::End(TagEnd::CodeBlock) if inside => {
                inside = false;
                continue;
            }
            _ => {}
        }
        if !inside {
            kept.push((event, span));
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use crate::content::markdown::{error_of, html_of};

    #[test]
    fn a_named_figure_takes_the_place_of_its_block() {
        let html = html_of("a\n\n```figure codec-errata\n```\n\n```sh\nb\n```\n");
        assert!(html.contains("0.03455") && !html.contains("language-figure"), "{html}");
        assert!(html.contains("language-sh"), "{html}");
    }

    #[test]
    fn an_unknown_figure_is_an_error_at_its_place() {
        let error = error_of("a\n\n```figure nonsense\n```\n");
        assert_eq!(error.offset, 3);
        assert!(error.what.to_string().contains("figure `nonsense`: expected one of codec-quality"));
    }
}
