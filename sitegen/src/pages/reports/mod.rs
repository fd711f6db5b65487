//! Reports: a page for every measurement, and the list of them.
//!
//! Measurements are the JSON files below `content/measurements/`, but for the folders of other kinds; one that cannot be read stops the build.

mod charts;
mod configurations;
mod environment;
mod outcome;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use dhurandhar_core::measurement::{MmapProfile, read_mmap_profile};
use maud::{Markup, PreEscaped, html};

use super::Context;
use super::catalogue::Catalogue;
use super::figures::plain;
use super::kv_quality;
use super::parts::{device_path, model_path};
use crate::disk;
use crate::page::{Page, Shape};
use crate::path::{SitePath, extension};

/// Where the list is; its prose decides whether there are report pages at all.
const LIST: &str = "reports/";
/// Below the content folder.
const MEASUREMENTS: &str = "measurements";

/// Folders of it whose measurements have pages of their own kind.
const OTHERS: [&str; 2] = ["memory/", "kv-quality/"];

/// A measurement and where its page is.
#[derive(Debug)]
pub(super) struct Measured {
    /// Name in addresses.
    slug: String,
    /// The file as published.
    json: Vec<u8>,
    /// What it says.
    profile: MmapProfile,
}

impl Measured {
    fn path(&self) -> SitePath {
        SitePath::new(format!("{LIST}{}/", self.slug))
    }

    /// `YYYY-MM-DD`.
    fn date(&self) -> &str {
        self.profile.run.started.get(..10).unwrap_or(&self.profile.run.started)
    }

    fn model(&self) -> &str {
        self.profile.table.model.as_deref().unwrap_or("a table of no named model")
    }

    fn device(&self) -> &str {
        &self.profile.device.name
    }

    fn is_of_model(&self, slug: &str) -> bool {
        self.profile.table.model.as_deref() == Some(slug)
    }

    fn is_on_device(&self, slug: &str, title: &str) -> bool {
        let named = |name: &str| name.eq_ignore_ascii_case(slug) || name.eq_ignore_ascii_case(title);
        named(self.device()) || self.profile.device.model.as_deref().is_some_and(named)
    }
}

/// All measurements, newest first. Empty when the site has no list to show them in.
pub(super) fn load(context: &Context<'_>) -> Result<Vec<Measured>> {
    let folder = context.content.join(MEASUREMENTS);
    let names = if folder.is_dir() { disk::files(&folder)? } else { Vec::new() };
    let mut slugs: BTreeMap<String, String> = BTreeMap::new();
    let mut all = Vec::new();
    let own =
        |name: &&String| extension(name) == "json" && !OTHERS.iter().any(|folder| name.starts_with(folder));
    for name in names.iter().filter(own) {
        let measured = read(&folder, name)?;
        if let Some(other) = slugs.insert(measured.slug.clone(), name.clone()) {
            bail!("{MEASUREMENTS}/{name}: its page would be that of {MEASUREMENTS}/{other}; rename one");
        }
        all.push(measured);
    }
    all.sort_by(|a, b| (&b.profile.run.started, &a.slug).cmp(&(&a.profile.run.started, &b.slug)));
    Ok(if context.prose(LIST).is_some() { all } else { Vec::new() })
}

fn read(folder: &Path, name: &str) -> Result<Measured> {
    let file = format!("{MEASUREMENTS}/{name}");
    let json = fs::read(folder.join(name)).with_context(|| format!("cannot read {file}"))?;
    let text = std::str::from_utf8(&json).with_context(|| format!("{file} is not valid UTF-8"))?;
    let profile = read_mmap_profile(text).with_context(|| file.clone())?;
    Ok(Measured { slug: slug(name), profile, json })
}

/// `pixel 9/a.json` is `pixel-9-a`.
fn slug(name: &str) -> String {
    let kept = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    name.trim_end_matches(".json").chars().map(kept).collect()
}

/// The list and a page for each measurement.
pub(super) fn pages(
    context: &Context<'_>,
    catalogue: &Catalogue,
    measured: &[Measured],
    sweeps: &[Page],
) -> Vec<Page> {
    let Some(mut list) = context.prose(LIST) else { return Vec::new() };
    let all: Vec<&Measured> = measured.iter().collect();
    list.body = html! {
        @if all.is_empty() { p { "There is no report yet." } } @else { (table(&list.path, &all)) }
        (kv_quality::links(&list.path, sweeps))
        (PreEscaped(&list.body))
    }
    .into_string();
    list.shape = Shape::Wide;
    let mut pages: Vec<Page> = measured.iter().map(|measured| page(measured, context, catalogue)).collect();
    pages.push(list);
    pages
}

