//! The home page: below its prose, every model on a few devices that people have.

use dhurandhar_core::device::Device;
use dhurandhar_core::feasibility::{Assessment, Mode};
use maud::{Markup, PreEscaped, html};

use super::Context;
use super::catalogue::{Analysed, Catalogue};
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
        (parts::legend())
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

/// A word and a colour, leading to the line with the reason.
fn cell(verdict: &Assessment, page: &str) -> Markup {
    parts::verdict(verdict, &format!("{page}#{}", verdict.device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::feasibility::{Certainty, Mode};

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
        // The limits of these devices are estimates: nothing is certain there but what does not fit into physical memory.
        assert!(shown.iter().any(|verdict| verdict.certainty == Certainty::Likely));
    }
}
