//! The page of programs: what each takes of the same model on the same device, and what it chooses by itself.

use anyhow::Result;
use dhurandhar_core::device::{Device, registry as devices};
use dhurandhar_core::model::{Model, registry as models};
use dhurandhar_core::placement::Pool;
use dhurandhar_core::program::{Program, registry};
use dhurandhar_core::report::{Report, ReportError};
use maud::{Markup, PreEscaped, html};

use super::Context;
use super::figures::{count, mib};
use super::parts::{answer, device_path, linked, model_path};
use crate::page::{Page, Shape};
use crate::path::SitePath;

const PLACE: &str = "programs/";
/// A model and a device of each kind that people ask about.
const EXAMPLES: [(&str, &str); 4] = [
    ("llama-3.2-3b", "pixel-9a"),
    ("llama-3.2-3b", "iphone-16-pro"),
    ("qwen3-8b", "desktop-rtx-4060-8gb"),
    ("qwen3-8b", "macbook-air-m4"),
];

/// The page, where its prose is.
pub(super) fn page(context: &Context<'_>) -> Result<Option<Page>> {
    let Some(mut page) = context.prose(PLACE) else { return Ok(None) };
    let tables = EXAMPLES
        .into_iter()
        .map(|(model, device)| example(&models::model(model)?, &devices::device(device)?, &page.path))
        .collect::<Result<Vec<Markup>>>()?;
    page.body = html! {
        (PreEscaped(&page.body))
        h2 #takes { "What each takes" }
        p {
            "Each program as it starts, but for the context, which is 4,096 tokens for all so that they can be compared; \
             in brackets what it would take by itself. Weights are " code { "q4_k_m" } " where the program reads GGUF, and its own usual 4-bit \
             format elsewhere. Memory in MiB."
        }
        @for table in &tables { (table) }
        h2 #choices { "What each chooses" }
        @for program in registry::programs() { (choices(program)) }
    }
    .into_string();
    page.shape = Shape::Wide;
    Ok(Some(page))
}

fn example(model: &Model, device: &Device, from: &SitePath) -> Result<Markup> {
    let mut rows = Vec::new();
    for program in registry::programs().filter(|program| program.runs_on(device)) {
        rows.push((program, run(model, program, device, Some(4096))?, run(model, program, device, None)?));
    }
    Ok(html! {
        h3 {
            a href=(from.to(&model_path(&model.architecture.name))) { (model.architecture.title) } " on "
            a href=(from.to(&device_path(&device.name))) { (device.title) }
        }
        div.scroll role="region" aria-label=(format!("Programs on {}", device.title)) tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Program" }
                        th scope="col" { "Verdict" }
                        th.num scope="col" { "Anonymous" }
                        th.num scope="col" { "For full speed" }
                        th.num scope="col" { "On the GPU" }
                        th scope="col" { "Weights" }
                        th.num scope="col" { "By itself" }
                    }
                }
                tbody {
                    @for (program, at, alone) in &rows {
                        @let needs = &at.placement.needs;
                        tr {
                            th scope="row" { a href=(format!("#{}", program.name)) { (program.title) } }
                            td { @for verdict in &at.devices { (answer(verdict, &from.to(&device_path(&device.name)))) } }
                            td.num { (mib(needs.anonymous.bytes)) }
                            td.num { (mib(needs.hot().bytes)) }
                            td.num { @if needs.gpu.bytes > 0 { (mib(needs.on_gpus().bytes)) } @else { "\u{2013}" } }
                            td { (at.weights.format) }
                            td.num {
                                (count(alone.scenario.context_tokens)) " tokens ("
                                (mib(in_all(alone))) ")"
                            }
                        }
                    }
                }
            }
        }
    })
}

/// What full speed needs, a card's memory included.
fn in_all(report: &Report) -> u64 {
    let card = report.placement.parts.iter().filter(|part| part.pool == Pool::Vram);
    report.placement.needs.hot().bytes + card.map(|part| part.size.bytes).sum::<u64>()
}

fn run(
    model: &Model,
    program: &Program,
    device: &Device,
    context: Option<u64>,
) -> Result<Report, ReportError> {
    Report::by_program(model, program, std::slice::from_ref(device), 0.0, context, |_| {})
}

fn choices(program: &Program) -> Markup {
    let words = |words: Vec<String>| {
        if words.is_empty() { "as the runtime does".to_owned() } else { words.join(", ") }
    };
    html! {
        h3 id=(program.name) { (program.title) }
        p {
            "Version " (program.version) ", by the rules of " (program.runtime.title()) ". "
            (program.confidence.title()) ": " (linked(&program.source)) "."
        }
        ul {
            li { "When nothing is said: " (words(program.choices.in_words())) }
            @for variant in &program.variants {
                li {
                    (variant.condition()) ": " (words(variant.choices.in_words()))
                    @if !variant.note.is_empty() { " (" (variant.note) ")" }
                }
            }
        }
        @if !program.note.is_empty() { p { (program.note) } }
    }
}
