//! The home page: a field to find a model or a device, then every model on a few devices that people have; and the same table at
//! other contexts.

use anyhow::{Context as _, Result};
use dhurandhar_core::device::Device;
use dhurandhar_core::feasibility::{Answer, Assessment, Mode};
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::report::Report;
use maud::{Markup, PreEscaped, html};
use rayon::prelude::*;

use super::Context;
use super::catalogue::{Analysed, CACHED_LOOKUPS, Catalogue};
use super::figures::speeds;
use super::parts::{self, device_path, gib, model_path, thousands};
use crate::page::{self, Page, Shape};
use crate::path::SitePath;

/// One of each kind, weakest first: a table of all would fit no screen.
const DEVICES: [&str; 8] = [
    "raspberry-pi-5-4gb",
    "galaxy-a56",
    "pixel-9a",
    "iphone-16-pro",
    "raspberry-pi-5-8gb",
    "steam-deck-oled",
    "macbook-air-m4",
    "lunar-lake-laptop-32gb",
];

/// A context at which the table is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// What is usual on each device.
    Usual,
    /// So many tokens, or the model's longest where that is shorter.
    Tokens(u64),
    /// Each model's longest.
    Longest,
}

impl At {
    const ALL: [Self; 4] = [Self::Usual, Self::Tokens(8192), Self::Tokens(32_768), Self::Longest];

    /// Where the table is.
    const fn path(self) -> &'static str {
        match self {
            Self::Usual => "",
            Self::Tokens(8192) => "at-8k/",
            Self::Tokens(_) => "at-32k/",
            Self::Longest => "at-longest/",
        }
    }

    /// In the switch.
    fn name(self) -> String {
        match self {
            Self::Usual => "as people run it".to_owned(),
            Self::Tokens(tokens) => format!("{} tokens", thousands(tokens)),
            Self::Longest => "the longest".to_owned(),
        }
    }

    /// In a sentence.
    fn describe(self) -> String {
        match self {
            Self::Usual => "4,096 tokens of context on phones and boards, 8,192 on computers".to_owned(),
            Self::Tokens(tokens) => {
                format!("{} tokens of context, or the model's longest", parts::tokens(tokens))
            }
            Self::Longest => "each model's longest context".to_owned(),
        }
    }
}

/// A model's row: what core says of it on each of the devices.
struct Row<'a> {
    analysed: &'a Analysed,
    verdicts: Vec<Assessment>,
}

/// The page at the top of the site, and the same table at other contexts.
pub(super) fn pages(context: &Context<'_>, catalogue: &Catalogue) -> Result<Vec<Page>> {
    let Some(mut home) = context.prose("") else { return Ok(Vec::new()) };
    // Their links need the other pages.
    let needed = ["models/", "devices/", "calculator/"];
    if needed.iter().any(|place| context.prose(place).is_none()) {
        return Ok(Vec::new());
    }
    let devices: Vec<&Device> = DEVICES
        .iter()
        .filter_map(|slug| catalogue.devices.iter().find(|device| device.name == *slug))
        .collect();
    let searchable = context.prose(page::SEARCH).is_some();
    let mut pages = Vec::new();
    for at in At::ALL {
        let rows = rows(catalogue, &devices, at)?;
        if at == At::Usual {
            home.body = front(&home, &devices, &rows, catalogue, searchable).into_string();
            home.shape = Shape::Wide;
        } else {
            pages.push(at_context(at, &devices, &rows, catalogue));
        }
    }
    pages.push(home);
    Ok(pages)
}

