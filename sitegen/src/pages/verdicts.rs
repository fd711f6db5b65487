//! The table of verdicts: one model on many devices, or many models on one device.

use dhurandhar_core::feasibility::Assessment;
use maud::{Markup, html};

use super::figures::{count, mib, speeds, waits};
use super::parts;

/// One line of the table.
pub(super) struct Row<'a> {
    /// Fragment of the line.
    pub(super) id: &'a str,
    /// The other half of the pair.
    pub(super) title: &'a str,
    /// Its page.
    pub(super) href: String,
    /// The pair in the calculator.
    pub(super) calculator: String,
    /// What core says.
    pub(super) verdict: &'a Assessment,
}

/// Lines that belong together, with their common name.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) rows: Vec<Row<'a>>,
}

/// The table; `what` heads the first column.
pub(super) fn table(what: &str, groups: &[Group<'_>]) -> Markup {
    html! {
        div.scroll role="region" aria-label="Verdicts" tabindex="0" {
            table.verdicts {
                thead {
                    tr {
                        th scope="col" { (what) }
                        th scope="col" { "Verdict" }
                        th.num scope="col" { "Needs MiB" }
                        th.num scope="col" { "Allowed MiB" }
                        th.num scope="col" { "Decode tok/s" }
                        th.num scope="col" { "First token s" }
                        th.num scope="col" { "Longest context" }
                        th scope="col" { "Why, and what would help" }
                    }
                }
                @for group in groups {
                    tbody {
                        @if groups.len() > 1 {
                            tr.group { th colspan="8" scope="rowgroup" { (group.name) } }
                        }
                        @for row in &group.rows { (line(row)) }
                    }
                }
            }
        }
    }
}

fn line(row: &Row<'_>) -> Markup {
    let verdict = row.verdict;
    let check = verdict.decisive();
    html! {
        tr id=(row.id) {
            th scope="row" { a href=(row.href) { (row.title) } }
            td { (parts::verdict(verdict, &row.calculator)) }
            td.num { (mib(check.needed.bytes)) }
            td.num { (mib(check.limit.bytes)) }
            td.num { (verdict.ceilings.expected_tokens_per_s.map_or_else(|| "unknown".to_owned(), speeds)) }
            td.num { (verdict.speed.as_ref().map_or_else(|| "unknown".to_owned(), |speed| waits(speed.turn.first_token_s))) }
            td.num { (verdict.inverse.longest_context_tokens.map_or_else(|| "none".to_owned(), count)) }
            td.how { (verdict.reason) @if let Some(fix) = verdict.inverse.fixes.first() { " To fit: " (fix.description) "." } }
        }
    }
}
