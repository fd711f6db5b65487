//! The page of errors: what llama.cpp was measured to take beside the prediction, and published figures beside theirs.
//!
//! Measurements are the JSON files below `content/measurements/memory/`; the page's prose is the author's.

use std::fs;

use anyhow::{Context as _, Result};
use dhurandhar_core::measurement::{
    CardRow, Compared, LITERT_CARDS, MemoryMetric, MemoryRun, MemoryValidation, read_memory_validation,
};
use maud::{Markup, html};

use super::Context;
use super::figures::{count, plain};
use crate::disk;
use crate::markdown::Heading;
use crate::page::Page;
use crate::path::{SitePath, extension};

/// Where the page is; without prose there is none.
const PLACE: &str = "docs/accuracy/";
/// Below the content folder.
const MEASUREMENTS: &str = "measurements/memory";
const MEGABYTE: f64 = 1e6;

/// The page with its tables.
pub(super) fn page(context: &Context<'_>) -> Result<Option<Page>> {
    let Some(mut page) = context.prose(PLACE) else { return Ok(None) };
    let folder = context.content.join(MEASUREMENTS);
    let names = if folder.is_dir() { disk::files(&folder)? } else { Vec::new() };
    let mut tables = String::new();
    for name in names.iter().filter(|name| extension(name) == "json") {
        let file = format!("{MEASUREMENTS}/{name}");
        let text = fs::read_to_string(folder.join(name)).with_context(|| format!("cannot read {file}"))?;
        let report = read_memory_validation(&text).with_context(|| file.clone())?;
        tables += &validation(&report, name).into_string();
        page.files.push((SitePath::new(format!("{PLACE}{name}")), text.into_bytes()));
    }
    tables += &cards().into_string();
    for (id, text) in [("runs", "Measured against llama.cpp"), ("cards", "Published figures for LiteRT-LM")] {
        if tables.contains(&format!("id=\"{id}\"")) {
            page.headings.push(Heading { level: 2, id: id.to_owned(), text: text.to_owned() });
        }
    }
    page.body.push_str(&tables);
    Ok(Some(page))
}

fn percent(error: f64) -> String {
    format!("{:+.1} %", error * 100.0)
}

fn validation(report: &MemoryValidation, name: &str) -> Markup {
    let all = report.rows.len();
    html! {
        h2 #runs { "Measured against llama.cpp" }
        p {
            (all) " runs of " (report.runtime) " on a " (report.device.name) ", each in a process of its own, from "
            (report.started.get(..10).unwrap_or(&report.started)) ". \u{201c}Sizes\u{201d} are mapped weights, packed              copies, KV cache and recurrent state as the runtime logs them; they count as exact when they agree to the two              decimals of the log. The peak is the highest resident set while a prompt was read and a token decoded, less the              pages of the measuring program. Errors are predicted over measured, less one. As data: "
            a href=(name) { "JSON" } "."
        }
        (summaries(report))
        details {
            summary { "Every run" }
            (runs(report))
        }
        @if !report.notes.is_empty() {
            p { "Left out:" }
            ul { @for note in &report.notes { li { (note.about) ": " (note.reason) } } }
        }
    }
}

fn summaries(report: &MemoryValidation) -> Markup {
    html! {
        div.scroll role="region" aria-label="Errors by model" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Model" }
                        th scope="col" { "Weights" }
                        th.num scope="col" { "Runs" }
                        th.num scope="col" { "Sizes exact" }
                        th.num scope="col" { "Compute, worst" }
                        th.num scope="col" { "Peak, median" }
                        th.num scope="col" { "Peak, worst" }
                        th.num scope="col" { "Within interval" }
                    }
                }
                tbody {
                    @for model in report.summaries() {
                        tr {
                            th scope="row" { (model.model) }
                            td { (model.weights) }
                            td.num { (model.runs) }
                            td.num { (model.exact) }
                            td.num { (percent(model.worst_compute)) }
                            td.num { (format!("{:.1} %", model.median_peak * 100.0)) }
                            td.num { (percent(model.worst_peak)) }
                            td.num { (model.within) }
                        }
                    }
                }
            }
        }
    }
}

