//! A page for every measured machine that is not a built-in device: it gathers the reports from there.

use std::collections::BTreeMap;

use maud::html;

use super::comparison::{self, About};
use super::{LIST, Measured, environment};
use crate::page::{Page, Shape};
use crate::path::SitePath;

/// Where the page of a machine is that no built-in device stands for.
pub(super) fn path(machine: &str) -> String {
    format!("{LIST}on-{}/", super::slug(machine))
}

/// The pages, in the order of their names; `measured` is newest first.
pub(super) fn pages(measured: &[Measured]) -> Vec<Page> {
    let mut machines: BTreeMap<SitePath, Vec<&Measured>> = BTreeMap::new();
    for measured in measured {
        let place = measured.machine();
        if place.as_str().starts_with(LIST) {
            machines.entry(place).or_default().push(measured);
        }
    }
    machines.into_iter().filter_map(|(path, reports)| Some(page(path, reports.first()?, &reports))).collect()
}

fn page(path: SitePath, newest: &Measured, reports: &[&Measured]) -> Page {
    let body = html! {
        (comparison::table(&path, About::Machine, reports))
        (comparison::chart(reports))
        h2 #machine { "The machine, as the newest report found it" }
        (environment::table(&newest.profile))
    };
    let reports =
        if reports.len() == 1 { "One report".to_owned() } else { format!("{} reports", reports.len()) };
    Page {
        title: newest.device().to_owned(),
        description: format!("{reports} from this machine, the newest of {}.", newest.date()),
        shape: Shape::Wide,
        body: body.into_string(),
        path,
        ..Page::default()
    }
}
