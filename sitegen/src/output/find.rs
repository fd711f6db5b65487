//! Search: every page by its title, its place and the words by which people look for it, its sections, and the answer of every
//! pair of a model and a device. The script and this index are fetched when a search field is first touched.

use std::collections::BTreeMap;

use dhurandhar_core::feasibility::{Answer, Assessment, Certainty};
use serde::Serialize;

use crate::page::{self, Page};
use crate::pages::catalogue::Catalogue;
use crate::pages::sign;

/// The script of the pages: sorting, filters, and what fetches the search. Without it everything can still be read and followed.
pub(crate) const PAGES: &str = include_str!("pages.js");
/// The search itself.
pub(crate) const SCRIPT: &str = include_str!("find.js");
/// Its name in the script of the pages.
pub(crate) const NAME: &str = "./find.js";
/// The index's name in the search.
pub(crate) const INDEX: &str = "./find.json";
/// Pages that nobody looks for.
const UNLISTED: [&str; 3] = ["", page::SEARCH, page::UNKEPT];

#[derive(Serialize)]
struct Index<'a> {
    pages: Vec<Entry<'a>>,
    /// Sign, name and colour of each answer.
    kinds: Vec<[&'static str; 3]>,
    /// By model, a digit for each device in the order of their pages: its answer's place in `kinds`, counted on where it is in doubt.
    answers: BTreeMap<&'a str, String>,
}

/// A page: its title, its place, its kind, more words, and its sections with their ids.
#[derive(Serialize)]
struct Entry<'a>(
    &'a str,
    &'a str,
    &'static str,
    &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")] Vec<(&'a str, &'a str)>,
);

/// The index as JSON; answers are there where the site has pages of devices and models.
pub(crate) fn index(pages: &[Page], catalogue: &Catalogue) -> String {
    let listed = || pages.iter().filter(|page| !UNLISTED.contains(&page.path.as_str()));
    let slugs = |kind: &'static str| {
        listed()
            .filter(move |page| page.kind() == kind)
            .filter_map(|page| page.path.as_str().split('/').nth(1))
    };
    let devices: Vec<&str> = slugs("device").collect();
    let answers = slugs("model").filter_map(|slug| {
        let verdicts = &catalogue.model(slug)?.report.devices;
        let digits =
            devices.iter().map(|name| verdicts.iter().find(|found| found.device == *name).map_or('-', digit));
        Some((slug, digits.collect()))
    });
    let index = Index {
        pages: listed().map(entry).collect(),
        kinds: Answer::ALL.iter().map(|answer| [sign(*answer).0, answer.name(), sign(*answer).1]).collect(),
        answers: answers.collect(),
    };
    serde_json::to_string(&index).unwrap_or_default()
}

fn digit(verdict: &Assessment) -> char {
    let at = Answer::ALL.iter().position(|answer| *answer == verdict.answer()).unwrap_or_default();
    let doubt = if verdict.certainty == Certainty::Borderline { Answer::ALL.len() } else { 0 };
    u32::try_from(at + doubt).ok().and_then(|digit| char::from_digit(digit, 10)).unwrap_or('-')
}

fn entry(page: &Page) -> Entry<'_> {
    let words = if page.words.is_empty() { page.description.as_str() } else { page.words.as_str() };
    let sections = page.headings.iter().map(|heading| (heading.text.as_str(), heading.id.as_str()));
    let terms = page.terms.iter().map(|term| (term.name.as_str(), term.id.as_str()));
    Entry(&page.title, page.path.as_str(), page.kind(), words, sections.chain(terms).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{Heading, Term};
    use crate::path::SitePath;

    fn page(path: &str, words: &str) -> Page {
        Page {
            path: SitePath::new(path),
            title: "T".into(),
            description: "about".into(),
            words: words.into(),
            ..Page::default()
        }
    }

    #[test]
    fn an_entry_has_title_place_kind_words_and_sections() {
        let mut guide = page("docs/g/", "");
        guide.headings = vec![Heading { level: 2, id: "kv".into(), text: "KV".into() }];
        guide.terms =
            vec![Term { id: "ple".into(), name: "PLE".into(), text: String::new(), section: String::new() }];
        let pages = [page("", ""), guide, page("devices/d/", "6 gb phone"), page("models/", "")];
        let index = index(&pages, Catalogue::built_in().unwrap());
        let expected = r#"{"pages":[["T","docs/g/","guide","about",[["KV","kv"],["PLE","ple"]]],["T","devices/d/","device","6 gb phone"],["T","models/","page","about"]],"#;
        assert!(index.starts_with(expected), "{index}");
    }

    #[test]
    fn a_pair_has_its_answer() {
        let catalogue = Catalogue::built_in().unwrap();
        let pages = [
            page("devices/pixel-9a/", ""),
            page("models/llama-3.2-1b/", ""),
            page("models/llama-3.3-70b/", ""),
        ];
        let index: serde_json::Value = serde_json::from_str(&index(&pages, catalogue)).unwrap();
        let answer = |model: &str| index["answers"][model].as_str().unwrap().parse::<usize>().unwrap() % 4;
        assert_eq!(index["kinds"][answer("llama-3.2-1b")][1], "Yes");
        assert_eq!(index["kinds"][answer("llama-3.3-70b")][1], "No");
    }
}
