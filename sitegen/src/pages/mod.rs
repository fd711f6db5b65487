//! Pages made from data. Their prose, where they have some, is the Markdown page at the same place.

mod calculator;

use std::path::Path;

use anyhow::Result;

use crate::page::Page;
use crate::path::SitePath;

/// What data pages are made from.
#[derive(Debug)]
pub struct Context<'a> {
    /// The content folder; measurements lie in `measurements/` below it.
    pub content: &'a Path,
    /// Pages written as Markdown.
    pub prose: &'a [Page],
}

impl Context<'_> {
    /// The Markdown page at `path`, to be extended: title, description, place in the menu and text are the author's.
    pub fn prose(&self, path: &str) -> Option<Page> {
        let path = SitePath::new(path);
        self.prose.iter().find(|page| page.path == path).cloned()
    }
}

/// All data pages. One at the place of a Markdown page takes its place.
pub fn pages(context: &Context<'_>) -> Result<Vec<Page>> {
    Ok(calculator::page(context).into_iter().collect())
}
