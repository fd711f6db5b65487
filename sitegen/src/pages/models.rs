//! A page for every built-in model, and the list of them.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};
use rayon::prelude::*;

use super::Context;
use super::catalogue::{Analysed, Catalogue};
use super::charts;
use super::figures::{count, parameters};
use super::parts::{self, calculator, device_path, model_path};
use super::reports::{self, Measured};
use super::source_links;
use super::verdicts::{self, Group, Reasons, Row};
use crate::page::{Page, Shape};
use crate::path::SitePath;

/// Where the list is; its prose decides whether there are model pages at all.
const LIST: &str = "models/";

/// The list and a page for each model.
pub(super) fn pages(context: &Context<'_>, catalogue: &Catalogue, measured: &[Measured]) -> Vec<Page> {
    let Some(mut list) = context.prose(LIST) else { return Vec::new() };
    list.body = html! { (PreEscaped(&list.body)) (table(&list.path, catalogue)) }.into_string();
    list.shape = Shape::Wide;
    let guide = context.prose(parts::GUIDE).is_some();
    let mut pages: Vec<Page> =
        catalogue.models.par_iter().map(|analysed| page(analysed, catalogue, measured, guide)).collect();
    pages.push(list);
    pages
}

fn table(from: &SitePath, catalogue: &Catalogue) -> Markup {
    html! {
        div.scroll.tall role="region" aria-label="Models" tabindex="0" {
            table.sortable data-example="Qwen, 3B…" {
                thead {
                    tr {
                        th scope="col" { "Model" }
                        th.num scope="col" { "Text parameters" }
                        th.num scope="col" { "Read per token" }
                        th.num scope="col" { "Layers" }
                        th.num scope="col" { "Layers with a KV cache" }
                        th.num scope="col" { "Longest context" }
                        th scope="col" { "Weights" }
                        th.num scope="col" { "Needed GiB" }
                    }
                }
                tbody {
                    @for analysed in &catalogue.models {
                        @let model = &analysed.report.model;
                        tr {
                            th scope="row" { a href=(from.to(&model_path(analysed.slug()))) { (model.title) } }
                            td.num { (parameters(model.parameters.text)) }
                            td.num { (parameters(model.parameters.active_per_token)) }
                            td.num { (model.layers) }
                            td.num { (model.full_cache_layers + model.sliding_cache_layers) }
                            td.num { (count(model.max_context_tokens)) }
                            td { (analysed.report.weights.format) }
                            td.num { (parts::gib(analysed.report.placement.needs.hot().bytes)) }
                        }
                    }
                }
            }
        }
    }
}

fn page(analysed: &Analysed, catalogue: &Catalogue, measured: &[Measured], guide: bool) -> Page {
    let path = SitePath::new(model_path(analysed.slug()));
    let report = &analysed.report;
    let body = html! {
        p.actions {
            a.button href=(calculator(&path, analysed.slug(), None)) { "Open in the calculator" }
            a.button.quiet href="#devices" { "Which devices run it" }
        }
        h2 #memory { "Memory" }
        (charts::figure(&charts::memory(report), "memory-chart"))
        (parts::memory_table(report))
        p.small { "As data: " a href="report.json" { "JSON" } ", " a href="report.csv" { "CSV" } "." }
        h2 #devices { "On devices" }
        p { "The case: " (parts::usual_case()) "." }
        (parts::legend())
        (on_devices(&path, analysed, catalogue))
        (reports::of_model(&path, analysed.slug(), measured))
        @if guide { (parts::measure_yours(&path, "my device", analysed.slug())) }
        h2 #model { "The model" }
        (identity(analysed))
        h2 #sources { "Sources" }
        ul { @for source in &report.model.sources { li { (source_links::linked(source)) } } }
        @if !report.model.assumptions.is_empty() {
            h3 { "Assumed" }
            ul { @for assumption in &report.model.assumptions { li { (assumption) } } }
        }
    };
    Page {
        title: analysed.title().to_owned(),
        description: description(analysed),
        shape: Shape::Wide,
        body: body.into_string(),
        files: vec![
            (SitePath::new(format!("{path}report.json")), report.to_json().into_bytes()),
            (SitePath::new(format!("{path}report.csv")), report.to_csv().into_bytes()),
        ],
        path,
        ..Page::default()
    }
}

fn description(analysed: &Analysed) -> String {
    let report = &analysed.report;
    let needs = &report.placement.needs;
    let mut text = format!(
        "{} parameters, {} GiB needed for full speed with {} weights and {} tokens of context",
        parameters(report.model.parameters.text),
        parts::gib(needs.hot().bytes),
        report.weights.format,
        count(report.scenario.context_tokens)
    );
    if needs.table_file_bytes > 0 {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {} GiB with its tables in memory", parts::gib(needs.resident().bytes));
    }
    text.push('.');
    text
}

fn on_devices(path: &SitePath, analysed: &Analysed, catalogue: &Catalogue) -> Markup {
    let pairs: Vec<_> = catalogue.devices.iter().zip(&analysed.report.devices).collect();
    let groups: Vec<Group<'_>> = pairs
        .chunk_by(|(a, _), (b, _)| a.os == b.os)
        .map(|chunk| Group {
            name: chunk.first().map_or("", |(device, _)| parts::os_title(device.os)),
            rows: chunk
                .iter()
                .map(|(device, verdict)| Row {
                    id: &device.name,
                    title: &device.title,
                    href: path.to(&device_path(&device.name)),
                    calculator: calculator(path, analysed.slug(), Some(verdict)),
                    verdict,
                })
                .collect(),
        })
        .collect();
    verdicts::table("Device", "phone names, Yes, No…", &groups, Reasons::Told)
}

fn identity(analysed: &Analysed) -> Markup {
    let model = &analysed.report.model;
    let parameters = &model.parameters;
    let groups = [
        ("Decoder", parameters.decoder),
        ("Token embeddings", parameters.token_embedding),
        ("Output head", parameters.output_head),
        ("PLE table", parameters.ple_table),
        ("Vision tower", parameters.vision),
        ("Audio tower", parameters.audio),
        ("Carried, never read", parameters.unused),
    ];
    html! {
        dl.facts {
            div { dt { "Family" } dd { (model.family) } }
            div { dt { "Layers" } dd { (model.layers) } }
            div { dt { "KV caches over the whole context" } dd { (model.full_cache_layers) " layers" } }
            div { dt { "KV caches over a window" } dd { (model.sliding_cache_layers) " layers" } }
            div { dt { "Longest context" } dd { (count(model.max_context_tokens)) " tokens" } }
            div { dt { "Bits per weight, scales included" } dd { (format!("{:.2}", analysed.report.weights.bits_per_weight)) " (" (analysed.report.weights.format) ")" } }
        }
        div.scroll role="region" aria-label="Parameters" tabindex="0" {
            table.narrow {
                thead { tr { th scope="col" { "Parameters" } th.num scope="col" { "Count" } } }
                tbody {
                    @for (name, number) in groups.iter().filter(|(_, number)| *number > 0) {
                        tr { th scope="row" { (name) } td.num { (count(*number)) } }
                    }
                }
                tfoot {
                    tr { th scope="row" { "Text, in use" } td.num { (count(parameters.text)) } }
                    tr { th scope="row" { "Read for one token" } td.num { (count(parameters.active_per_token)) } }
                    @if let Some(published) = model.published_parameters {
                        tr { th scope="row" { "Published" } td.num { (count(published)) } }
                    }
                }
            }
        }
    }
}
