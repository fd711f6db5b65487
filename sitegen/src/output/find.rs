//! What the search field of the pages reads: every page by its title, its place and the words by which people look for it.

use serde::Serialize;

use crate::page::Page;

/// The script of the pages: search, sorting and filters. Without it everything can still be read and followed.
pub(crate) const SCRIPT: &str = include_str!("find.js");
/// The index's name in that script.
pub(crate) const INDEX: &str = "./find.json";

/// A page: its title, its place, its kind and more words.
#[derive(Serialize)]
struct Entry<'a>(&'a str, &'a str, &'static str, &'a str);

/// The index as JSON.
pub(crate) fn index(pages: &[Page]) -> String {
    let entries: Vec<Entry<'_>> =
        pages.iter().filter(|page| !page.path.as_str().is_empty()).map(entry).collect();
    serde_json::to_string(&entries).unwrap_or_default()
}

fn entry(page: &Page) -> Entry<'_> {
    let path = page.path.as_str();
    let kind = match path.split_once('/') {
        Some(("models", slug)) if !slug.is_empty() => "model",
        Some(("devices", slug)) if !slug.is_empty() => "device",
        _ => "page",
    };
    let words = if page.words.is_empty() { page.description.as_str() } else { page.words.as_str() };
    Entry(&page.title, path, kind, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::SitePath;

    #[test]
    fn an_entry_has_title_place_kind_and_words() {
        let page = |path: &str, words: &str| Page {
            path: SitePath::new(path),
            title: "T".into(),
            description: "about".into(),
            words: words.into(),
            ..Page::default()
        };
        let pages =
            [page("", ""), page("models/m/", ""), page("devices/d/", "6 gb phone"), page("models/", "")];
        assert_eq!(
            index(&pages),
            r#"[["T","models/m/","model","about"],["T","devices/d/","device","6 gb phone"],["T","models/","page","about"]]"#
        );
    }
}
