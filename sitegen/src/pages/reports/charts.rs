//! A profile as drawings: latency by percentile, predicted beside measured waits, the eviction cliff, memory.

use dhurandhar_chart::{
    Axis, Bar, Budget, Group, GroupedBars, Limit, Line, LineChart, LinePoint, MemoryBars, Segment, Value,
};
use dhurandhar_core::leaf::units::{MIB, in_mib};
use dhurandhar_core::measurement::{
    Configuration, Engine, MemorySample, MmapProfile, Pattern, State, Summary,
};
use maud::{Markup, html};

use super::configurations::{group, name};
use super::outcome::badge;
use crate::pages::charts::{data, figure};
use crate::pages::figures::{count, mib, significant};

const UNIT: &str = "wait, µs";

fn valid(profile: &MmapProfile) -> impl Iterator<Item = (&Configuration, &Summary)> {
    profile.configurations.iter().filter(|c| !c.is_invalid()).filter_map(|c| Some((c, c.summary.as_ref()?)))
}

/// The engines where the verdict was taken, the same back to back, and a shrinking budget.
pub(super) fn latencies(profile: &MmapProfile) -> Markup {
    let decisive = profile.verdict.criteria.first().map_or("", |criterion| criterion.source.as_str());
    let decided = profile.configurations.iter().find(|c| c.id == decisive);
    let beside = |paced: bool| {
        let alike = |c: &Configuration| {
            decided.is_some_and(|d| {
                (c.pattern, c.layout, c.state, c.budget_bytes)
                    == (d.pattern, d.layout, d.state, d.budget_bytes)
            }) && (c.pacing_us > 0) == paced
        };
        waits(profile, alike, |c| c.engine.name().to_owned())
    };
    let state = decided.map_or("", |c| c.state.name());
    let budget = |c: &Configuration| {
        c.state == State::Budget && c.pattern == Pattern::ZipfDecode && c.engine == Engine::MmapRandom
    };
    let drawings = [
        (format!("Wait of a token at the target's pace, {state}"), "paced", beside(true)),
        (format!("Wait of a token back to back, {state}"), "back-to-back", beside(false)),
        (
            "Wait of a token under a memory limit, mmap_random, Zipf-distributed tokens".to_owned(),
            "limited",
            waits(profile, budget, |c| format!("{} MiB", mib(c.budget_bytes.unwrap_or(0)))),
        ),
    ];
    html! {
        @if let Some(decided) = decided {
            p { "The verdict was taken from " code { (decided.id) } ". The other lines are the same reads by other engines: what a change of advice would bring." }
        }
        @for (title, id, (lines, table)) in drawings {
            @if !lines.is_empty() {
                (figure(&LineChart { title, lines, ..LineChart::latency("", UNIT, &[]) }, id))
                (data(&table))
            }
        }
    }
}

/// The distributions of the chosen configurations as lines, and their quantiles as a table.
fn waits(
    profile: &MmapProfile,
    chosen: impl Fn(&Configuration) -> bool,
    label: impl Fn(&Configuration) -> String,
) -> (Vec<Line>, Markup) {
    let all: Vec<(String, &Summary)> =
        valid(profile).filter(|(c, _)| chosen(c)).map(|(c, summary)| (label(c), summary)).collect();
    let lines = all.iter().map(|(name, summary)| Line {
        name: name.clone(),
        points: summary.distribution.iter().map(|at| LinePoint::from((at.quantile, at.value_us))).collect(),
        ..Line::default()
    });
    (lines.collect(), quantiles(&all))
}

fn quantiles(all: &[(String, &Summary)]) -> Markup {
    html! {
        div.scroll role="region" aria-label="Quantiles" tabindex="0" {
            table.dense {
                thead { tr { th scope="col" { (UNIT) } @for name in ["mean", "p50", "p90", "p99", "p99.9", "worst", "tokens"] { th.num scope="col" { (name) } } } }
                tbody {
                    @for (name, Summary { latency, .. }) in all {
                        tr {
                            th scope="row" { (name) }
                            @for us in [latency.mean_us, latency.p50_us, latency.p90_us, latency.p99_us] { td.num { (significant(us)) } }
                            td.num { (latency.p999_us.map_or_else(|| "–".to_owned(), significant)) }
                            td.num { (significant(latency.max_us)) }
                            td.num { (count(latency.tokens)) }
                        }
                    }
                }
            }
        }
    }
}