fn runs(report: &MemoryValidation) -> Markup {
    html! {
        div.scroll role="region" aria-label="Every run" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Model" }
                        th.num scope="col" { "Context" }
                        th scope="col" { "KV" }
                        th.num scope="col" { "Micro-batch" }
                        th.num scope="col" { "KV MiB" }
                        th scope="col" { "Sizes" }
                        th.num scope="col" { "Compute MiB" }
                        th.num scope="col" { "predicted" }
                        th.num scope="col" { "Peak MiB" }
                        th.num scope="col" { "predicted" }
                        th.num scope="col" { "error" }
                    }
                }
                tbody { @for row in &report.rows { (run(row)) } }
            }
        }
    }
}

fn run(row: &MemoryRun) -> Markup {
    let Some(figures) = row.compared() else { return html! {} };
    let [mapped, repack, kv, state, compute, peak] = figures.map(|(_, figure)| figure);
    let exact = [mapped, repack, kv, state].iter().all(|figure| figure.is_exact());
    let case = &row.case;
    let one = |mib: f64| format!("{mib:.1}");
    let full = if case.policy == "llama-cpp-api" { ", full window caches" } else { "" };
    let lazy = if case.lazy_table { ", table read by rows" } else { "" };
    html! {
        tr {
            th scope="row" { (case.model) (full) (lazy) }
            td.num { (count(case.context_tokens)) }
            td { (case.kv) }
            td.num { (case.ubatch) }
            td.num { (one(kv.measured_mib)) }
            td { @if exact { "exact" } @else { (differences(&figures)) } }
            td.num { (one(compute.measured_mib)) }
            td.num { (one(compute.predicted_mib)) }
            td.num { (one(peak.measured_mib)) }
            td.num { (one(peak.predicted_mib)) }
            td.num { (percent(peak.error())) }
        }
    }
}

/// Which sizes differ, and by how much.
fn differences(figures: &[(&str, Compared)]) -> String {
    let wrong = figures.iter().take(4).filter(|(_, figure)| !figure.is_exact());
    wrong.map(|(name, figure)| format!("{name} {}", percent(figure.error()))).collect::<Vec<_>>().join(", ")
}

fn cards() -> Markup {
    html! {
        h2 #cards { "Published figures for LiteRT-LM" }
        p {
            "The 27 memory figures on the model cards of Gemma 4 E2B and E4B. The packed copy was fitted to the three rows marked              so; the others test the rules as they are. On GPUs and NPUs, and for E4B, whose card states no section sizes, there              is no prediction."
        }
        div.scroll role="region" aria-label="Published figures" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Model" }
                        th scope="col" { "Device" }
                        th scope="col" { "On" }
                        th scope="col" { "Counts" }
                        th.num scope="col" { "Published MB" }
                        th.num scope="col" { "Predicted MB" }
                        th.num scope="col" { "Interval" }
                        th.num scope="col" { "Error" }
                    }
                }
                tbody { @for row in &LITERT_CARDS { (card(row)) } }
            }
        }
    }
}

fn card(row: &CardRow) -> Markup {
    let predicted = row.predicted();
    let megabytes = |bytes: u64| plain((bytes as f64 / MEGABYTE).round());
    html! {
        tr {
            th scope="row" { (row.model) }
            td { (row.device) @if row.was_fitted() { " (fitted)" } }
            td { (row.processor.name()) }
            td { @match row.metric { MemoryMetric::Rss => "resident set", MemoryMetric::Footprint => "private" } }
            td.num { (count(row.megabytes)) }
            td.num { @if let Some([_, bytes, _]) = predicted { (megabytes(bytes)) } @else { "\u{2013}" } }
            td.num { @if let Some([low, _, high]) = predicted { (megabytes(low)) "\u{2013}" (megabytes(high)) } }
            td.num {
                @if let Some([_, bytes, _]) = predicted {
                    (percent(bytes as f64 / MEGABYTE / row.megabytes as f64 - 1.0))
                }
            }
        }
    }
}
