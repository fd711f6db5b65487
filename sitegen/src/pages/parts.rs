//! Pieces that several data pages show: verdicts, tables of memory, the scenario in words.

use dhurandhar_core::device::Os;
use dhurandhar_core::feasibility::{Assessment, Certainty, Mode};
use dhurandhar_core::leaf::Interval;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::placement::{Part, Pool};
use dhurandhar_core::report::Report;
use maud::{Markup, html};

use super::figures::{count, mib};
use crate::path::SitePath;

/// Where a model's page is.
pub(super) fn model_path(slug: &str) -> String {
    format!("models/{slug}/")
}

/// Where a device's page is.
pub(super) fn device_path(slug: &str) -> String {
    format!("devices/{slug}/")
}

/// The calculator with a model chosen and, for a verdict, its device and context.
pub(super) fn calculator(from: &SitePath, model: &str, verdict: Option<&Assessment>) -> String {
    let of = |verdict: &Assessment| format!("&dev={}&ctx={}", verdict.device, verdict.context_tokens);
    format!("{}?v=1&model={model}{}", from.to("calculator/"), verdict.map_or_else(String::new, of))
}

/// A command line, quoted for a shell.
pub(super) fn command(program: &str, arguments: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+".contains(c))
    };
    let quoted =
        |word: &String| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) };
    let words: Vec<String> = arguments.iter().map(quoted).collect();
    format!("{program} {}", words.join(" "))
}

/// A name for people.
pub(super) fn os_title(os: Os) -> &'static str {
    match os {
        Os::Android => "Android",
        Os::Ios => "iOS and iPadOS",
        Os::Linux => "Linux",
        Os::Macos => "macOS",
        Os::Windows => "Windows",
        Os::Other => "Other",
    }
}

/// What a verdict is called in a table: a sign, a word, and only then a colour.
pub(super) fn verdict(verdict: &Assessment, href: &str) -> Markup {
    let sign = match verdict.mode {
        Mode::Resident => "●",
        Mode::Mmap => "◐",
        Mode::Infeasible => "✕",
    };
    let doubt = if verdict.certainty == Certainty::Borderline { "?" } else { "" };
    let slow = verdict.mode != Mode::Infeasible && verdict.meets_target == Some(false);
    html! {
        a.verdict.(verdict.mode.name()) href=(href) {
            span aria-hidden="true" { (sign) " " } (verdict.mode.name()) (doubt)
        }
        @if slow { " " span.slow { "slow" } }
    }
}

/// Text whose first address is a link.
pub(super) fn linked(text: &str) -> Markup {
    let Some(start) = text.find("https://") else { return html! { (text) } };
    let (before, rest) = text.split_at(start);
    let end = rest.find([' ', ',', ';', ')']).unwrap_or(rest.len());
    let (address, after) = rest.split_at(end);
    html! { (before) a href=(address) { (address) } (after) }
}

/// The signs of [`verdict`] in words.
pub(super) fn legend() -> Markup {
    html! {
        ul.legend {
            li { "● resident: everything that is used again stays in memory" }
            li { "◐ mmap: part of the weights stays on storage, at a speed that still counts" }
            li { "✕ infeasible: not at all, or at a speed that does not count" }
            li { "slow: below the asked-for speed, even at best" }
            li { "? borderline: the limit lies within the prediction's interval, so measure" }
        }
    }
}

/// The choices behind a report, in words.
pub(super) fn scenario(report: &Report) -> String {
    let Scenario { context_tokens, k, v, runtime, vision, audio, target_tokens_per_s, .. } = &report.scenario;
    let cache = if k == v { format!("{k} keys and values") } else { format!("{k} keys, {v} values") };
    let tower = |there: bool, loaded: bool, name: &str| match (there, loaded) {
        (false, _) => String::new(),
        (true, true) => format!(", {name} loaded"),
        (true, false) => format!(", {name} left out"),
    };
    format!(
        "{} tokens of context, {} weights, {cache}, {} ({}){}{}, at least {target_tokens_per_s} tok/s",
        count(*context_tokens),
        report.weights.format,
        runtime.title(),
        report.placement.machine.title(&report.scenario),
        tower(report.model.parameters.vision > 0, *vision, "vision"),
        tower(report.model.parameters.audio > 0, *audio, "audio"),
    )
}

/// The case that tables over many devices show, in words.
pub(super) const USUAL_CASE: &str = "4,096 tokens of context on phones and boards, 8,192 on computers; q4_k_m weights (gpt-oss as it is published, in mxfp4), f16 \
    keys and values, llama.cpp's command line, on the GPU where that is its default, one conversation, \
    text only";

/// Memory by component with totals.
pub(super) fn memory_table(report: &Report) -> Markup {
    let placement = &report.placement;
    html! {
        p { "Predicted for " (scenario(report)) "." }
        div.scroll role="region" aria-label="Memory by component" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Component" }
                        th.num scope="col" { "MiB" }
                        th.num scope="col" { "Interval" }
                        th scope="col" { "Memory" }
                        th scope="col" { "Touched" }
                        th scope="col" { "Known" }
                        th scope="col" { "How" }
                    }
                }
                tbody { @for part in &placement.parts { (memory_row(part)) } }
                tfoot { @for (name, total) in placement.needs.totals() { (total_row(name, total)) } }
            }
        }
    }
}

fn memory_row(part: &Part) -> Markup {
    let memory = match part.pool {
        Pool::Host => part.kind.name(),
        Pool::Gpu => "GPU",
        Pool::Vram => "card",
        Pool::Storage => "storage",
    };
    html! {
        tr {
            th scope="row" { (part.component.title()) }
            td.num { (mib(part.size.bytes)) }
            td.num { (interval(part.size.low, part.size.high)) }
            td { (memory) }
            td { (part.touch.describe()) }
            td { (part.provenance.label()) }
            td.how { (part.note) }
        }
    }
}

fn total_row(name: &str, total: Interval) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td.num { (mib(total.bytes)) }
            td.num { (interval(total.low, total.high)) }
            td colspan="4" {}
        }
    }
}

fn interval(low: u64, high: u64) -> String {
    if low == high { String::new() } else { format!("{}–{}", mib(low), mib(high)) }
}
