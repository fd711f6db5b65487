//! What has been measured, and what has not: models against the kinds of measurement, and the machines behind them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use dhurandhar_core::measurement::{
    KvQuality, MemoryValidation, MmapProfile, SizeValidation, SpeedRun, TrainingRun, VerdictValidation,
};
use maud::html;

use super::Context;
use super::catalogue::Catalogue;
use super::filed::load;
use super::parts::model_path;
use crate::page::{Page, Shape};

/// Where the page is; without prose there is none.
const PLACE: &str = "docs/measured/";

/// Columns: what was measured of a model.
const WHAT: [&str; 6] = ["Sizes", "Memory", "Under limits", "Speed", "Table on storage", "Cache codecs"];

/// How many runs of each kind a model has, and the machines on which anything ran.
#[derive(Debug, Default)]
struct Found {
    models: BTreeMap<String, [usize; WHAT.len()]>,
    machines: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, model: &str, what: usize) {
        if let Some(count) = self.models.entry(model.to_owned()).or_default().get_mut(what) {
            *count += 1;
        }
    }

    /// Runs of a built-in model, whose checkpoints may be called by another spelling, and by more after it.
    fn of(&self, slug: &str) -> Option<[usize; WHAT.len()]> {
        let plain = |name: &str| -> String {
            name.chars().filter(char::is_ascii_alphanumeric).map(|sign| sign.to_ascii_lowercase()).collect()
        };
        let wanted = plain(slug);
        let own = self.models.iter().filter(|(name, _)| plain(name).starts_with(&wanted));
        own.map(|(_, counts)| *counts)
            .reduce(|one, other| std::array::from_fn(|what| one[what] + other[what]))
    }
}

/// The page with its table.
pub(super) fn page(context: &Context<'_>, catalogue: &Catalogue) -> Result<Option<Page>> {
    let Some(mut page) = context.prose(PLACE) else { return Ok(None) };
    let found = found(context)?;
    let built_in = catalogue.devices.iter();
    let known =
        built_in.filter(|device| found.machines.iter().any(|name| same(name, &device.name, &device.title)));
    let of_catalogue =
        catalogue.models.iter().filter_map(|analysed| Some((analysed, found.of(analysed.slug())?)));
    let rows: Vec<_> = of_catalogue.collect();
    let links = context.prose("models/").is_some();
    let body = html! {
        p {
            strong { (rows.len()) " of " (catalogue.models.len()) " built-in models" } " and "
            strong { (known.count()) " of " (catalogue.devices.len()) " built-in devices" }
            " have a measurement of this project; it ran on: "
            @for (index, machine) in found.machines.iter().enumerate() { @if index > 0 { "; " } (machine) }
            ". Everything else on this site is computed, and says so."
        }
        div.scroll.tall role="region" aria-label="What was measured" tabindex="0" {
            table.sortable data-example="Gemma, Qwen…" {
                thead { tr { th scope="col" { "Model" } @for name in WHAT { th.num scope="col" { (name) } } } }
                tbody {
                    @for (analysed, counts) in &rows {
                        tr {
                            th scope="row" {
                                @if links { a href=(page.path.to(&model_path(analysed.slug()))) { (analysed.title()) } } @else { (analysed.title()) }
                            }
                            @for count in counts { td.num { @if *count > 0 { (count) } @else { "none" } } }
                        }
                    }
                }
            }
        }
    };
    page.body += &body.into_string();
    page.shape = Shape::Wide;
    Ok(Some(page))
}

fn same(machine: &str, name: &str, title: &str) -> bool {
    machine.eq_ignore_ascii_case(name) || machine.eq_ignore_ascii_case(title)
}

fn found(context: &Context<'_>) -> Result<Found> {
    let mut found = Found::default();
    let content = context.content;
    for run in load::<SizeValidation>(content)? {
        for model in run.report.models.iter().filter(|model| model.left_out.is_empty()) {
            found.add(&model.model, 0);
        }
    }
    for run in load::<MemoryValidation>(content)? {
        run.report.rows.iter().for_each(|row| found.add(&row.case.model, 1));
        found.machines.insert(run.report.device.name);
    }
    for run in load::<VerdictValidation>(content)? {
        run.report.rows.iter().for_each(|row| found.add(&row.case.model, 2));
        found.machines.insert(run.report.device.name);
    }
    for run in load::<SpeedRun>(content)? {
        run.report.rows.iter().for_each(|row| found.add(&row.model, 3));
        found.machines.insert(run.report.device.name);
    }
    for run in load::<MmapProfile>(content)? {
        if let Some(model) = &run.report.table.model {
            found.add(model, 4);
        }
        found.machines.insert(run.report.device.name);
    }
    load::<KvQuality>(content)?.iter().for_each(|run| found.add(&run.report.model, 5));
    for run in load::<TrainingRun>(content)? {
        found.machines.insert(run.report.device.name);
    }
    Ok(found)
}
