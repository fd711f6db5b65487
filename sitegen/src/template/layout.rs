//! The frame of a page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Chrome;
use super::words;
use crate::output::feed;
use crate::output::manifest;
use crate::page::{self, Page, Shape};
use crate::path::SitePath;

/// Nothing from elsewhere, nothing inline; `frame-ancestors` has no effect in a meta element.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'";
/// The calculator compiles WebAssembly and exports drawings; it may ask a hub, whose addresses stand after `connect-src 'self'`.
const POLICY_CALCULATOR: [&str; 2] = [
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'",
    "; worker-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'",
];
/// A page with fewer sections needs no table of contents.
const SECTIONS_FOR_CONTENTS: usize = 3;
const NAME: &str = "dhurandhar";

/// The whole HTML document of a page.
pub fn layout(page: &Page, chrome: &Chrome) -> String {
    let home = page.path.as_str().is_empty();
    // The calculator explains its own words; the page of words has nothing to add.
    let plain = page.shape == Shape::Calculator || page.path.as_str() == words::PLACE;
    let mut unused = if plain { words::Unused::default() } else { chrome.glossary.unused() };
    let lede = html! { p.lede { (page.description) } }.into_string();
    let lede = PreEscaped(unused.explained(&lede));
    let body = PreEscaped(unused.explained(&page.body));
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head { (head(page, chrome)) }
            body class=(class(page.shape)) data-hub=[hub(page, chrome)] {
                a.skip href="#main" { "Skip to content" }
                (masthead(page, chrome))
                main #main tabindex="-1" {
                    @if !home { (trail(page)) }
                    header.title {
                        h1 { (page.title) }
                        (lede)
                    }
                    (contents(page))
                    div.body { (body) }
                }
                (footer(page, chrome))
            }
        }
    };
    document.into_string()
}

/// The address that the calculator reads.
fn hub<'a>(page: &Page, chrome: &'a Chrome) -> Option<&'a str> {
    chrome.hub.address().filter(|_| page.shape == Shape::Calculator && chrome.assets.calculator.is_some())
}

fn class(shape: Shape) -> &'static str {
    match shape {
        Shape::Article => "article",
        Shape::Wide => "wide",
        Shape::Calculator => "wide calculator",
    }
}

fn head(page: &Page, chrome: &Chrome) -> Markup {
    let calculator = chrome.assets.calculator.as_ref().filter(|_| page.shape == Shape::Calculator);
    let policy = match calculator {
        Some(_) => POLICY_CALCULATOR.join(&chrome.hub.sources()),
        None => POLICY.to_owned(),
    };
    let to = |place: &SitePath| page.path.to(place.as_str());
    html! {
        meta charset="utf-8";
        meta http-equiv="Content-Security-Policy" content=(policy);
        meta name="viewport" content="width=device-width, initial-scale=1";
        title { (document_title(page)) }
        meta name="description" content=(page.description);
        meta name="color-scheme" content="light dark";
        meta name="referrer" content="no-referrer";
        link rel="manifest" href=(page.path.to(manifest::PLACE));
        link rel="icon" type="image/svg+xml" href=(to(&chrome.assets.icon));
        link rel="stylesheet" href=(to(&chrome.assets.style));
        @if page.shape != Shape::Calculator { link rel="stylesheet" href=(to(&chrome.assets.pages_style)); }
        @if let Some(calculator) = calculator {
            // Enabled with the first part of the application that draws more than the answer: see `bundle::split`.
            link #below-style rel="stylesheet" href=(to(&chrome.assets.below_style)) disabled;
            link rel="modulepreload" href=(to(&calculator.glue));
            link rel="preload" as="fetch" type="application/wasm" crossorigin href=(to(&calculator.module));
            link rel="preload" as="fetch" crossorigin href=(to(&calculator.first));
            script type="module" src=(to(&calculator.boot)) {}
        }
        @if page.shape != Shape::Calculator {
            script type="module" src=(to(&chrome.assets.script)) {}
        }
        @if let Some(base) = &chrome.base_url {
            link rel="canonical" href=(base.join(page.path.as_str()));
            meta property="og:url" content=(base.join(page.path.as_str()));
        }
        @if chrome.feed {
            link rel="alternate" type="application/atom+xml" title=(NAME) href=(page.path.to(feed::PLACE));
        }
        meta property="og:title" content=(page.title);
        meta property="og:description" content=(page.description);
        meta property="og:type" content="website";
        meta property="og:site_name" content=(NAME);
        @if let (Some(picture), Some(base)) = (&chrome.picture, &chrome.base_url) {
            meta property="og:image" content=(base.join(picture.as_str()));
            meta property="og:image:alt" content="The calculator: a verdict, and memory by component against a limit";
            meta name="twitter:card" content="summary_large_image";
        }
    }
}

fn document_title(page: &Page) -> String {
    if page.path.as_str().is_empty() { page.title.clone() } else { format!("{} · {NAME}", page.title) }
}

