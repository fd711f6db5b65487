//! Memory by component: every term with its interval, how it is known, and the rule behind it on demand.

use dhurandhar_core::leaf::Interval;
use dhurandhar_core::placement::Part;
use yew::{Callback, Html, Properties, classes, function_component, html, use_state_eq};

use crate::parts::format;
use crate::state::computed::Computed;

/// Id of the table.
pub(crate) const TABLE_ID: &str = "memory-table";

#[derive(Properties, PartialEq)]
pub(crate) struct MemoryTableProps {
    pub(crate) report: Computed,
}

#[function_component]
pub(crate) fn MemoryTable(props: &MemoryTableProps) -> Html {
    let report = &props.report;
    let open = use_state_eq(Vec::<usize>::new);
    let row = |(index, part): (usize, &Part)| {
        let is_open = open.contains(&index);
        let toggle = {
            let open = open.clone();
            Callback::from(move |_| {
                let mut now = (*open).clone();
                match now.iter().position(|opened| *opened == index) {
                    Some(at) => drop(now.swap_remove(at)),
                    None => now.push(index),
                }
                open.set(now);
            })
        };
        part_rows(index, part, is_open, &toggle)
    };
    html! {
        <div class="calc-table">
            <table id={TABLE_ID}>
                <caption>{ "Memory by component, MiB (2" }<sup>{ "20" }</sup>{ " bytes). A name opens its rule." }</caption>
                <thead>
                    <tr>
                        <th scope="col">{ "Component" }</th>
                        <th scope="col" class="num">{ "MiB" }</th>
                        <th scope="col" class="num wide">{ "Interval" }</th>
                        <th scope="col" class="wide">{ "Memory" }</th>
                        <th scope="col">{ "Known" }</th>
                    </tr>
                </thead>
                <tbody>{ for report.placement.parts.iter().enumerate().map(row) }</tbody>
                <tfoot>{ for report.placement.needs.totals().into_iter().map(total_row) }</tfoot>
            </table>
        </div>
    }
}

fn interval(size: Interval) -> String {
    if size.is_exact() {
        String::new()
    } else {
        format!("{} to {}", format::mib(size.low), format::mib(size.high))
    }
}

fn part_rows(index: usize, part: &Part, is_open: bool, toggle: &Callback<yew::MouseEvent>) -> Html {
    let id = format!("rule-{index}");
    let provenance = part.provenance.label();
    html! {
        <>
            <tr key={id.clone()}>
                <th scope="row">
                    <button type="button" class="calc-open" aria-expanded={is_open.to_string()} aria-controls={id.clone()} onclick={toggle.clone()}>
                        { part.component.title() }
                    </button>
                </th>
                <td class="num">{ format::mib(part.size.bytes) }</td>
                <td class="num wide muted">{ interval(part.size) }</td>
                <td class="wide muted">{ part.memory() }{ ", " }{ part.touch.describe() }</td>
                <td><span class={classes!("calc-badge", provenance)}>{ provenance }</span></td>
            </tr>
            <tr id={id} class="calc-rule" hidden={!is_open}>
                <td colspan="5">{ if is_open { rule(part) } else { Html::default() } }</td>
            </tr>
        </>
    }
}

fn rule(part: &Part) -> Html {
    let spread = interval(part.size);
    html! {
        <>
            <p><code>{ &part.note }</code></p>
            <p>
                { format!("{} bytes", format::whole(part.size.bytes)) }
                if !spread.is_empty() { { format!("; between {spread} MiB") } }
                if part.reserved > part.size.bytes { { format!("; {} MiB reserved", format::mib(part.reserved)) } }
                { format!(". Read or written {}. ", part.touch.describe()) }{ part.kind.meaning() }
            </p>
        </>
    }
}

fn total_row((name, total): (&'static str, Interval)) -> Html {
    html! {
        <tr>
            <th scope="row">{ name }</th>
            <td class="num">{ format::mib(total.bytes) }</td>
            <td class="num wide">{ interval(total) }</td>
            <td class="wide"></td>
            <td></td>
        </tr>
    }
}
