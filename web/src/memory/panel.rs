//! The memory tab: the totals, what decides, and what is fetched once it is looked at.

use dhurandhar_core::feasibility::Assessment;
use yew::{Html, Properties, function_component, html};

use crate::memory::headline::headline;
use crate::parts::format::first_up;
use crate::state::ahead::use_ahead;
use crate::state::computed::Computed;

/// What it shows.
pub(crate) struct MemoryPanel {
    pub(crate) report: Computed,
    pub(crate) below: Html,
}

impl MemoryPanel {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        html! {
            <>
                <Totals report={self.report.clone()} />
                { for self.report.devices.first().map(decides) }
                { self.below.clone() }
            </>
        }
    }
}

#[derive(Properties, PartialEq)]
struct TotalsProps {
    report: Computed,
}

#[function_component]
fn Totals(props: &TotalsProps) -> Html {
    let ahead = use_ahead();
    headline(ahead.as_ref().map_or(&props.report, |ahead| &ahead.report))
}

fn decides(assessment: &Assessment) -> Html {
    html! {
        <section class="calc-decides" aria-labelledby="decides">
            <h2 id="decides">{ "What decides" }</h2>
            <p><strong>{ first_up(assessment.bound.title()) }</strong>{ ". " }{ &assessment.reason }</p>
            if let Some(split) = &assessment.split {
                <p>{ "On the card: " }<b>{ split.describe() }</b>{ "." }</p>
            }
        </section>
    }
}