/// Median waits where the model makes a claim of its own, and all cold ones.
pub(super) fn predictions(profile: &MmapProfile) -> Markup {
    let bar = |value: f64, range: Option<(f64, f64)>| Some(Value { value, range });
    let measured = |c: &Configuration| {
        c.compared_wait().and_then(|wait| bar(wait.estimate, Some((wait.low, wait.high))))
    };
    let claims = valid(profile).filter_map(|(c, _)| {
        let prediction = c.prediction.as_ref()?;
        prediction.stall_over_measured?;
        Some(Group {
            label: format!("{} ({})", name(c), group(c)),
            values: vec![bar(prediction.stall_us?, None), measured(c)],
        })
    });
    let cold = valid(profile).filter(|(c, _)| c.state == State::Cold && c.pacing_us == 0);
    let cold = cold.map(|(c, _)| Group {
        label: format!("{} ({})", name(c), c.layout.name()),
        values: vec![measured(c)],
    });
    let drawing = |title: &str, series: &[&str], groups: Vec<Group>| GroupedBars {
        title: title.to_owned(),
        axis: Axis::log(UNIT),
        series: series.iter().map(|name| (*name).to_owned()).collect(),
        groups,
        limits: Vec::new(),
    };
    let cold = drawing("Median wait of a token by pattern and engine, cold", &["measured"], cold.collect());
    let claims = drawing(
        "Wait of a token, predicted and measured: the mean under a memory limit, else the median",
        &["predicted", "measured"],
        claims.collect(),
    );
    html! {
        @if !cold.groups.is_empty() { (figure(&cold, "cold-waits")) }
        @if !claims.groups.is_empty() { (figure(&claims, "predicted-waits")) }
    }
}

pub(super) fn cliff(profile: &MmapProfile) -> Markup {
    let Some(cliff) = &profile.cliff else { return html! {} };
    let line = |value: &dyn Fn(&dhurandhar_core::measurement::CliffPoint) -> f64| -> Vec<(f64, f64)> {
        cliff.points.iter().map(|point| (in_mib(point.budget_bytes), value(point))).collect()
    };
    let decoder = in_mib(cliff.decoder_bytes);
    let drawing = LineChart {
        title: "Time of a token as memory shrinks".to_owned(),
        x: Axis::linear("memory limit, MiB"),
        y: Axis::log("ms a token"),
        lines: vec![
            Line::new("measured", &line(&|point| point.token_ms)),
            Line::theory("predicted, at best", &line(&|point| point.predicted_ms.0)),
            Line::theory("predicted, at worst", &line(&|point| point.predicted_ms.1)),
        ],
        limits: vec![Limit::X(decoder, "decoder".to_owned())],
    };
    html! {
        h2 #cliff { "The decoder-eviction cliff" }
        p {
            "A file of " (mib(cliff.decoder_bytes)) " MiB stands for the decoder (" (significant(cliff.scale * 100.0))
            " % of its size) and is swept once a token beside the table: at " (significant(cliff.memory_bytes_per_s / 1e9))
            " GB/s from memory and " (significant(cliff.storage_bytes_per_s / 1e9))
            " GB/s from storage" @if let Some(rate) = cliff.reclaiming_bytes_per_s { ", and at " (significant(rate / 1e9)) " GB/s when every page takes another's place" }
            ". Once both do not fit the limit, the sweep evicts its own pages. At best only what does not fit is read again; at worst all of it, at the pace of eviction."
        }
        (figure(&drawing, "cliff-chart"))
        div.scroll role="region" aria-label="Eviction cliff" tabindex="0" {
            table.narrow {
                thead { tr { th.num scope="col" { "Limit MiB" } th.num scope="col" { "ms a token" } th.num scope="col" { "Predicted ms" } th.num scope="col" { "MiB read a token" } } }
                tbody {
                    @for point in &cliff.points {
                        tr {
                            td.num { (mib(point.budget_bytes)) }
                            td.num { (significant(point.token_ms)) }
                            td.num { (significant(point.predicted_ms.0)) "–" (significant(point.predicted_ms.1)) }
                            td.num { (point.device_bytes_per_token.map_or_else(|| "–".to_owned(), |bytes| significant(bytes / MIB as f64))) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn memory(profile: &MmapProfile) -> Markup {
    let Some(memory) = &profile.memory else { return html! {} };
    let bar = |label: &str, sample: &MemorySample| {
        let segment = |name: &str, bytes: Option<u64>, mapped| Segment {
            name: name.to_owned(),
            bytes: bytes.unwrap_or(0) as f64,
            mapped,
            series: None,
        };
        Bar {
            label: label.to_owned(),
            segments: vec![
                segment("anonymous memory", sample.rss_anon_bytes, false),
                segment(
                    "table in the page cache",
                    sample.table_resident_bytes.or(sample.rss_file_bytes),
                    true,
                ),
            ],
            interval: None,
        }
    };
    let mut bars =
        vec![bar("At the start", &memory.baseline), bar("Decoder in place", &memory.with_placeholder)];
    bars.extend(memory.samples.last().map(|last| bar(&format!("After {} tokens", last.tokens), last)));
    let mut budgets: Vec<Budget> = Vec::new();
    for check in &memory.checks {
        if budgets.iter().all(|budget| budget.label != check.budget) {
            budgets.push(Budget { label: check.budget.clone(), bytes: check.budget_bytes as f64 });
        }
    }
    let drawing = MemoryBars { title: "Memory with the decoder in place".to_owned(), bars, budgets };
    html! {
        h2 #memory { "Memory" }
        p { (mib(memory.placeholder_bytes)) " MiB of anonymous memory stand for everything but the table; " (memory.tokens) " tokens were decoded. Method: " (memory.method) "." }
        (figure(&drawing, "memory-chart"))
        ul { @for check in &memory.checks { li { (badge(check.result)) " " (check.budget) ", " (check.interpretation.name()) ": " (check.detail) } } }
    }
}
