//! Published results: one loader for every kind, and the links to the pages of a kind in the list of reports.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use dhurandhar_core::measurement::{KINDS, Kind, Measurement};
use maud::{Markup, html};

use crate::disk;
use crate::page::Page;
use crate::path::{SitePath, extension};

/// Below the content folder: everything measured.
pub(super) const MEASUREMENTS: &str = "measurements";
/// Below the content folder: questions and their cases.
pub(super) const DOSSIERS: &str = "dossiers";

/// A published file.
#[derive(Debug)]
pub(super) struct Filed<T> {
    /// Name below the folder of its kind.
    pub(super) name: String,
    /// The file as published.
    pub(super) json: String,
    /// What it says.
    pub(super) report: T,
}

impl<T> Filed<T> {
    /// The name without its ending.
    pub(super) fn stem(&self) -> &str {
        self.name.trim_end_matches(".json")
    }
}

/// Every published result of a kind, by name; one that cannot be read stops the build.
pub(super) fn load<T: Measurement>(content: &Path) -> Result<Vec<Filed<T>>> {
    let folder = content.join(MEASUREMENTS);
    let names = if folder.is_dir() { disk::files(&folder)? } else { Vec::new() };
    let read = |name: &String| -> Result<Filed<T>> {
        let file = format!("{MEASUREMENTS}/{name}");
        let json = fs::read_to_string(folder.join(name)).with_context(|| format!("cannot read {file}"))?;
        let report = T::read(&json).with_context(|| file.clone())?;
        let name = name.trim_start_matches(T::KIND.folder).to_owned();
        Ok(Filed { name, json, report })
    };
    names.iter().filter(|name| extension(name) == "json" && is_of(&T::KIND, name)).map(read).collect()
}

/// In the folder of the kind, or in no other's for the kind that has none.
fn is_of(kind: &Kind, name: &str) -> bool {
    let in_folder = |kind: &Kind| !kind.folder.is_empty() && name.starts_with(kind.folder);
    if kind.folder.is_empty() { !KINDS.iter().any(in_folder) } else { in_folder(kind) }
}

/// Links to the pages, for the list of reports.
pub(super) fn links(from: &SitePath, kind: &Kind, pages: &[Page]) -> Markup {
    html! {
        @if !pages.is_empty() {
            h2 id=(kind.folder.trim_end_matches('/')) { (kind.title) }
            ul.cards {
                @for page in pages {
                    li { a href=(from.to(page.path.as_str())) { (page.title) } p { (page.description) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::measurement::{MmapProfile, TrainingRun};

    #[test]
    fn a_file_is_of_the_kind_whose_folder_it_lies_in() {
        let of = |name: &str| (is_of(&MmapProfile::KIND, name), is_of(&TrainingRun::KIND, name));
        assert_eq!(of("training/a.json"), (false, true));
        assert_eq!(of("phones/a.json"), (true, false));
        assert_eq!(of("sizes/a.json"), (false, false));
    }
}
