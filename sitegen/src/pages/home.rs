//! The home page: below its prose, every model on a few devices that people have.

use dhurandhar_core::device::Device;
use dhurandhar_core::feasibility::{Assessment, Certainty, Mode};
use dhurandhar_core::leaf::units::GIB;
use maud::{Markup, PreEscaped, html};

use super::Context;
use super::catalogue::{Analysed, Catalogue};
use super::figures::speeds;
use super::parts::{self, device_path, model_path};
use crate::page::{Page, Shape};
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

/// The page at the top of the site.
pub(super) fn page(context: &Context<'_>, catalogue: &Catalogue) -> Option<Page> {
    let mut page = context.prose("")?;
    // Its links need the other pages.
    context.prose("models/").and(context.prose("devices/")).and(context.prose("calculator/"))?;
    let devices: Vec<&Device> = DEVICES
        .iter()
        .filter_map(|slug| catalogue.devices.iter().find(|device| device.name == *slug))
        .collect();
    let body = html! {
        p.actions {
            a.button href=(page.path.to("calculator/")) { "Open the calculator" }
            a.button.quiet href=(page.path.to("methodology/")) { "How it is computed" }
        }
        (PreEscaped(&page.body))
        h2 #matrix { "Models on devices" }
        ul.legend {
            li { "● Yes: it stays in memory and reaches 15 tokens a second; up to which context, and how fast" }
            li { "◐ Yes, but: slower than that, or with a part of the weights left on storage" }
            li { "✕ No: what it needs of what the device allows" }
            li { "? the limit lies within the prediction's interval, so measure" }
        }
        (matrix(&page.path, &devices, catalogue))
        p.small.muted {
            "The case: " (parts::USUAL_CASE) ". A verdict leads to its reason. Shown are the models that reach the asked-for speed on one "
            "of these devices; all " (catalogue.models.len()) " are "
            a href=(page.path.to("models/")) { "listed" } ", as are all " (catalogue.devices.len()) " "
            a href=(page.path.to("devices/")) { "devices" } ". The calculator takes any other."
        }
    };
    page.body = body.into_string();
    page.shape = Shape::Wide;
    Some(page)
}

/// Does it run at the asked-for speed on one of them? A table of all models would be mostly noes.
fn runs(analysed: &Analysed, devices: &[&Device]) -> bool {
    analysed.report.devices.iter().any(|verdict| {
        verdict.mode != Mode::Infeasible
            && verdict.meets_target != Some(false)
            && devices.iter().any(|device| device.name == verdict.device)
    })
}

fn matrix(from: &SitePath, devices: &[&Device], catalogue: &Catalogue) -> Markup {
    html! {
        div.scroll role="region" aria-label="Models on devices" tabindex="0" {
            table.matrix {
                thead {
                    tr {
                        th scope="col" { "Model" }
                        @for device in devices {
                            th scope="col" { a href=(from.to(&device_path(&device.name))) { (device.title) } }
                        }
                    }
                }
                tbody {
                    @for analysed in catalogue.models.iter().filter(|analysed| runs(analysed, devices)) {
                        @let page = from.to(&model_path(analysed.slug()));
                        tr {
                            th scope="row" { a href=(page) { (analysed.title()) } }
                            @for device in devices {
                                td {
                                    @if let Some(verdict) = analysed.report.devices.iter().find(|verdict| verdict.device == device.name) {
                                        (cell(verdict, &page))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The answer as people give it, leading to the line with the reason: yes and how far, yes but what, no and why.
fn cell(verdict: &Assessment, page: &str) -> Markup {
    let answer = answer(verdict);
    let doubt = if verdict.certainty == Certainty::Borderline { "?" } else { "" };
    html! {
        a.verdict.(answer.class) href=(format!("{page}#{}", verdict.device)) {
            span aria-hidden="true" { (answer.sign) " " } (answer.word) (doubt)
        }
        @for line in &answer.details { small { (line) } }
    }
}

/// An answer in a cell.
struct Answer {
    /// Class of its colour.
    class: &'static str,
    sign: &'static str,
    word: &'static str,
    details: Vec<String>,
}

fn answer(verdict: &Assessment) -> Answer {
    let speed = verdict.ceilings.expected_tokens_per_s;
    let speed = speed.map_or_else(String::new, |range| format!("{} tok/s", speeds(range)));
    let slow = verdict.meets_target == Some(false);
    let longest = verdict.inverse.longest_context_tokens.map_or_else(String::new, thousands);
    let (class, sign, word) = match verdict.mode {
        Mode::Infeasible => ("infeasible", "✕", "No"),
        Mode::Resident if !slow => ("resident", "●", "Yes"),
        Mode::Mmap if !slow => ("mmap", "◐", "Yes, but"),
        _ => ("mmap", "◐", "Yes, but slow"),
    };
    let details = match verdict.mode {
        Mode::Infeasible => {
            let check = verdict.decisive();
            let gib = |bytes: u64| format!("{:.1}", bytes as f64 / GIB as f64);
            if check.needed.bytes > check.limit.bytes {
                vec![format!("needs {} of {} GiB", gib(check.needed.bytes), gib(check.limit.bytes))]
            } else {
                vec!["storage is too slow".to_owned()]
            }
        }
        Mode::Resident if slow => vec![speed],
        Mode::Resident => vec![format!("up to {longest} tokens"), speed],
        Mode::Mmap => vec!["from storage".to_owned(), speed],
    };
    Answer { class, sign, word, details }
}

/// Tokens as people say them: 131k, 4k, 900.
fn thousands(tokens: u64) -> String {
    if tokens >= 1000 { format!("{}k", tokens / 1000) } else { tokens.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let Answer { word, details, .. } = answer(verdict);
            format!("{word}: {}", details.join(" · "))
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
