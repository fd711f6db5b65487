//! The page of runs under limits: for each the predicted and the measured outcome and what each token read again.
//!
//! Measurements are the JSON files below `content/measurements/verdicts/`; the page's prose is the author's.

use anyhow::Result;
use dhurandhar_core::leaf::units::in_mib;
use dhurandhar_core::measurement::{
    PUBLISHED_VERDICTS, PublishedVerdict, Rereads, VerdictCase, VerdictRun, VerdictValidation,
};
use maud::{Markup, html};

use super::Context;
use super::figures::count;
use super::filed::{Filed, load};
use super::table::{Column, table};
use crate::page::{Heading, Page, Shape};
use crate::path::SitePath;

/// Where the page is; without prose there is none.
const PLACE: &str = "docs/limits/";

/// The page with its tables.
pub(super) fn page(context: &Context<'_>) -> Result<Option<Page>> {
    let Some(mut page) = context.prose(PLACE) else { return Ok(None) };
    let mut tables = String::new();
    for Filed { name, json, report } in load::<VerdictValidation>(context.content)? {
        tables += &validation(&report, &name).into_string();
        page.files.push((SitePath::new(format!("{PLACE}{name}")), json.into_bytes()));
    }
    tables += &published().into_string();
    for (id, text) in [("runs", "Runs under limits"), ("published", "Runs that others measured")] {
        if tables.contains(&format!("id=\"{id}\"")) {
            page.headings.push(Heading { level: 2, id: id.to_owned(), text: text.to_owned() });
        }
    }
    page.body.push_str(&tables);
    page.shape = Shape::Wide;
    Ok(Some(page))
}

fn validation(report: &VerdictValidation, name: &str) -> Markup {
    let summary = report.summary();
    let worst = summary.cliffs.iter().map(|cliff| cliff.error().abs()).fold(0.0, f64::max);
    let wrong: Vec<&VerdictRun> = report.rows.iter().filter(|row| !agrees(row)).collect();
    html! {
        h2 #runs { "Runs under limits" }
        p {
            (summary.runs) " runs of " (report.runtime) " on a " (report.device.name) ", each in a process and a control group of its own, from "
            (report.started.get(..10).unwrap_or(&report.started)) ". As data: " a href=(name) { "JSON" } "."
        }
        ul {
            li { "Outcome as predicted: " (summary.right) " of " (summary.runs) "." }
            li {
                "Place of the cliff: " (summary.cliffs.len()) " cases were seen on both sides of it; the prediction is at most "
                (percent(worst)) " outside the two limits."
            }
            li { (errors("dense weights", &summary.dense, 0.15)) }
            li { (errors("experts", &summary.experts, 0.25)) }
        }
        @if !wrong.is_empty() {
            h3 { "Runs that went otherwise" }
            (runs("Runs that went otherwise", wrong.iter().map(|row| cells(row, true))))
        }
        @for case in report.cases() {
            details {
                summary { (choices(case)) }
                @let rows = report.rows.iter().filter(|row| row.case == *case);
                (runs(&choices(case), rows.map(|row| cells(row, false))))
            }
        }
        @if !report.notes.is_empty() {
            p { "Left out:" }
            ul { @for note in &report.notes { li { (note.about) ": " (note.reason) } } }
        }
    }
}

fn errors(what: &str, rereads: &Rereads, bar: f64) -> String {
    let Some(median) = rereads.median() else { return format!("Re-read bytes of {what}: no run.") };
    let runs = rereads.errors.len();
    format!(
        "Re-read bytes of {what}: median error {}, within {} in {} of {runs} slowed runs, within the predicted interval in {}.",
        percent(median),
        percent(bar),
        rereads.below(bar),
        rereads.within,
    )
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn agrees(row: &VerdictRun) -> bool {
    row.prediction().is_some_and(|predicted| predicted.outcome == row.outcome())
}

fn runs(label: &str, rows: impl IntoIterator<Item = Vec<String>>) -> Markup {
    let columns = [
        Column::text("Run"),
        Column::number("Limit MiB"),
        Column::text("Predicted"),
        Column::text("Measured"),
        Column::number("MiB a token, predicted"),
        Column::number("between"),
        Column::number("measured"),
    ];
    table(label, &columns, rows)
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", in_mib(bytes))
}

fn cells(row: &VerdictRun, named: bool) -> Vec<String> {
    let predicted = row.prediction();
    let (low, expected, high) = predicted.map_or((0, 0, 0), |predicted| predicted.reread_bytes);
    let stage = row.died_in().map_or_else(String::new, |step| format!(" ({step})"));
    let limit = row.limit_bytes.map_or_else(|| "none".to_owned(), |bytes| count(bytes >> 20));
    let sign = if agrees(row) { "as predicted" } else { "otherwise" };
    vec![
        if named { choices(&row.case) } else { sign.to_owned() },
        limit,
        predicted.map_or("unknown", |predicted| predicted.outcome.title()).to_owned(),
        row.outcome().title().to_owned() + &stage,
        mib(expected),
        format!("{}\u{2013}{}", mib(low), mib(high)),
        row.steady_bytes().map_or_else(String::new, mib),
    ]
}

/// A case in words.
fn choices(case: &VerdictCase) -> String {
    let mut text = format!("{} {}", case.model, case.weights);
    if !case.repack {
        text += ", not packed";
    }
    if case.load != "mmap" {
        text += &format!(", load mode {}", case.load);
    }
    if case.lazy_table {
        text += ", table read by rows";
    }
    text + &format!(", {} tokens, prompt {}", count(case.context_tokens), count(case.prompt_tokens))
}

fn published() -> Markup {
    let all = PUBLISHED_VERDICTS.len();
    let right = |row: &&PublishedVerdict| row.predicted().is_some_and(|run| run.outcome == row.outcome());
    let rows = PUBLISHED_VERDICTS.iter().map(|row| {
        let predicted = row.predicted();
        let (low, expected, high) = predicted.map_or((0, 0, 0), |predicted| predicted.reread_bytes);
        let measured = match row.reread_mib {
            None => String::new(),
            Some((from, to)) if (to - from).abs() < 0.05 => format!("{from:.1}"),
            Some((from, to)) => format!("{from:.0}\u{2013}{to:.0}"),
        };
        vec![
            choices(&row.case()),
            count(row.limit_mib),
            predicted.map_or("unknown", |predicted| predicted.outcome.title()).to_owned(),
            row.outcome().title().to_owned(),
            mib(expected),
            format!("{}\u{2013}{}", mib(low), mib(high)),
            measured,
        ]
    });
    html! {
        h2 #published { "Runs that others measured" }
        p {
            "Runs under control groups on another machine, with AVX2. Nothing was tuned on them. The outcome is as predicted in "
            (PUBLISHED_VERDICTS.iter().filter(right).count()) " of " (all) "."
        }
        (runs("Runs that others measured", rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_runs_are_all_shown() {
        let shown = published().into_string();
        assert_eq!(shown.matches("<tr>").count(), PUBLISHED_VERDICTS.len() + 1);
        assert!(shown.contains("268\u{2013}604"), "{shown}");
    }

    /// The committed runs: those that disagree stand before the others.
    #[test]
    fn runs_that_went_otherwise_come_first() {
        let content = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../content");
        for Filed { name, report, .. } in load::<VerdictValidation>(&content).unwrap() {
            let shown = validation(&report, &name).into_string();
            let otherwise = shown.find("Runs that went otherwise").unwrap_or(0);
            assert!(otherwise < shown.find("<details>").unwrap());
            assert_eq!(shown.matches("<details>").count(), report.cases().len());
        }
    }
}
