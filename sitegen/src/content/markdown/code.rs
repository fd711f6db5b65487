//! Blocks of code that a keyboard can scroll.

use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

use super::{Spanned, escape_into};

pub(super) fn scrollable(events: &mut [Spanned<'_>]) {
    for (event, _) in events {
        let html = match event {
            Event::Start(Tag::CodeBlock(kind)) => start(kind),
            Event::End(TagEnd::CodeBlock) => "</code></pre>\n".to_owned(),
            _ => continue,
        };
        *event = Event::Html(html.into());
    }
}

fn start(kind: &CodeBlockKind<'_>) -> String {
    let mut html = "<pre tabindex=\"0\"><code".to_owned();
    if let CodeBlockKind::Fenced(info) = kind
        && let Some(language) = info.split_whitespace().next()
    {
        html.push_str(" class=\"language-");
        escape_into(&mut html, language);
        html.push('"');
    }
    html.push('>');
    html
}

#[cfg(test)]
mod tests {
    use crate::content::markdown::html_of;

    #[test]
    fn a_block_of_code_takes_the_focus_and_keeps_its_text() {
        let html = html_of("```sh\na < \"b\"\n```\n");
        assert_eq!(html, "<pre tabindex=\"0\"><code class=\"language-sh\">a &lt; \"b\"\n</code></pre>\n");
        assert!(html_of("    four\n").starts_with("<pre tabindex=\"0\"><code>four"));
    }
}
