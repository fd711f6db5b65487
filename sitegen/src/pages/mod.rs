//! Pages made from data. Their prose, where they have some, is the Markdown page at the same place.
//!
//! A kind of page is a module with a function that takes the [`Context`] (and the [`Catalogue`] of predictions, if
//! it shows any) and gives [`Page`]s; [`pages`] names them all. Every figure in them comes from `dhurandhar-core`.

mod accuracy;
mod calculator;
pub mod catalogue;
mod charts;
mod coverage;
mod devices;
mod dossiers;
mod figures;
mod filed;
mod home;
mod kv_quality;
mod limits;
mod models;
mod parts;
mod platform_limits;
mod programs;
mod reports;
pub(crate) mod search;
mod sizes;
mod source_links;
mod speed;
mod table;
mod training;
mod verdicts;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

pub(crate) use charts::{data, figure};
pub(crate) use figures::significant;
pub(crate) use parts::sign;

use anyhow::Result;

use crate::disk;
use crate::page::Page;
use crate::path::SitePath;
use catalogue::Catalogue;
use dhurandhar_core::measurement::{KvQuality, Measurement as _, TrainingRun};
use filed::{DOSSIERS, MEASUREMENTS};

/// What data pages are made from.
#[derive(Debug)]
pub struct Context<'a> {
    /// The content folder; measurements lie in `measurements/` below it, dossiers in `dossiers/`, and nothing else of it is read.
    pub content: &'a Path,
    /// Pages written as Markdown.
    pub prose: &'a [Page],
    /// What was asked of them.
    asked: Mutex<Asked>,
}

/// Markdown pages that data pages looked for, and what they found.
type Asked = BTreeMap<SitePath, Option<Page>>;

impl<'a> Context<'a> {
    /// Of a content folder with these Markdown pages.
    pub fn new(content: &'a Path, prose: &'a [Page]) -> Self {
        Self { content, prose, asked: Mutex::default() }
    }

    /// The Markdown page at `path`, to be extended: title, description, place in the menu and text are the author's.
    pub fn prose(&self, path: &str) -> Option<Page> {
        let path = SitePath::new(path);
        let found = find(self.prose, &path).cloned();
        if let Ok(mut asked) = self.asked.lock() {
            asked.insert(path, found.clone());
        }
        found
    }
}

fn find<'a>(prose: &'a [Page], path: &SitePath) -> Option<&'a Page> {
    prose.iter().find(|page| page.path == *path)
}

/// The data pages of a build, for the next one: most changes are to prose that no data page looks at.
#[derive(Debug, Default)]
pub struct Kept {
    pages: Vec<Page>,
    asked: Asked,
    measured: Measured,
}

/// Name, length and time of change of every measurement and dossier.
type Measured = Vec<(String, u64, SystemTime)>;

impl Kept {
    /// All data pages; made anew unless what they were made from is what it was.
    pub fn pages(&mut self, content: &Path, prose: &[Page]) -> Result<Vec<Page>> {
        let mut measured = measured(&content.join(MEASUREMENTS))?;
        measured.extend(self::measured(&content.join(DOSSIERS))?);
        let same = |(path, page): (&SitePath, &Option<Page>)| find(prose, path) == page.as_ref();
        if self.pages.is_empty() || self.measured != measured || !self.asked.iter().all(same) {
            let context = Context::new(content, prose);
            self.pages = pages(&context)?;
            self.asked = context.asked.into_inner().unwrap_or_default();
            self.measured = measured;
        }
        Ok(self.pages.clone())
    }
}

fn measured(folder: &Path) -> Result<Measured> {
    let names = if folder.is_dir() { disk::files(folder)? } else { Vec::new() };
    let stamp = |name: String| {
        let about = folder.join(&name).metadata().ok()?;
        Some((name, about.len(), about.modified().ok()?))
    };
    Ok(names.into_iter().filter_map(stamp).collect())
}

/// All data pages. One at the place of a Markdown page takes its place.
pub fn pages(context: &Context<'_>) -> Result<Vec<Page>> {
    let catalogue = Catalogue::built_in()?;
    let measured = reports::load(context, catalogue)?;
    let mut pages = models::pages(context, catalogue, &measured);
    pages.extend(devices::pages(context, catalogue, &measured));
    let others =
        [(TrainingRun::KIND, training::pages(context)?), (KvQuality::KIND, kv_quality::pages(context)?)];
    pages.extend(reports::pages(context, catalogue, &measured, &others));
    pages.extend(others.into_iter().flat_map(|(_, pages)| pages));
    pages.extend(calculator::page(context, catalogue));
    pages.extend(accuracy::page(context)?);
    pages.extend(limits::page(context)?);
    pages.extend(speed::page(context)?);
    pages.extend(platform_limits::pages(context, catalogue));
    pages.extend(programs::page(context)?);
    pages.extend(dossiers::pages(context)?);
    pages.extend(coverage::page(context, catalogue)?);
    pages.extend(home::pages(context, catalogue)?);
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_pages_are_made_anew_when_their_prose_or_a_measurement_changes() {
        let content = tempfile::tempdir().unwrap();
        let page = |path: &str, title: &str| Page {
            path: SitePath::new(path),
            title: title.to_owned(),
            ..Page::default()
        };
        let title = |pages: &[Page]| {
            pages.iter().find(|page| page.path == SitePath::new("models/")).unwrap().title.clone()
        };
        let mut kept = Kept::default();
        let first = kept.pages(content.path(), &[page("models/", "One")]).unwrap();
        assert_eq!(title(&first), "One");
        // Marked, to see whether they are the same.
        kept.pages[0].title = "kept".to_owned();
        let others = [page("models/", "One"), page("docs/", "Unrelated")];
        assert_eq!(kept.pages(content.path(), &others).unwrap()[0].title, "kept");
        assert_eq!(title(&kept.pages(content.path(), &[page("models/", "Two")]).unwrap()), "Two");
        kept.pages[0].title = "kept".to_owned();
        let folder = content.path().join(MEASUREMENTS).join("memory");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("note.txt"), "new").unwrap();
        assert_ne!(kept.pages(content.path(), &[page("models/", "Two")]).unwrap()[0].title, "kept");
    }
}
