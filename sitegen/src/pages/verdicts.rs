//! The table of verdicts: one model on many devices, or many models on one device.

use dhurandhar_core::feasibility::Assessment;
use maud::{Markup, html};

use super::figures::{count, speeds, waits};
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

/// What the last column is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reasons {
    /// The sentence behind each answer, and what would help.
    Told,
    /// Left to the pages of models and devices.
    Left,
}

/// The table; `what` heads the first column, `example` stands in the empty field of its filter.
pub(super) fn table(what: &str, example: &str, groups: &[Group<'_>], reasons: Reasons) -> Markup {
    html! {
        div.scroll.tall role="region" aria-label="Verdicts" tabindex="0" {
            table.verdicts.sortable data-example=(example) {
                thead {
                    tr {
                        th scope="col" { (what) }
                        th scope="col" { "Answer" }
                        @for (name, _) in NUMBERS { th.num scope="col" { (name) } }
                        @if reasons == Reasons::Told { th scope="col" { "Why, and what would help" } }
                    }
                }
                @for group in groups {
                    tbody {
                        @if groups.len() > 1 {
                            tr.group { th colspan="8" scope="rowgroup" { (group.name) } }
                        }
                        @for row in &group.rows { (line(row, reasons)) }
                    }
                }
            }
        }
    }
}

/// A figure of a verdict as text.
type Figure = fn(&Assessment) -> String;

/// The columns of numbers. On a narrow screen each stands under the other, with its name.
const NUMBERS: [(&str, Figure); 5] = [
    ("Needs GiB", |verdict| parts::gib(verdict.decisive().needed.bytes)),
    ("Allowed GiB", |verdict| parts::gib(verdict.decisive().limit.bytes)),
    ("Decode tok/s", |verdict| {
        verdict.ceilings.expected_tokens_per_s.map_or_else(|| "unknown".to_owned(), speeds)
    }),
    ("First token s", |verdict| {
        verdict.speed.as_ref().map_or_else(|| "unknown".to_owned(), |speed| waits(speed.turn.first_token_s))
    }),
    ("Longest context", |verdict| {
        verdict.inverse.longest_context_tokens.map_or_else(|| "none".to_owned(), count)
    }),
];

fn line(row: &Row<'_>, reasons: Reasons) -> Markup {
    let verdict = row.verdict;
    html! {
        tr id=(row.id) {
            th scope="row" { a href=(row.href) { (row.title) } }
            td { (parts::answer(verdict, &row.calculator)) }
            @for (name, value) in NUMBERS { td.num data-label=(name) { (value(verdict)) } }
            @if reasons == Reasons::Told { td.how { (verdict.reason) @if let Some(fix) = verdict.inverse.fixes.first() { " To fit: " (fix.description) "." } } }
        }
    }
}
