//! Words explained where they stand: at its first use on a page, a term of the glossary becomes a button that shows what it
//! means when it is pointed at, reached by keyboard, or tapped. Browsers do all of that; no script is needed.

use maud::{Markup, html};

use crate::page::Page;

/// The page that defines the words.
pub(crate) const PLACE: &str = "docs/words/";
/// Its section of words that explain themselves where they are used.
const ANSWERS: &str = "answers";
/// Elements whose text may be explained.
const BLOCKS: [&str; 4] = ["p", "li", "dd", "td"];
/// Elements inside those that change nothing.
const INLINE: [&str; 9] = ["em", "strong", "b", "i", "span", "small", "sub", "sup", "time"];
/// Elements that have no end.
const VOID: [&str; 8] = ["br", "hr", "img", "input", "wbr", "col", "source", "link"];

/// What the words of a site mean.
#[derive(Debug, Clone, Default)]
pub struct Glossary {
    words: Vec<Word>,
}

#[derive(Debug, Clone)]
struct Word {
    id: String,
    /// Its names, in lower case.
    names: Vec<String>,
    text: String,
}

impl Glossary {
    /// The terms of the glossary's page, if there is one.
    pub fn of(pages: &[Page]) -> Self {
        let defined = pages.iter().filter(|page| page.path.as_str() == PLACE).flat_map(|page| &page.terms);
        let words = defined.filter(|term| term.section != ANSWERS).map(|term| Word {
            id: format!("word-{}", term.id),
            names: term.name.split(',').map(|name| name.trim().to_ascii_lowercase()).collect(),
            text: term.text.clone(),
        });
        Self { words: words.collect() }
    }

    /// For a page whose words are still all unexplained.
    pub(super) fn unused(&self) -> Unused<'_> {
        Unused { words: self.words.iter().collect() }
    }
}

/// The words that a page has not used yet.
#[derive(Debug, Default)]
pub(super) struct Unused<'a> {
    words: Vec<&'a Word>,
}

impl<'a> Unused<'a> {
    /// The HTML with the first use of each word explained.
    pub(super) fn explained(&mut self, html: &str) -> String {
        let mut out = String::with_capacity(html.len() + html.len() / 8);
        let mut open: Vec<&str> = Vec::new();
        let mut rest = html;
        while let Some(start) = rest.find('<') {
            let (text, tagged) = rest.split_at(start);
            self.text(&mut out, text, &open);
            let end = tagged.find('>').map_or(tagged.len(), |at| at + 1);
            let (tag, after) = tagged.split_at(end);
            out.push_str(tag);
            step(&mut open, tag);
            rest = after;
        }
        self.text(&mut out, rest, &open);
        out
    }

    fn text(&mut self, out: &mut String, text: &str, open: &[&str]) {
        let mut rest = text;
        while let Some((at, length, word)) = readable(open).then(|| self.first(rest)).flatten() {
            let (before, after) = rest.split_at(at);
            let (name, after) = after.split_at(length);
            let point = after.len() - after.trim_start_matches([',', '.', ';', ':', '?', ')']).len();
            let (point, after) = after.split_at(point);
            let (before, bracket) = before.split_at(before.trim_end_matches('(').len());
            out.push_str(before);
            out.push_str(&explanation(bracket, name, point, word).into_string());
            self.words.retain(|other| other.id != word.id);
            rest = after;
        }
        out.push_str(rest);
    }

    /// Where the first of the words stands, and how long it is there.
    fn first(&self, text: &str) -> Option<(usize, usize, &'a Word)> {
        let lower = text.to_ascii_lowercase();
        let found = self.words.iter().flat_map(|word| {
            let places = word.names.iter().filter_map(|name| place(&lower, name));
            places.map(|(at, length)| (at, length, *word))
        });
        found.min_by_key(|(at, length, _)| (*at, usize::MAX - *length))
    }
}