fn masthead(page: &Page, chrome: &Chrome) -> Markup {
    html! {
        header.masthead {
            a.brand href=(page.path.to("")) { (mark()) (NAME) }
            @if chrome.search && page.path.as_str() != page::SEARCH {
                form.search role="search" aria-label="This site" action=(page.path.to(page::SEARCH)) {
                    label.visually-hidden for="search-field" { "Search this site" }
                    input #search-field name="q" type="search" placeholder="Search" autocomplete="off" spellcheck="false" enterkeyhint="search";
                }
            }
            nav aria-label="Main" {
                ul {
                    @for (name, path) in &chrome.menu {
                        li { a href=(page.path.to(path.as_str())) aria-current=[current(&page.path, path)] { (name) } }
                    }
                }
            }
        }
    }
}

/// A load of three parts below a budget line.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
            path.line d="M2 5.5h20" {}
            rect x="4" y="16" width="16" height="5" rx="1" {}
            rect x="4" y="11.5" width="12" height="3" rx="1" {}
            rect x="4" y="8" width="7" height="2" rx="1" {}
        }
    }
}

fn current(here: &SitePath, entry: &SitePath) -> Option<&'static str> {
    if here == entry {
        Some("page")
    } else if !entry.as_str().is_empty() && here.as_str().starts_with(entry.as_str()) {
        Some("true")
    } else {
        None
    }
}

/// Links to the folders above.
fn trail(page: &Page) -> Markup {
    let path = page.path.as_str();
    let above: Vec<&str> =
        path.match_indices('/').map(|(at, _)| &path[..=at]).filter(|above| *above != path).collect();
    html! {
        @if !above.is_empty() {
            nav.trail aria-label="Breadcrumb" {
                ol {
                    @for folder in above {
                        li { a href=(page.path.to(folder)) { (folder_name(folder)) } }
                    }
                }
            }
        }
    }
}

fn folder_name(folder: &str) -> String {
    let name = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn contents(page: &Page) -> Markup {
    let sections: Vec<_> = page.headings.iter().filter(|heading| heading.level == 2).collect();
    html! {
        @if page.shape == Shape::Article && sections.len() >= SECTIONS_FOR_CONTENTS {
            nav.contents aria-label="On this page" {
                p { "On this page" }
                ol { @for section in sections { li { a href={ "#" (section.id) } { (section.text) } } } }
            }
        }
    }
}

fn footer(page: &Page, chrome: &Chrome) -> Markup {
    html! {
        footer.footer {
            p.printed data-by=(concat!("dhurandhar ", env!("CARGO_PKG_VERSION"))) {}
            p { "Every number here is predicted, measured or published, and says which." }
            p {
                "No cookies, no tracking, no request to anybody else. Apache-2.0."
                @for (name, address) in chrome.config.links() { " " a href=(address) { (name) } "." }
                @if chrome.feed { " " a href=(page.path.to(feed::PLACE)) { "Feed" } }
                @if let Some(date) = &page.date { " Last changed " time datetime=(date) { (date) } "." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str) -> Page {
        Page {
            path: SitePath::new(path),
            title: "KV <cache>".into(),
            description: "d".into(),
            ..Page::default()
        }
    }

    fn chrome() -> Chrome {
        let menu = vec![("Models".into(), SitePath::new("models/")), ("Docs".into(), SitePath::new("docs/"))];
        Chrome { menu, ..Chrome::default() }
    }

    #[test]
    fn the_menu_says_where_the_reader_is() {
        let html = layout(&page("docs/kv/"), &chrome());
        assert!(html.contains("<a href=\"../\" aria-current=\"true\">Docs</a>"), "{html}");
        assert!(html.contains("<a href=\"../../models/\">Models</a>"), "{html}");
        assert!(html.contains("<h1>KV &lt;cache&gt;</h1>"), "{html}");
    }

    #[test]
    fn only_a_built_calculator_may_compile_webassembly() {
        let mut page = page("calculator/");
        page.shape = Shape::Calculator;
        assert!(!layout(&page, &chrome()).contains("wasm-unsafe-eval"));
        let mut chrome = chrome();
        let file = |name: &str| SitePath::new(format!("assets/{name}"));
        chrome.assets.calculator = Some(crate::output::assets::Calculator {
            boot: file("b.js"),
            glue: file("a.js"),
            module: file("a.wasm"),
            first: SitePath::new("assets/first.bin"),
        });
        let html = layout(&page, &chrome);
        assert!(html.contains("wasm-unsafe-eval") && html.contains("src=\"../assets/b.js\""), "{html}");
        assert!(!html.contains("unsafe-inline") && !html.contains("style="), "{html}");
        page.shape = Shape::Wide;
        assert_eq!(layout(&page, &chrome).matches("<script").count(), 1);
    }

    #[test]
    fn a_canonical_address_needs_a_base() {
        let mut chrome = chrome();
        assert!(!layout(&page("docs/"), &chrome).contains("canonical"));
        chrome.base_url = Some("https://a.example/sub".parse().unwrap());
        assert!(
            layout(&page("docs/"), &chrome)
                .contains("rel=\"canonical\" href=\"https://a.example/sub/docs/\"")
        );
    }

    #[test]
    fn long_articles_have_a_table_of_contents() {
        let mut page = page("docs/");
        let heading = |id: &str| page::Heading { level: 2, id: id.into(), text: id.into() };
        page.headings = vec![heading("a"), heading("b")];
        assert!(!layout(&page, &chrome()).contains("On this page"));
        page.headings.push(heading("c"));
        assert!(layout(&page, &chrome()).contains("<a href=\"#c\">c</a>"));
    }
}
