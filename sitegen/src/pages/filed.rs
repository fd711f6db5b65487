//! Published results of one kind: a page for each file of a folder, and their links in the list of reports.

use std::fs;

use anyhow::{Context as _, Result};
use maud::{Markup, html};

use super::Context;
use crate::disk;
use crate::page::Page;
use crate::path::{SitePath, extension};

/// Below the list of reports, whose prose decides whether there are report pages at all.
pub(super) const LIST: &str = "reports/";

/// What `page` makes of the text and the name of every file below `content/measurements/<kind>/`.
pub(super) fn pages(
    context: &Context<'_>,
    kind: &str,
    page: impl Fn(String, &str) -> Result<Page>,
) -> Result<Vec<Page>> {
    let below = format!("measurements/{kind}");
    let folder = context.content.join(&below);
    if context.prose(LIST).is_none() || !folder.is_dir() {
        return Ok(Vec::new());
    }
    let names = disk::files(&folder)?;
    let read = |name: &String| -> Result<Page> {
        let file = format!("{below}/{name}");
        let text = fs::read_to_string(folder.join(name)).with_context(|| format!("cannot read {file}"))?;
        page(text, name.trim_end_matches(".json")).context(file)
    };
    names.iter().filter(|name| extension(name) == "json").map(read).collect()
}

/// Links to the pages, for the list of reports.
pub(super) fn links(from: &SitePath, id: &str, title: &str, pages: &[Page]) -> Markup {
    html! {
        @if !pages.is_empty() {
            h2 id=(id) { (title) }
            ul.cards {
                @for page in pages {
                    li { a href=(from.to(page.path.as_str())) { (page.title) } p { (page.description) } }
                }
            }
        }
    }
}
