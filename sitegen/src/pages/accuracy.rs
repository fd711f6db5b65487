//! The page of errors: what llama.cpp was measured to take beside the prediction, and published figures beside theirs.
//!
//! Measurements are the JSON files below `content/measurements/memory/`; the page's prose is the author's.

use anyhow::Result;
use dhurandhar_core::measurement::{
    CardRow, Compared, LITERT_CARDS, Measurement, MemoryMetric, MemoryRun, MemoryValidation, SizeValidation,
};
use maud::{Markup, html};

use super::Context;
use super::figures::{count, plain};
use super::filed::{Filed, load};
use super::sizes;
use super::table::{Column, table};
use crate::page::{Heading, Page, Shape};
use crate::path::SitePath;

/// Where the page is; without prose there is none.
const PLACE: &str = "docs/accuracy/";
const MEGABYTE: f64 = 1e6;

/// The page with its tables.
pub(super) fn page(context: &Context<'_>) -> Result<Option<Page>> {
    let Some(mut page) = context.prose(PLACE) else { return Ok(None) };
    let mut tables = String::new();
    for Filed { name, json, report } in load::<MemoryValidation>(context.content)? {
        tables += &validation(&report, &name).into_string();
        page.files.push((SitePath::new(format!("{PLACE}{name}")), json.into_bytes()));
    }
    tables += &sizes::part(context.content, &mut page)?;
    tables += &cards().into_string();
    for (id, text) in [
        (sizes::ID, SizeValidation::KIND.title),
        ("runs", "Measured against llama.cpp"),
        ("cards", "Published figures for LiteRT-LM"),
    ] {
        if tables.contains(&format!("id=\"{id}\"")) {
            page.headings.push(Heading { level: 2, id: id.to_owned(), text: text.to_owned() });
        }
    }
    page.body.push_str(&tables);
    page.shape = Shape::Wide;
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
            (report.started.get(..10).unwrap_or(&report.started)) ". \u{201c}Sizes\u{201d} are mapped weights, packed copies, KV cache and recurrent state as the runtime logs them; they count as exact when they agree to the two \
             decimals of the log. The peak is the highest resident set while a prompt was read and a token decoded, less the \
             pages of the measuring program. Errors are predicted over measured, less one. As data: "
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
    let columns = [
        Column::text("Model"),
        Column::text("Weights"),
        Column::number("Runs"),
        Column::number("Sizes exact"),
        Column::number("Compute, worst"),
        Column::number("Peak, median"),
        Column::number("Peak, worst"),
        Column::number("Within interval"),
    ];
    let rows = report.summaries().into_iter().map(|model| {
        vec![
            model.model.clone(),
            model.weights.clone(),
            model.runs.to_string(),
            model.exact.to_string(),
            percent(model.worst_compute),
            format!("{:.1} %", model.median_peak * 100.0),
            percent(model.worst_peak),
            model.within.to_string(),
        ]
    });
    table("Errors by model", &columns, rows)
}

fn runs(report: &MemoryValidation) -> Markup {
    let columns = [
        Column::text("Model"),
        Column::number("Context"),
        Column::text("KV"),
        Column::number("Micro-batch"),
        Column::number("KV MiB"),
        Column::text("Sizes"),
        Column::number("Compute MiB"),
        Column::number("predicted"),
        Column::number("Peak MiB"),
        Column::number("predicted"),
        Column::number("error"),
    ];
    table("Every run", &columns, report.rows.iter().filter_map(run))
}

fn run(row: &MemoryRun) -> Option<Vec<String>> {
    let figures = row.compared()?;
    let [mapped, repack, kv, state, compute, peak] = figures.map(|(_, figure)| figure);
    let exact = [mapped, repack, kv, state].iter().all(|figure| figure.is_exact());
    let case = &row.case;
    let one = |mib: f64| format!("{mib:.1}");
    let full = if case.policy == "llama-cpp-api" { ", full window caches" } else { "" };
    let lazy = if case.lazy_table { ", table read by rows" } else { "" };
    Some(vec![
        format!("{}{full}{lazy}", case.model),
        count(case.context_tokens),
        case.kv.clone(),
        count(case.ubatch),
        one(kv.measured_mib),
        if exact { "exact".to_owned() } else { differences(&figures) },
        one(compute.measured_mib),
        one(compute.predicted_mib),
        one(peak.measured_mib),
        one(peak.predicted_mib),
        percent(peak.error()),
    ])
}

/// Which sizes differ, and by how much.
fn differences(figures: &[(&str, Compared)]) -> String {
    let wrong = figures.iter().take(4).filter(|(_, figure)| !figure.is_exact());
    wrong.map(|(name, figure)| format!("{name} {}", percent(figure.error()))).collect::<Vec<_>>().join(", ")
}

fn cards() -> Markup {
    let columns = [
        Column::text("Gemma 4"),
        Column::text("Device"),
        Column::text("On"),
        Column::text("Counts"),
        Column::number("Published MB"),
        Column::number("Predicted MB"),
        Column::number("Error"),
        Column::number("Interval"),
    ];
    let free = LITERT_CARDS.iter().filter(|row| !row.was_fitted());
    html! {
        h2 #cards { "Published figures for LiteRT-LM" }
        p {
            "The " (LITERT_CARDS.len()) " memory figures on the model cards of Gemma 4 E2B and E4B. The packed copy of the CPU rule was \
             fitted to the three rows marked so; nothing was tuned on the other " (free.clone().count()) ", of which "
            (free.clone().filter(|row| row.is_within()).count()) " lie in the predicted interval. E4B's card states no \
             section sizes: they are taken from E2B\u{2019}s bits per parameter, and add up to the published file within 6 %."
        }
        p {
            "On a GPU or an NPU the process is expected to hold the driver (200 to 500 MiB), the program and the rows of the \
             tables that were read; weights, cache and activations are device memory, which counts where the metric \
             counts it. Windows rows, and the Jetson\u{2019}s, are far above any rule that fits the others: take those two \
             devices\u{2019} figures from the card and not from here."
        }
        (table("Published figures", &columns, LITERT_CARDS.iter().map(card)))
    }
}

fn card(row: &CardRow) -> Vec<String> {
    let [low, expected, high] = row.predicted().unwrap_or_default();
    let megabytes = |bytes: u64| plain((bytes as f64 / MEGABYTE).round());
    let metric = match row.metric {
        MemoryMetric::Rss => "RSS",
        MemoryMetric::Footprint => "private",
    };
    vec![
        row.model.trim_start_matches("gemma4-").to_uppercase(),
        format!("{}{}", row.device, if row.was_fitted() { " (fitted)" } else { "" }),
        row.processor.name().to_owned(),
        metric.to_owned(),
        count(row.megabytes),
        megabytes(expected),
        percent(expected as f64 / MEGABYTE / row.megabytes as f64 - 1.0),
        format!("{}\u{2013}{}", megabytes(low), megabytes(high)),
    ]
}
