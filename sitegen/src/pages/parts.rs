//! Pieces that several data pages show: verdicts, tables of memory, the scenario in words.

use dhurandhar_core::device::Os;
use dhurandhar_core::feasibility::{Assessment, Certainty, Mode};
use dhurandhar_core::memory::{Scenario, Term, Total};
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

/// The calculator with a model and a device chosen.
pub(super) fn calculator(from: &SitePath, model: &str, device: Option<&str>) -> String {
    let device = device.map_or_else(String::new, |device| format!("&dev={device}"));
    format!("{}?v=1&model={model}{device}", from.to("calculator/"))
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

/// The signs of [`verdict`] in words.
pub(super) fn legend() -> Markup {
    html! {
        ul.legend {
            li { "● resident: everything in memory" }
            li { "◐ mmap: the per-layer embedding table stays on storage" }
            li { "✕ infeasible: not at all, or at a speed that does not count" }
            li { "slow: below the asked-for speed, even at best" }
            li { "? borderline: the budget lies within the prediction's interval, so measure" }
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
        "{} tokens of context, {} weights, {cache}, {}{}{}, at least {target_tokens_per_s} tok/s",
        count(*context_tokens),
        report.weights.format,
        runtime.title(),
        tower(report.model.parameters.vision > 0, *vision, "vision"),
        tower(report.model.parameters.audio > 0, *audio, "audio"),
    )
}

/// Memory by component with totals.
pub(super) fn memory_table(report: &Report) -> Markup {
    let footprint = &report.footprint;
    let mapped = footprint.mmap != footprint.resident;
    html! {
        p { "Predicted for " (scenario(report)) "." }
        div.scroll role="region" aria-label="Memory by component" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Component" }
                        th.num scope="col" { "MiB" }
                        th.num scope="col" { "Interval" }
                        th scope="col" { "Known" }
                        th scope="col" { "How" }
                    }
                }
                tbody { @for term in &footprint.terms { (memory_row(term)) } }
                tfoot {
                    (total_row(if mapped { "Total, PLE table in memory" } else { "Total" }, &footprint.resident))
                    @if mapped { (total_row("Total, PLE table on storage", &footprint.mmap)) }
                }
            }
        }
    }
}

fn memory_row(term: &Term) -> Markup {
    html! {
        tr {
            th scope="row" { (term.component.title()) }
            td.num { (mib(term.bytes)) }
            td.num { (interval(term.low, term.high)) }
            td { (term.provenance.label()) ", " (term.place.name()) }
            td.how { (term.note) }
        }
    }
}

fn total_row(name: &str, total: &Total) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td.num { (mib(total.bytes)) }
            td.num { (interval(total.low, total.high)) }
            td colspan="2" { (mib(total.private)) " MiB of it private" }
        }
    }
}

fn interval(low: u64, high: u64) -> String {
    if low == high { String::new() } else { format!("{}–{}", mib(low), mib(high)) }
}
