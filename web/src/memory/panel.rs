//! The memory tab: the totals, what decides, and what is fetched once it is looked at.

use dhurandhar_core::feasibility::Assessment;
use yew::{Html, Properties, function_component, html, use_node_ref};

use crate::browser::in_view::use_in_view;
use crate::browser::rested::use_rested;
use crate::memory::REST_MS;
use crate::memory::headline::headline;
use crate::parts::format::first_up;
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
                { self.below.clone() }
            </>
        }
    }
}

#[derive(Properties, PartialEq)]
struct TotalsProps {
    report: Computed,
}

/// The totals follow a slider while they are on screen; the sentences once it rests.
#[function_component]
fn Totals(props: &TotalsProps) -> Html {
    let place = use_node_ref();
    let visible = use_in_view(&place) != Some(false);
    let (now, _) = use_rested(&props.report, visible, 0);
    let (rested, behind) = use_rested(&props.report, visible, REST_MS);
    html! {
        <div class="calc-details" ref={place}>
            { headline(&now) }
            <div class={behind.then_some("calc-stale")}>{ for rested.devices.first().map(decides) }</div>
        </div>
    }
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
