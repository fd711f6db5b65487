//! Runs for people.

use crate::cli::output;
use dhurandhar_core::measurement::{VerdictCase, VerdictRun, VerdictValidation};

fn limit(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "none".to_owned(), |bytes| (bytes >> 20).to_string())
}

/// `llama-3.2-1b q4_0, repack off, limit 850 MiB`.
pub(super) fn name(case: &VerdictCase, limit_bytes: Option<u64>) -> String {
    format!("{}, limit {} MiB", choices(case), limit(limit_bytes))
}

fn choices(case: &VerdictCase) -> String {
    let repack = if case.repack { "" } else { ", repack off" };
    let load = if case.load == "mmap" { String::new() } else { format!(", {}", case.load) };
    let lazy = if case.lazy_table { ", lazy table" } else { "" };
    format!("{} {}, {} tokens{repack}{load}{lazy}", case.model, case.weights, case.context_tokens)
}

fn cells(row: &VerdictRun) -> Vec<String> {
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / 1_048_576.0);
    let predicted = row.prediction();
    vec![
        choices(&row.case),
        limit(row.limit_bytes),
        predicted.map_or("?", |run| run.outcome.title()).to_owned(),
        row.outcome().title().to_owned()
            + &row.died_in().map_or_else(String::new, |step| format!(" in {step}")),
        predicted.map_or_else(String::new, |run| mib(run.reread_bytes.1)),
        row.steady_bytes().map_or_else(String::new, mib),
    ]
}

/// A run in a line.
pub(super) fn line(row: &VerdictRun) -> String {
    let cells = cells(row);
    let seconds = row.steps.last().map_or(0.0, |step| step.seconds);
    format!(
        "{}: limit {}, predicted {} ({} MiB a token), measured {} ({} MiB a token), {seconds:.0} s",
        cells[0], cells[1], cells[2], cells[4], cells[3], cells[5]
    )
}

/// Every run.
pub(super) fn table(report: &VerdictValidation) -> String {
    let header = ["case", "limit MiB", "predicted", "measured", "MiB a token, predicted", "measured"];
    let rows = report.rows.iter().map(cells).collect();
    let mut text = format!("{}\n\n", report.runtime);
    text += &output::table(&header, &[1, 4, 5], rows);
    for note in &report.notes {
        text += &output::wrapped(&format!("{}: {}", note.about, note.reason), "  ");
    }
    text
}
