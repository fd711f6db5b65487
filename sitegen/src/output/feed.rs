//! The Atom feed: every page with a date.

use maud::{PreEscaped, html};

use crate::base_url::BaseUrl;
use crate::page::Page;

/// Where it is.
pub const PLACE: &str = "feed.xml";
const DECLARATION: PreEscaped<&str> = PreEscaped("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");

/// The feed, newest first; `None` when no page has a date (Atom demands one).
pub fn atom(pages: &[Page], base: &BaseUrl) -> Option<String> {
    let mut dated: Vec<_> = pages.iter().filter_map(|page| Some((page.date.as_deref()?, page))).collect();
    dated.sort_by(|a, b| b.0.cmp(a.0).then_with(|| a.1.path.cmp(&b.1.path)));
    let (newest, _) = dated.first()?;
    let document = html! {
        (DECLARATION)
        feed xmlns="http://www.w3.org/2005/Atom" {
            title { "dhurandhar" }
            id { (base) }
            link rel="self" href=(base.join(PLACE)) {}
            link href=(base) {}
            updated { (instant(newest)) }
            author { name { "dhurandhar" } }
            @for (date, page) in &dated {
                entry {
                    title { (page.title) }
                    id { (base.join(page.path.as_str())) }
                    link href=(base.join(page.path.as_str())) {}
                    updated { (instant(date)) }
                    summary { (page.description) }
                }
            }
        }
    };
    Some(document.into_string())
}

/// The sitemap: every page, with its date when it has one.
pub fn sitemap(pages: &[Page], base: &BaseUrl) -> String {
    let document = html! {
        (DECLARATION)
        urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" {
            @for page in pages {
                url {
                    loc { (base.join(page.path.as_str())) }
                    @if let Some(date) = &page.date { lastmod { (date) } }
                }
            }
        }
    };
    document.into_string()
}

fn instant(day: &str) -> String {
    format!("{day}T00:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::SitePath;

    fn page(path: &str, date: Option<&str>) -> Page {
        Page {
            path: SitePath::new(path),
            title: "A & B".into(),
            date: date.map(Into::into),
            ..Page::default()
        }
    }

    #[test]
    fn the_feed_has_dated_pages_newest_first() {
        let base = "https://a.example/".parse().unwrap();
        let pages =
            [page("old/", Some("2026-01-02")), page("new/", Some("2026-03-04")), page("undated/", None)];
        let atom = atom(&pages, &base).unwrap();
        assert!(atom.find("a.example/new/").unwrap() < atom.find("a.example/old/").unwrap(), "{atom}");
        assert!(atom.contains("<title>A &amp; B</title>") && !atom.contains("undated"), "{atom}");
        assert!(atom.contains("<updated>2026-03-04T00:00:00Z</updated>"), "{atom}");
        assert_eq!(super::atom(&pages[2..], &base), None);
    }

    #[test]
    fn the_sitemap_has_every_page() {
        let base = "https://a.example/s".parse().unwrap();
        let map = sitemap(&[page("", None), page("docs/", Some("2026-01-02"))], &base);
        assert!(map.contains("<loc>https://a.example/s/</loc>"), "{map}");
        assert!(map.contains("<loc>https://a.example/s/docs/</loc><lastmod>2026-01-02</lastmod>"), "{map}");
    }
}
