//! Pieces that several data pages show: verdicts, tables of memory, the scenario in words.

use dhurandhar_core::device::Os;
use dhurandhar_core::feasibility::{Answer, Assessment, Certainty};
use dhurandhar_core::leaf::Interval;
use dhurandhar_core::leaf::units::GIB;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::placement::Part;
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

/// The sign of an answer, and the class of its colour.
pub(crate) const fn sign(answer: Answer) -> (&'static str, &'static str) {
    match answer {
        Answer::Yes => ("●", "resident"),
        Answer::FromStorage | Answer::Slow => ("◐", "mmap"),
        Answer::No => ("✕", "infeasible"),
    }
}

/// An answer in a table: a sign, words, and only then a colour.
pub(super) fn answer(verdict: &Assessment, href: &str) -> Markup {
    let answer = verdict.answer();
    let (sign, colour) = sign(answer);
    let doubt = if verdict.certainty == Certainty::Borderline { "?" } else { "" };
    html! {
        a.verdict.(colour) href=(href) { span aria-hidden="true" { (sign) " " } (answer.name()) (doubt) }
    }
}

/// GiB with two digits that matter.
pub(super) fn gib(bytes: u64) -> String {
    let gib = bytes as f64 / GIB as f64;
    if gib < 10.0 { format!("{gib:.1}") } else { format!("{gib:.0}") }
}

/// Tokens as people say them: 131k, 4k, 900.
pub(super) fn thousands(tokens: u64) -> String {
    if tokens >= 1000 { format!("{}k", tokens / 1000) } else { tokens.to_string() }
}

/// Tokens to the last one.
pub(super) fn tokens(tokens: u64) -> String {
    count(tokens)
}

/// Text whose first address is a link.
pub(super) fn linked(text: &str) -> Markup {
    let Some(start) = text.find("https://") else { return html! { (text) } };
    let (before, rest) = text.split_at(start);
    let end = rest.find([' ', ',', ';', ')']).unwrap_or(rest.len());
    // A colon before what follows is not part of it.
    let end = rest[..end].trim_end_matches([':', '.']).len();
    let (address, after) = rest.split_at(end);
    html! { (before) a href=(address) { (address) } (after) }
}

/// The signs of [`answer`] in words.
pub(super) fn legend() -> Markup {
    html! {
        ul.legend {
            li { "● Yes: everything that is used again stays in memory (resident), and the asked-for speed lies within the expected one" }
            li { "◐ Yes, but from storage: part of the weights stays there, at a speed that still counts (mmap)" }
            li { "◐ Yes, but slow: below the asked-for speed, even at best" }
            li { "✕ No: it is ended, or so slow that it does not count (infeasible)" }
            li { "? the limit lies within the prediction's interval, so measure (borderline)" }
        }
    }
}

/// How to measure; without that page nobody is told to.
pub(super) const GUIDE: &str = "docs/measuring/";

/// How somebody who holds the device adds what is missing: the commands, what they take, how the result is published.
pub(super) fn measure_yours(from: &SitePath, device: &str, model: &str) -> Markup {
    let named = |words: &[&str]| {
        command("dhurandhar", &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    };
    let commands = [
        named(&["profile-mmap", "--measure-memory", "--device-name", device, "--output", "storage.json"]),
        named(&[
            "bench",
            "--llama-cpp",
            "DIR",
            "--model",
            model,
            "--device-name",
            device,
            "--output",
            "speed.json",
        ]),
        named(&["publish", "storage.json", "speed.json"]),
    ];
    html! {
        h2 #measure { "Measure it" }
        p {
            "Who holds the device can replace a prediction: about ten minutes for its storage and its memory, some minutes more for the speed with "
            "llama.cpp's libraries (" code { "DIR" } " is their folder). The results are files; nothing is sent anywhere. "
            a href=(from.to(GUIDE)) { "How it is measured, and how to publish it" } "."
        }
        pre tabindex="0" { code { (commands.join("\n")) } }
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
        report.placement.machine.title(&report.scenario, report.placement.split.is_some()),
        tower(report.model.parameters.vision > 0, *vision, "vision"),
        tower(report.model.parameters.audio > 0, *audio, "audio"),
    )
}

/// What tables over many devices show beside their context, in words.
pub(super) const USUAL_CHOICES: &str = "4-bit weights (q4_k_m; gpt-oss as it is published, in mxfp4), 16-bit keys and values (f16), \
    llama.cpp's command line, on the GPU where that is its default, one conversation, text only";

/// The case of tables that say nothing else, in words.
pub(super) fn usual_case() -> String {
    format!("4,096 tokens of context on phones and boards, 8,192 on computers; {USUAL_CHOICES}")
}

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
    html! {
        tr {
            th scope="row" { (part.component.title()) }
            td.num { (mib(part.size.bytes)) }
            td.num { (interval(part.size.low, part.size.high)) }
            td { (part.memory()) }
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
