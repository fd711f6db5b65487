//! The calculator's page: what is there before the application starts, and stays when it cannot.

use dhurandhar_core::catalogue::FIRST_MODEL;
use maud::{Markup, PreEscaped, html};

use super::Context;
use super::catalogue::{Analysed, Catalogue};
use super::parts::{self, device_path};
use super::verdicts::{self, Group, Reasons, Row};
use crate::page::{Page, Shape};
use crate::path::SitePath;

/// The page at `calculator/`, around the application's place `#app`.
pub(super) fn page(context: &Context<'_>, catalogue: &Catalogue) -> Option<Page> {
    let mut page = context.prose("calculator/")?;
    let links = context.prose("devices/").is_some() && context.prose("models/").is_some();
    let body = html! {
        p.notice #boot-failed role="alert" hidden {
            "The calculator could not start: there is no network and it was never opened with one, or this browser blocks WebAssembly. The tables below stay."
        }
        noscript {
            p.notice {
                "Without JavaScript there is no calculator, but every answer is here: on the page of each "
                @if links { a href=(page.path.to("devices/")) { "device" } " and " a href=(page.path.to("models/")) { "model" } } @else { "device and model" }
                ", and of one model below."
            }
        }
        div #app {
            @if let Some(analysed) = catalogue.model(FIRST_MODEL).filter(|_| links) { (tables(&page.path, analysed, catalogue)) }
        }
        (PreEscaped(&page.body))
    };
    page.body = body.into_string();
    page.shape = Shape::Calculator;
    Some(page)
}

/// No drawing and no reasons: the model's page has both, and every first visit fetches this page.
fn tables(path: &SitePath, analysed: &Analysed, catalogue: &Catalogue) -> Markup {
    let rows = catalogue
        .devices
        .iter()
        .zip(&analysed.report.devices)
        .map(|(device, verdict)| Row {
            id: &device.name,
            title: &device.title,
            href: path.to(&device_path(&device.name)),
            calculator: parts::calculator(path, analysed.slug(), Some(verdict)),
            verdict,
        })
        .collect();
    html! {
        h2 { (analysed.title()) }
        (parts::memory_table(&analysed.report))
        h2 { "On devices" }
        (verdicts::table("Device", "Pixel, Yes…", &[Group { name: "", rows }], Reasons::Left))
    }
}