fn rows<'a>(catalogue: &'a Catalogue, devices: &[&Device], at: At) -> Result<Vec<Row<'a>>> {
    let row = |analysed: &'a Analysed| -> Result<Row<'a>> {
        let verdicts = match at {
            At::Usual => {
                let on = |device: &&Device| {
                    analysed.report.devices.iter().find(|found| found.device == device.name)
                };
                devices.iter().filter_map(on).cloned().collect()
            }
            At::Tokens(_) | At::Longest => {
                let model = &analysed.model;
                let longest = model.architecture.max_context_tokens;
                let context_tokens = if let At::Tokens(tokens) = at { tokens.min(longest) } else { longest };
                let scenario = Scenario { context_tokens, ..Scenario::for_model(model) };
                let devices: Vec<Device> = devices.iter().map(|device| (*device).clone()).collect();
                let report = Report::new(model, &scenario, &devices, CACHED_LOOKUPS);
                report
                    .with_context(|| format!("model `{}` at {context_tokens} tokens", analysed.slug()))?
                    .devices
            }
        };
        Ok(Row { analysed, verdicts })
    };
    let mut all: Vec<Row<'a>> = catalogue.models.par_iter().map(row).collect::<Result<_>>()?;
    // By size, so that in each column yes ends somewhere and no begins.
    all.sort_by_key(|row| row.analysed.report.model.parameters.text);
    Ok(all.into_iter().filter(|row| row.verdicts.iter().any(runs)).collect())
}

/// Does it run at the asked-for speed? A table of all models would be mostly noes.
fn runs(verdict: &Assessment) -> bool {
    verdict.mode != Mode::Infeasible && verdict.meets_target != Some(false)
}