/// The section of a model's page with what was measured of its table; empty when nothing was.
pub(super) fn of_model(from: &SitePath, slug: &str, measured: &[Measured]) -> Markup {
    section(from, &measured.iter().filter(|measured| measured.is_of_model(slug)).collect::<Vec<_>>())
}

/// The section of a device's page with what was measured on it; empty when nothing was.
pub(super) fn on_device(from: &SitePath, slug: &str, title: &str, measured: &[Measured]) -> Markup {
    section(from, &measured.iter().filter(|measured| measured.is_on_device(slug, title)).collect::<Vec<_>>())
}

fn section(from: &SitePath, measured: &[&Measured]) -> Markup {
    html! {
        @if !measured.is_empty() {
            h2 #reports { "Measured" }
            (table(from, measured))
        }
    }
}

fn table(from: &SitePath, measured: &[&Measured]) -> Markup {
    html! {
        div.scroll role="region" aria-label="Reports" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Measured" }
                        th scope="col" { "Verdict" }
                        th scope="col" { "Table of" }
                        th scope="col" { "On" }
                        th.num scope="col" { "Target tok/s" }
                        th scope="col" { "First reason" }
                    }
                }
                tbody {
                    @for measured in measured {
                        @let verdict = &measured.profile.verdict;
                        tr {
                            th scope="row" { a href=(from.to(measured.path().as_str())) { time datetime=(measured.date()) { (measured.date()) } } }
                            td { (outcome::badge(verdict.result)) }
                            td { (measured.model()) }
                            td { (measured.device()) }
                            td.num { (plain(verdict.target_tps)) }
                            td.how { (verdict.reasons.first().map_or("", String::as_str)) }
                        }
                    }
                }
            }
        }
    }
}

fn page(measured: &Measured, context: &Context<'_>, catalogue: &Catalogue) -> Page {
    let path = measured.path();
    let profile = &measured.profile;
    let body = html! {
        (outcome::verdict(profile))
        (outcome::flags(profile))
        h2 #gate { "The plain throughput gate" }
        (outcome::gate(profile))
        h2 #setting { "What was measured, and where" }
        (environment::setting(profile, &elsewhere(measured, &path, context, catalogue)))
        h2 #cold { "How cold was proved" }
        (configurations::cold(profile))
        h2 #latency { "Time a token waits for its row" }
        (charts::latencies(profile))
        (charts::predictions(profile))
        h2 #configurations { "Predicted and measured, by configuration" }
        (configurations::table(profile))
        (charts::cliff(profile))
        (charts::memory(profile))
        h2 #environment { "Environment" }
        (environment::table(profile))
        h2 #reproduce { "To reproduce" }
        pre { code { (environment::command(profile)) } }
        p { "As data: " a href="measurement.json" { "JSON as published" } ", " a href="configurations.csv" { "CSV by configuration" } "." }
    };
    Page {
        title: format!("{} on {}", measured.model(), measured.device()),
        description: format!(
            "{} at {} tok/s, measured {}: per-layer embeddings read from storage.",
            profile.verdict.result.name(),
            plain(profile.verdict.target_tps),
            measured.date()
        ),
        shape: Shape::Wide,
        body: body.into_string(),
        files: vec![
            (SitePath::new(format!("{path}measurement.json")), measured.json.clone()),
            (SitePath::new(format!("{path}configurations.csv")), profile.to_csv().into_bytes()),
        ],
        path,
        ..Page::default()
    }
}

/// The pages of the model and of the device, where the site has them.
fn elsewhere(
    measured: &Measured,
    from: &SitePath,
    context: &Context<'_>,
    catalogue: &Catalogue,
) -> Vec<(String, String)> {
    let model = catalogue.models.iter().find(|analysed| measured.is_of_model(analysed.slug()));
    let model = model.filter(|_| context.prose("models/").is_some());
    let device = catalogue.devices.iter().find(|device| measured.is_on_device(&device.name, &device.title));
    let device = device.filter(|_| context.prose("devices/").is_some());
    let model = model.map(|analysed| (analysed.title().to_owned(), from.to(&model_path(analysed.slug()))));
    let device = device.map(|device| (device.title.clone(), from.to(&device_path(&device.name))));
    model.into_iter().chain(device).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_addresses() {
        assert_eq!(slug("Pixel 9/run_2.json"), "pixel-9-run-2");
    }
}
