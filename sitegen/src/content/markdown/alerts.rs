//! GitHub's alerts (`> [!NOTE]`): a labelled aside with its title in words.

use pulldown_cmark::{BlockQuoteKind, Event, Tag, TagEnd};

use super::Spanned;

pub(super) fn with_titles(events: &mut [Spanned<'_>]) {
    for (event, _) in events {
        let html = match event {
            Event::Start(Tag::BlockQuote(Some(kind))) => {
                let (class, title) = name(*kind);
                format!(
                    "<aside class=\"alert {class}\" aria-label=\"{title}\"><p class=\"alert-title\">{title}</p>\n"
                )
            }
            Event::End(TagEnd::BlockQuote(Some(_))) => "</aside>\n".to_owned(),
            _ => continue,
        };
        *event = Event::Html(html.into());
    }
}

fn name(kind: BlockQuoteKind) -> (&'static str, &'static str) {
    match kind {
        BlockQuoteKind::Note => ("note", "Note"),
        BlockQuoteKind::Tip => ("tip", "Tip"),
        BlockQuoteKind::Important => ("important", "Important"),
        BlockQuoteKind::Warning => ("warning", "Warning"),
        BlockQuoteKind::Caution => ("caution", "Caution"),
    }
}

#[cfg(test)]
mod tests {
    use crate::content::markdown::html_of;

    #[test]
    fn an_alert_has_its_title_and_a_quotation_has_none() {
        let alert = html_of("> [!WARNING]\n> Cold means cold.\n");
        assert!(alert.contains("alert warning") && alert.contains(">Warning</p>"), "{alert}");
        assert!(html_of("> said\n").contains("<blockquote>"));
    }
}
