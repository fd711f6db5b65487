//! Reports side by side: what the policy looks at as a table, and the median wait by engine as a drawing.

use std::collections::BTreeSet;

use dhurandhar_chart::{Axis, Group, GroupedBars, Value};
use dhurandhar_core::measurement::{Engine, Pattern, State};
use dhurandhar_core::storage::Layout;
use maud::{Markup, html};

use super::{Measured, outcome};
use crate::pages::charts::figure;
use crate::pages::figures::{plain, significant};
use crate::path::SitePath;

/// Reports in a drawing; more would not be told apart.
const DRAWN: usize = 12;

/// What a list of reports leaves out because the page says it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Any model on any machine.
    All,
    /// One model's table.
    Model,
    /// One machine.
    Machine,
}

/// A line a report, newest first, with the figures that its verdict rests on.
pub(super) fn table(from: &SitePath, about: About, measured: &[&Measured]) -> Markup {
    let criteria: Vec<(&str, &str)> = criteria(measured);
    html! {
        div.scroll role="region" aria-label="Reports" tabindex="0" {
            table.compared {
                thead {
                    tr {
                        th scope="col" { "Report" }
                        th scope="col" { "Verdict" }
                        @if about != About::Model { th scope="col" { "Table of" } }
                        @if about != About::Machine { th scope="col" { "On" } }
                        th.num scope="col" { "Target tok/s" }
                        @for (name, unit) in &criteria { th.num scope="col" { (name) ", " (unit) } }
                    }
                }
                tbody { @for measured in measured { (line(from, about, measured, &criteria)) } }
            }
        }
    }
}

fn line(from: &SitePath, about: About, measured: &Measured, criteria: &[(&str, &str)]) -> Markup {
    let verdict = &measured.profile.verdict;
    let value = |name: &str| {
        let criterion = verdict.criteria.iter().find(|criterion| criterion.name == name)?;
        Some(format!("{} {}", criterion.result.map_or("", outcome::sign), significant(criterion.value?)))
    };
    html! {
        tr {
            th scope="row" { a href=(from.to(measured.path().as_str())) { time datetime=(measured.date()) { (measured.date()) } } }
            td { (outcome::badge(verdict.result)) }
            @if about != About::Model { td { (measured.model()) } }
            @if about != About::Machine { td { a href=(from.to(measured.machine().as_str())) { (measured.device()) } } }
            td.num { (plain(verdict.target_tps)) }
            @for (name, _) in criteria { td.num { (value(name).unwrap_or_else(|| "–".to_owned())) } }
        }
    }
}

/// Names and units of all criteria, in the order of the first report that has them.
fn criteria<'a>(measured: &[&'a Measured]) -> Vec<(&'a str, &'a str)> {
    let mut seen = BTreeSet::new();
    let all = measured.iter().flat_map(|measured| &measured.profile.verdict.criteria);
    all.map(|criterion| (criterion.name.as_str(), criterion.unit.as_str()))
        .filter(|(name, _)| seen.insert(*name))
        .collect()
}

/// Median wait of a cold random row by engine, a group for each report; nothing when no report has it.
pub(super) fn chart(measured: &[&Measured]) -> Markup {
    let engines = [
        Engine::MmapDefault,
        Engine::MmapRandom,
        Engine::MmapWillneed,
        Engine::Pread,
        Engine::IoUring,
        Engine::Direct,
    ];
    let wait = |measured: &Measured, engine: Engine| {
        let all = &measured.profile.configurations;
        let found = all.iter().find(|c| {
            (c.pattern, c.layout, c.engine, c.state)
                == (Pattern::RandomDecode, Layout::Contiguous, engine, State::Cold)
                && c.pacing_us == 0
                && !c.is_invalid()
        })?;
        let p50 = found.summary.as_ref()?.p50_us;
        Some(Value { value: p50.estimate, range: Some((p50.low, p50.high)) })
    };
    let groups: Vec<Group> = measured
        .iter()
        .take(DRAWN)
        .map(|measured| Group {
            label: format!("{}, {}", measured.device(), measured.date()),
            values: engines.iter().map(|engine| wait(measured, *engine)).collect(),
        })
        .filter(|group| group.values.iter().any(Option::is_some))
        .collect();
    let drawing = GroupedBars {
        title: "Median wait for one cold row, by way of reading".to_owned(),
        axis: Axis::log("wait, µs"),
        series: engines.map(|engine| engine.name().to_owned()).to_vec(),
        groups,
        limits: Vec::new(),
    };
    html! { @if !drawing.groups.is_empty() { (figure(&drawing, "machines-chart")) } }
}
