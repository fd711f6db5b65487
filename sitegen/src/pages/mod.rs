//! Pages made from data. Their prose, where they have some, is the Markdown page at the same place.
//!
//! A kind of page is a module with a function that takes the [`Context`] (and the [`Catalogue`] of predictions, if
//! it shows any) and gives [`Page`]s; [`pages`] names them all. Every figure in them comes from `dhurandhar-core`.

mod accuracy;
mod calculator;
pub mod catalogue;
mod charts;
mod devices;
mod figures;
mod filed;
mod home;
mod kv_quality;
mod models;
mod parts;
mod reports;
mod table;
mod training;
mod verdicts;

use std::path::Path;

pub(crate) use charts::{data, figure};
pub(crate) use figures::significant;

use anyhow::Result;

use crate::page::Page;
use crate::path::SitePath;
use catalogue::Catalogue;

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
    let catalogue = Catalogue::built_in()?;
    let measured = reports::load(context, catalogue)?;
    let mut pages = models::pages(context, catalogue, &measured);
    pages.extend(devices::pages(context, catalogue, &measured));
    let sweeps = kv_quality::pages(context)?;
    let runs = training::pages(context)?;
    pages.extend(reports::pages(context, catalogue, &measured, &sweeps, &runs));
    pages.extend(sweeps);
    pages.extend(runs);
    pages.extend(calculator::page(context, catalogue));
    pages.extend(accuracy::page(context)?);
    pages.extend(home::page(context, catalogue));
    Ok(pages)
}
