//! The page at `search/`: its field works with a script; without one, the list of every page is there.

use maud::{Markup, PreEscaped, html};

use crate::page::{Page, SEARCH, Shape};
use crate::path::SitePath;

/// Kinds of pages and what the list calls them, in its order.
const KINDS: [(&str, &str); 7] = [
    ("device", "Devices"),
    ("model", "Models"),
    ("guide", "Guides"),
    ("dossier", "Dossiers"),
    ("report", "Reports"),
    ("limit", "Limits"),
    ("page", "Other pages"),
];

/// Puts field and list into the page, if the site has it.
pub(crate) fn fill(pages: &mut [Page]) {
    let Some(at) = pages.iter().position(|page| page.path.as_str() == SEARCH) else { return };
    let everything = everything(pages);
    if let Some(page) = pages.get_mut(at) {
        page.body = html! { (field(&page.path)) (PreEscaped(&page.body)) (everything) }.into_string();
        page.shape = Shape::Wide;
    }
}

fn field(from: &SitePath) -> Markup {
    html! {
        form.finder #find role="search" aria-label="All pages" action=(from.to(SEARCH)) data-results="yes" {
            label for="find-field" { "A device, a model, both, or any words" }
            div.field {
                div.typed { input #find-field name="q" type="search" placeholder="Pixel 9a, 6 GB phone, Llama 3.2 3B, KV cache…" autocomplete="off" spellcheck="false" enterkeyhint="search"; }
            }
            p.small.muted role="status" {}
        }
        ol.results #results hidden {}
    }
}

fn everything(pages: &[Page]) -> Markup {
    let from = SitePath::new(SEARCH);
    let of = |kind: &str| {
        let own = |page: &&Page| page.kind() == kind && ![SEARCH, "offline/"].contains(&page.path.as_str());
        let mut list: Vec<&Page> = pages.iter().filter(own).collect();
        list.sort_by_cached_key(|page| page.title.to_lowercase());
        list
    };
    html! {
        div #everything {
            @for (kind, title) in KINDS {
                @let list = of(kind);
                @if !list.is_empty() {
                    h2 { (title) }
                    ul.columns { @for page in list { li { a href=(from.to(page.path.as_str())) { (page.title) } } } }
                }
            }
        }
    }
}