fn front(
    page: &Page,
    devices: &[&Device],
    rows: &[Row<'_>],
    catalogue: &Catalogue,
    searchable: bool,
) -> Markup {
    html! {
        @if searchable { (finder(&page.path)) }
        p.actions {
            a.button href=(page.path.to("calculator/")) { "Open the calculator" }
            a.button.quiet href=(page.path.to("devices/")) { "All devices" }
            a.button.quiet href=(page.path.to("models/")) { "All models" }
            a.button.quiet href=(page.path.to("methodology/")) { "How it is computed" }
        }
        (PreEscaped(&page.body))
        h2 { "Models on devices" }
        (table(&page.path, At::Usual, devices, rows, catalogue))
    }
}

/// Without a script it leads to the page that lists everything; the button is for a script alone.
fn finder(from: &SitePath) -> Markup {
    html! {
        form.finder #find role="search" aria-label="Models and devices" action=(from.to(page::SEARCH)) {
            label for="find-field" { "Which device, which model, or both?" }
            div.field {
                div.typed { input #find-field name="q" type="search" placeholder="6 GB phone, Llama 3.2 3B…" autocomplete="off" spellcheck="false" enterkeyhint="search"; }
                button.button.quiet.here type="button" hidden { "This device" }
            }
            p.small.muted role="status" {}
        }
    }
}

fn at_context(at: At, devices: &[&Device], rows: &[Row<'_>], catalogue: &Catalogue) -> Page {
    let path = SitePath::new(at.path());
    let body = table(&path, at, devices, rows, catalogue);
    Page {
        title: format!("Models on devices: {}", at.name()),
        description: format!("Which models run on phones, boards and laptops at {}.", at.describe()),
        shape: Shape::Wide,
        body: body.into_string(),
        path,
        ..Page::default()
    }
}

/// The switch of contexts, the case in words, the table.
fn table(from: &SitePath, at: At, devices: &[&Device], rows: &[Row<'_>], catalogue: &Catalogue) -> Markup {
    html! {
        nav.switch aria-label="Context" {
            span { "Context: " }
            @for other in At::ALL {
                @let here = (other == at).then_some("page");
                a href=(format!("{}#matrix", from.to(other.path()))) aria-current=[here] { (other.name()) }
            }
        }
        p {
            "The case: " (at.describe()) "; " (parts::USUAL_CHOICES) "."
        }
        ul.legend {
            li { "● Yes: it stays in memory, and 15 tokens a second lie within its speed; up to which context, and how fast" }
            li { "◐ Yes, but: slower than that, or with a part of the weights left on storage" }
            li { "✕ No: what it needs of what the device allows" }
            li { "? the limit lies within the prediction's interval, so measure" }
        }
        div #matrix { (matrix(from, devices, rows)) }
        p.small.muted {
            "An answer leads to the calculator with this pair. Shown are the models that reach the asked-for speed on one "
            "of these devices; all " (catalogue.models.len()) " are "
            a href=(from.to("models/")) { "listed" } ", as are all " (catalogue.devices.len()) " "
            a href=(from.to("devices/")) { "devices" } ". The calculator takes any other."
        }
    }
}

fn matrix(from: &SitePath, devices: &[&Device], rows: &[Row<'_>]) -> Markup {
    html! {
        div.scroll.tall role="region" aria-label="Models on devices" tabindex="0" {
            table.matrix.sortable data-example="Qwen, 3B…" {
                thead {
                    tr {
                        th scope="col" { "Model" }
                        @for device in devices {
                            th scope="col" { a href=(from.to(&device_path(&device.name))) { (device.title) } }
                        }
                    }
                }
                tbody {
                    @for Row { analysed, verdicts } in rows {
                        tr {
                            th scope="row" { a href=(from.to(&model_path(analysed.slug()))) { (analysed.title()) } }
                            @for verdict in verdicts {
                                td { (cell(verdict, &parts::calculator(from, analysed.slug(), Some(verdict)))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The answer as people give it: yes and how far, yes but what, no and why.
fn cell(verdict: &Assessment, href: &str) -> Markup {
    html! {
        (parts::answer(verdict, href))
        @for line in details(verdict) { small { (line) } }
    }
}

fn details(verdict: &Assessment) -> Vec<String> {
    let speed = verdict.ceilings.expected_tokens_per_s;
    let speed = speed.map_or_else(String::new, |range| format!("{} tok/s", speeds(range)));
    let longest = verdict.inverse.longest_context_tokens.map_or_else(String::new, thousands);
    match verdict.answer() {
        Answer::No => {
            let check = verdict.decisive();
            if check.needed.bytes > check.limit.bytes {
                vec![format!("needs {} of {} GiB", gib(check.needed.bytes), gib(check.limit.bytes))]
            } else {
                vec!["storage is too slow".to_owned()]
            }
        }
        Answer::Yes => vec![format!("up to {longest} tokens"), speed],
        Answer::Slow | Answer::FromStorage => vec![speed],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::feasibility::Certainty;

    #[test]
    fn the_chosen_devices_exist_and_do_not_agree_on_everything() {
        let catalogue = Catalogue::built_in().unwrap();
        for slug in DEVICES {
            assert!(catalogue.devices.iter().any(|device| device.name == slug), "{slug}");
        }
        let shown = catalogue.models.iter().flat_map(|analysed| &analysed.report.devices);
        let shown: Vec<&Assessment> =
            shown.filter(|verdict| DEVICES.contains(&verdict.device.as_str())).collect();
        for mode in [Mode::Resident, Mode::Mmap, Mode::Infeasible] {
            assert!(shown.iter().any(|verdict| verdict.mode == mode), "{mode:?}");
        }
        // Cells say what people ask: yes and how far, or no and why.
        let words = |slug: &str, device: &str| {
            let analysed = catalogue.models.iter().find(|analysed| analysed.slug() == slug).unwrap();
            let verdict = analysed.report.devices.iter().find(|verdict| verdict.device == device).unwrap();
            format!("{}: {}", verdict.answer().name(), details(verdict).join(" · "))
        };
        let yes = words("llama-3.2-1b", "iphone-16-pro");
        assert!(
            yes.starts_with("Yes: up to ") && yes.contains("k tokens · ") && yes.ends_with(" tok/s"),
            "{yes}"
        );
        let no = words("llama-3.1-8b", "raspberry-pi-5-4gb");
        assert!(no.starts_with("No: needs ") && no.ends_with(" GiB"), "{no}");
        // The limits of these devices are estimates: nothing is certain there but what does not fit into physical memory.
        assert!(shown.iter().any(|verdict| verdict.certainty == Certainty::Likely));
    }
}
