//! Reports: a page for every measurement, and the list of them.
//!
//! A kind of measurement with pages of its own is listed with them.

mod charts;
mod comparison;
mod configurations;
mod environment;
mod machines;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use comparison::About;
use dhurandhar_core::measurement::{Kind, MmapProfile};
use maud::{Markup, PreEscaped, html};

use super::Context;
use super::catalogue::Catalogue;
use super::figures::plain;
use super::filed::{Filed, MEASUREMENTS, links, load as load_files};
use super::parts::{command, device_path, model_path};
use crate::page::{Page, Shape};
use crate::path::SitePath;

/// Where the list is; its prose decides whether there are report pages at all.
pub(super) const LIST: &str = "reports/";
/// The list of devices; without it they have no pages.
const DEVICES: &str = "devices/";
/// A measurement and where its page is.
#[derive(Debug)]
pub(super) struct Measured {
    /// Name in addresses.
    slug: String,
    /// The file as published.
    json: String,
    /// What it says.
    profile: MmapProfile,
    /// The built-in device that it was measured on, if it is one: name and title.
    built_in: Option<(String, String)>,
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

    fn is_on_device(&self, name: &str) -> bool {
        self.built_in.as_ref().is_some_and(|(own, _)| own == name)
    }

    /// The page of the machine: that of the built-in device, or one among the reports.
    fn machine(&self) -> SitePath {
        SitePath::new(
            self.built_in
                .as_ref()
                .map_or_else(|| machines::path(self.device()), |(name, _)| device_path(name)),
        )
    }

    fn recognise(&mut self, catalogue: &Catalogue) {
        let named = |name: &str| {
            let model = self.profile.device.model.as_deref();
            [Some(self.device()), model].into_iter().flatten().any(|own| own.eq_ignore_ascii_case(name))
        };
        let device = catalogue.devices.iter().find(|device| named(&device.name) || named(&device.title));
        self.built_in = device.map(|device| (device.name.clone(), device.title.clone()));
    }
}

/// All measurements, newest first. Empty when the site has no list to show them in.
pub(super) fn load(context: &Context<'_>, catalogue: &Catalogue) -> Result<Vec<Measured>> {
    let mut slugs: BTreeMap<String, String> = BTreeMap::new();
    let mut all = Vec::new();
    for Filed { name, json, report } in load_files::<MmapProfile>(context.content)? {
        let mut measured = Measured { slug: slug(&name), profile: report, json, built_in: None };
        if context.prose(DEVICES).is_some() {
            measured.recognise(catalogue);
        }
        if let Some(other) = slugs.insert(measured.slug.clone(), name.clone()) {
            bail!("{MEASUREMENTS}/{name}: its page would be that of {MEASUREMENTS}/{other}; rename one");
        }
        all.push(measured);
    }
    all.sort_by(|a, b| (&b.profile.run.started, &a.slug).cmp(&(&a.profile.run.started, &b.slug)));
    Ok(if context.prose(LIST).is_some() { all } else { Vec::new() })
}

/// `Pixel 9/a, b.json` is `pixel-9-a-b`.
fn slug(name: &str) -> String {
    let words = name.trim_end_matches(".json").split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    words.join("-")
}

/// The list and a page for each measurement.
pub(super) fn pages(
    context: &Context<'_>,
    catalogue: &Catalogue,
    measured: &[Measured],
    others: &[(Kind, Vec<Page>)],
) -> Vec<Page> {
    let Some(mut list) = context.prose(LIST) else { return Vec::new() };
    let all: Vec<&Measured> = measured.iter().collect();
    let schemas = dhurandhar_core::schema::all();
    list.body = html! {
        @if all.is_empty() { p { "There is no report yet." } } @else {
            (comparison::table(&list.path, About::All, &all))
            (comparison::chart(&newest_of_each(&all)))
        }
        @for (kind, pages) in others { (links(&list.path, kind, pages)) }
        (PreEscaped(&list.body))
        p {
            "The files follow JSON Schemas: "
            @for (index, (name, _)) in schemas.iter().enumerate() { @if index > 0 { ", " } a href=(format!("./{name}.schema.json")) { (name) } }
            "."
        }
    }
    .into_string();
    list.files = schemas
        .into_iter()
        .map(|(name, text)| (SitePath::new(format!("{LIST}{name}.schema.json")), text.into_bytes()))
        .collect();
    list.shape = Shape::Wide;
    let mut pages: Vec<Page> = measured.iter().map(|measured| page(measured, context, catalogue)).collect();
    pages.extend(machines::pages(measured));
    pages.push(list);
    pages
}

/// The newest report of each machine; `all` is newest first.
fn newest_of_each<'a>(all: &[&'a Measured]) -> Vec<&'a Measured> {
    let mut seen = BTreeSet::new();
    all.iter().copied().filter(|measured| seen.insert(measured.machine())).collect()
}

/// The section of a model's page with what was measured of its table; empty when nothing was.
pub(super) fn of_model(from: &SitePath, slug: &str, measured: &[Measured]) -> Markup {
    let own: Vec<&Measured> = measured.iter().filter(|measured| measured.is_of_model(slug)).collect();
    section(from, About::Model, &own)
}

/// The section of a device's page with what was measured on it; empty when nothing was.
pub(super) fn on_device(from: &SitePath, name: &str, measured: &[Measured]) -> Markup {
    let own: Vec<&Measured> = measured.iter().filter(|measured| measured.is_on_device(name)).collect();
    section(from, About::Machine, &own)
}

fn section(from: &SitePath, about: About, measured: &[&Measured]) -> Markup {
    html! {
        @if !measured.is_empty() {
            h2 #reports { "Measured" }
            (comparison::table(from, about, measured))
            (comparison::chart(measured))
        }
    }
}

fn page(measured: &Measured, context: &Context<'_>, catalogue: &Catalogue) -> Page {
    let path = measured.path();
    let profile = &measured.profile;
    let body = html! {
        (outcome::verdict(profile))
        (outcome::alternatives(profile))
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
        pre.wrapped tabindex="0" { code { (command(&profile.tool.name, &profile.run.arguments)) } }
        p { "As data: " a href="measurement.json" { "JSON as published" } ", " a href="configurations.csv" { "CSV by configuration" } "." }
    };
    Page {
        title: format!("{} on {}", title(measured, catalogue), measured.device()),
        description: format!(
            "{} at {} tok/s, measured {}: per-layer embeddings read from storage.",
            profile.verdict.result.name(),
            plain(profile.verdict.target_tps),
            measured.date()
        ),
        shape: Shape::Wide,
        body: body.into_string(),
        files: vec![
            (SitePath::new(format!("{path}measurement.json")), measured.json.clone().into_bytes()),
            (SitePath::new(format!("{path}configurations.csv")), profile.to_csv().into_bytes()),
        ],
        path,
        ..Page::default()
    }
}

/// The model as people call it.
fn title<'a>(measured: &'a Measured, catalogue: &'a Catalogue) -> &'a str {
    let known = catalogue.models.iter().find(|analysed| measured.is_of_model(analysed.slug()));
    known.map_or_else(|| measured.model(), |analysed| analysed.title())
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
    let model = model.map(|analysed| (analysed.title().to_owned(), from.to(&model_path(analysed.slug()))));
    let device = measured.built_in.as_ref().map(|(name, title)| (title.clone(), from.to(&device_path(name))));
    model.into_iter().chain(device).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_addresses() {
        assert_eq!(slug("Pixel 9/run_2, cold.json"), "pixel-9-run-2-cold");
    }
}
