//! One HTML document: its addresses, its ids, and what is wrong with it by itself.

use std::collections::HashSet;

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use super::{Fault, Reference, Usage};

/// What the checker needs of a document.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) references: Vec<Reference>,
    /// Faults that need no other file, with their lines.
    pub(super) faults: Vec<(usize, Fault)>,
    ids: Vec<String>,
}

impl Document {
    pub(super) fn ids(&self) -> HashSet<&str> {
        self.ids.iter().map(String::as_str).collect()
    }
}

/// Reads a document.
pub(super) fn read(html: &str) -> Document {
    let mut reader = Reader::default();
    let mut lines = Lines::new(html);
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => {
                let line = lines.at(tag.span.start);
                reader.element(&Element { tag: &tag, name: &String::from_utf8_lossy(&tag.name), line });
            }
            Ok(Token::String(text)) => reader.text |= !text.trim_ascii().is_empty(),
            Ok(Token::EndTag(tag)) if tag.name.as_slice() == b"title" => reader.titled |= reader.text,
            _ => {}
        }
    }
    reader.finish()
}

/// Line numbers for offsets that only grow.
struct Lines<'a> {
    html: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(html: &'a str) -> Self {
        Self { html, offset: 0, line: 1 }
    }

    fn at(&mut self, offset: usize) -> usize {
        let offset = offset.clamp(self.offset, self.html.len());
        self.line += self.html.get(self.offset..offset).map_or(0, |between| between.matches('\n').count());
        self.offset = offset;
        self.line
    }
}

struct Element<'a> {
    tag: &'a StartTag<usize>,
    name: &'a str,
    line: usize,
}

impl Element<'_> {
    fn get(&self, attribute: &str) -> Option<String> {
        let value = self.tag.attributes.get(attribute.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

#[derive(Default)]
struct Reader {
    document: Document,
    seen: HashSet<String>,
    language: bool,
    titled: bool,
    /// Text since the last element began.
    text: bool,
    first_headings: usize,
}

impl Reader {
    fn element(&mut self, element: &Element<'_>) {
        self.text = false;
        match element.name {
            "html" => self.language = element.get("lang").is_some_and(|lang| !lang.is_empty()),
            "h1" => self.first_headings += 1,
            "style" => self.fault(element, Fault::Inline("a `<style>` element".to_owned())),
            // Blocks of data are not run, so the policy lets them be.
            "script" if element.get("src").is_none() && !is_data(element) => {
                self.fault(element, Fault::Inline("a script inside the page".to_owned()));
            }
            "img" if element.get("alt").is_none() => {
                self.fault(element, Fault::Alt(element.get("src").unwrap_or_default()));
            }
            _ => {}
        }
        if let Some(id) = element.get("id")
            && !self.seen.insert(id.clone())
        {
            self.fault(element, Fault::DuplicateId(id));
        }
        for name in element.tag.attributes.keys() {
            let name = String::from_utf8_lossy(name);
            if name == "style" || name.starts_with("on") {
                self.fault(element, Fault::Inline(format!("attribute `{name}` of `<{}>`", element.name)));
            }
        }
        self.addresses(element);
    }

    fn addresses(&mut self, element: &Element<'_>) {
        let relation = element.get("rel").unwrap_or_default();
        let usage = match element.name {
            "a" | "area" => Usage::Link,
            // The canonical address is where the site will be, so it cannot be looked up here.
            "link" if relation == "canonical" => return,
            "link" if relation == "alternate" => Usage::Link,
            // All addresses of the 404 page start at its base, which is the site's root.
            "base" => return,
            _ => Usage::Resource,
        };
        for attribute in ["href", "src", "poster", "data", "action", "xlink:href"] {
            if let Some(target) = element.get(attribute) {
                self.reference(element, usage, &target);
            }
        }
        if let Some(set) = element.get("srcset") {
            for target in set.split(',').filter_map(|candidate| candidate.split_whitespace().next()) {
                self.reference(element, usage, target);
            }
        }
    }

    fn reference(&mut self, element: &Element<'_>, usage: Usage, target: &str) {
        self.document.references.push(Reference {
            line: element.line,
            usage,
            target: target.trim().to_owned(),
        });
    }

    fn fault(&mut self, element: &Element<'_>, fault: Fault) {
        self.document.faults.push((element.line, fault));
    }

    fn finish(mut self) -> Document {
        let mut lacks = |there: bool, what| {
            if !there {
                self.document.faults.push((1, Fault::Lacks(what)));
            }
        };
        lacks(self.language, "language (`<html lang>`)");
        lacks(self.titled, "title");
        lacks(self.first_headings > 0, "`<h1>`");
        if self.first_headings > 1 {
            self.document.faults.push((1, Fault::Several { what: "`<h1>`", count: self.first_headings }));
        }
        self.document.ids = self.seen.into_iter().collect();
        self.document
    }
}

fn is_data(script: &Element<'_>) -> bool {
    script.get("type").is_some_and(|kind| kind.ends_with("json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> Vec<(usize, Fault)> {
        read(&format!("<!DOCTYPE html><html lang=en><title>t</title>\n<h1>h</h1>{body}</html>")).faults
    }

    #[test]
    fn a_sound_document_has_no_faults() {
        assert_eq!(faults("<p id=a>text<script type=application/json>{}</script>"), []);
    }

    #[test]
    fn each_fault_is_found_at_its_line() {
        let inline = |what: &str| Fault::Inline(what.to_owned());
        let cases = [
            ("\n<p style='x'>", vec![(3, inline("attribute `style` of `<p>`"))]),
            ("<p onclick=x>", vec![(2, inline("attribute `onclick` of `<p>`"))]),
            ("<style>a{}</style>", vec![(2, inline("a `<style>` element"))]),
            ("<script>1 < 2 <a href=x></script>", vec![(2, inline("a script inside the page"))]),
            ("<p id=a>\n<p id=a>", vec![(3, Fault::DuplicateId("a".into()))]),
            ("<img src=x>", vec![(2, Fault::Alt("x".into()))]),
            ("<h1>again</h1>", vec![(1, Fault::Several { what: "`<h1>`", count: 2 })]),
        ];
        for (body, expected) in cases {
            assert_eq!(faults(body), expected, "{body}");
        }
        let bare: Vec<_> = read("<p>").faults.into_iter().map(|(_, fault)| fault.to_string()).collect();
        assert_eq!(
            bare,
            ["the page has no language (`<html lang>`)", "the page has no title", "the page has no `<h1>`"]
        );
    }

    #[test]
    fn links_and_resources_are_told_apart() {
        let document = read(
            "<a href=x><link rel=stylesheet href=y><link rel=canonical href=https://z/><img srcset='p 1x, q 2x'>",
        );
        let found: Vec<_> = document
            .references
            .iter()
            .map(|reference| (reference.usage, reference.target.as_str()))
            .collect();
        let resource = Usage::Resource;
        assert_eq!(found, [(Usage::Link, "x"), (resource, "y"), (resource, "p"), (resource, "q")]);
    }
}