/// A name as a word of its own, or its plural.
fn place(text: &str, name: &str) -> Option<(usize, usize)> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/');
    text.match_indices(name).find_map(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let plural = usize::from(after.starts_with('s'));
        let free = !before.ends_with(part) && !after[plural..].starts_with(part);
        // An entity is not a word.
        (free && !before.ends_with('&')).then_some((at, name.len() + plural))
    })
}

/// `bracket` must not end a line, `point` must not begin one.
fn explanation(bracket: &str, name: &str, point: &str, word: &Word) -> Markup {
    // The name is HTML already.
    let name = maud::PreEscaped(name);
    html! {
        span.word {
            (bracket)
            button.term type="button" popovertarget=(word.id) aria-describedby=(word.id) { (name) }
            (point)
            span.tip id=(word.id) role="tooltip" popover="auto" { (word.text) }
        }
    }
}

/// Is this text of a paragraph, and of nothing that has a meaning or a use of its own?
fn readable(open: &[&str]) -> bool {
    let mut inner = open.iter().rev().skip_while(|name| INLINE.contains(name));
    inner.next().is_some_and(|name| BLOCKS.contains(name))
        && inner.all(|name| !matches!(*name, "nav" | "sortable" | "button" | "a"))
}

/// Follows a tag into or out of its element.
fn step<'a>(open: &mut Vec<&'a str>, tag: &'a str) {
    let inside = tag.trim_start_matches('<').trim_end_matches('>');
    let name = |text: &'a str| text.split([' ', '\n', '/']).next().unwrap_or_default();
    if let Some(ended) = inside.strip_prefix('/') {
        let ended = name(ended);
        let matching = |open: &str| open == ended || ended == "table" && open == "sortable";
        if let Some(at) = open.iter().rposition(|name| matching(name)) {
            open.truncate(at);
        }
    } else if !inside.starts_with('!') && !inside.ends_with('/') && !VOID.contains(&name(inside)) {
        // What a script sorts and filters is read by it, word by word.
        open.push(if inside.starts_with("table") && inside.contains("sortable") {
            "sortable"
        } else {
            name(inside)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Term;
    use crate::path::SitePath;

    fn glossary() -> Glossary {
        let term = |name: &str, section: &str| Term {
            id: name.to_lowercase(),
            name: name.into(),
            text: format!("<{name}>"),
            section: section.into(),
        };
        let terms = vec![
            term("Yes", "answers"),
            term("KV cache", "models"),
            term("GB, GiB", "memory"),
            term("token", "models"),
        ];
        Glossary::of(&[Page { path: SitePath::new(PLACE), terms, ..Page::default() }])
    }

    fn explained(html: &str) -> String {
        glossary().unused().explained(html)
    }

    #[test]
    fn the_first_use_is_explained_whatever_its_name() {
        let html = explained("<p>Yes, <em>two KV caches</em> of 3 GiB, not GB.</p><p>A KV cache.</p>");
        assert!(html.contains("<em>two <span class=\"word\"><button class=\"term\""), "{html}");
        assert!(html.contains(">KV caches</button>") && html.contains(">GiB</button>,<span"), "{html}");
        assert!(html.contains(">&lt;KV cache&gt;</span>") && html.ends_with("<p>A KV cache.</p>"), "{html}");
        assert_eq!(html.matches("class=\"tip\"").count(), 2);
    }

    #[test]
    fn what_has_a_use_of_its_own_stays_as_it_is() {
        for html in [
            "<h2>GB</h2>",
            "<p><a href=x>GB</a> <code>GB</code></p>",
            "<table class=\"x sortable\"><td>GB</td></table>",
            "<table><th>GB</th></table>",
            "<nav><ul><li>GB</li></ul></nav>",
            "<p>GB/s and tokenizer and pre-token</p>",
            "<div><svg><text>GB</text></svg>GB</div>",
        ] {
            assert_eq!(explained(html), html);
        }
    }

    #[test]
    fn elements_without_an_end_do_not_confuse() {
        let html = explained("<p>a<br>b <img alt=x> <svg><path d=x/></svg> token</p>");
        assert!(html.ends_with("</span></span></p>"), "{html}");
    }
}
