//! Memory by component: every term with its interval, how it is known, and the rule behind it on demand.

use std::rc::Rc;

use dhurandhar_core::memory::{Component, Place, Term, Total};
use dhurandhar_core::report::Report;
use yew::{Callback, Html, Properties, classes, function_component, html, use_state_eq};

use super::headline::has_table;
use crate::format;

/// Id of the table.
pub(crate) const TABLE_ID: &str = "memory-table";

#[derive(Properties, PartialEq)]
pub(crate) struct MemoryTableProps {
    pub(crate) report: Rc<Report>,
}

#[function_component]
pub(crate) fn MemoryTable(props: &MemoryTableProps) -> Html {
    let report = &props.report;
    let open = use_state_eq(Vec::<Component>::new);
    let row = |term: &Term| {
        let is_open = open.contains(&term.component);
        let toggle = {
            let (open, component) = (open.clone(), term.component);
            Callback::from(move |_| {
                let mut now = (*open).clone();
                match now.iter().position(|opened| *opened == component) {
                    Some(at) => drop(now.swap_remove(at)),
                    None => now.push(component),
                }
                open.set(now);
            })
        };
        term_rows(term, is_open, &toggle)
    };
    let table = has_table(report);
    let name = if table { "Total, PLE resident" } else { "Total" };
    html! {
        <div class="calc-table">
            <table id={TABLE_ID}>
                <caption>{ "Memory by component, MiB (2" }<sup>{ "20" }</sup>{ " bytes). A name opens its rule." }</caption>
                <thead>
                    <tr>
                        <th scope="col">{ "Component" }</th>
                        <th scope="col" class="num">{ "MiB" }</th>
                        <th scope="col" class="num wide">{ "Interval" }</th>
                        <th scope="col" class="wide">{ "Place" }</th>
                        <th scope="col">{ "Known" }</th>
                    </tr>
                </thead>
                <tbody>{ for report.footprint.terms.iter().map(row) }</tbody>
                <tfoot>
                    { total_row(name, &report.footprint.resident) }
                    if table { { total_row("Total, PLE on storage", &report.footprint.mmap) } }
                </tfoot>
            </table>
        </div>
    }
}

fn interval(low: u64, high: u64) -> String {
    if low == high { String::new() } else { format!("{} to {}", format::mib(low), format::mib(high)) }
}

fn term_rows(term: &Term, is_open: bool, toggle: &Callback<yew::MouseEvent>) -> Html {
    let id = format!("rule-{}", term.component as u8);
    let provenance = term.provenance.label();
    html! {
        <>
            <tr key={id.clone()}>
                <th scope="row">
                    <button type="button" class="calc-open" aria-expanded={is_open.to_string()} aria-controls={id.clone()} onclick={toggle.clone()}>
                        { term.component.title() }
                    </button>
                </th>
                <td class="num">{ format::mib(term.bytes) }</td>
                <td class="num wide muted">{ interval(term.low, term.high) }</td>
                <td class="wide muted">{ term.place.name() }</td>
                <td><span class={classes!("calc-badge", provenance)}>{ provenance }</span></td>
            </tr>
            <tr id={id} class="calc-rule" hidden={!is_open}>
                <td colspan="5">{ if is_open { rule(term) } else { Html::default() } }</td>
            </tr>
        </>
    }
}

fn rule(term: &Term) -> Html {
    let place = match term.place {
        Place::Private => "Private memory: counted by every limit, cannot be dropped.",
        Place::Mapped => "Clean pages of a mapped file: counted in RSS, can be dropped and read again.",
    };
    let spread = interval(term.low, term.high);
    html! {
        <>
            <p><code>{ &term.note }</code></p>
            <p>
                { format!("{} bytes", format::whole(term.bytes)) }
                if !spread.is_empty() { { format!("; between {spread} MiB") } }
                if term.reserved > term.bytes { { format!("; {} MiB reserved", format::mib(term.reserved)) } }
                { ". " }{ place }
            </p>
        </>
    }
}

fn total_row(name: &'static str, total: &Total) -> Html {
    html! {
        <tr>
            <th scope="row">{ name }</th>
            <td class="num">{ format::mib(total.bytes) }</td>
            <td class="num wide">{ interval(total.low, total.high) }</td>
            <td class="wide" colspan="2">{ format!("{} private", format::mib(total.private)) }</td>
        </tr>
    }
}
