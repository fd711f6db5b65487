//! The totals, which follow a slider, and what decides.

use dhurandhar_core::feasibility::Assessment;
use dhurandhar_core::leaf::first_up;
use yew::{Html, Properties, function_component, html};

use crate::memory::headline::headline;
use crate::state::ahead::use_ahead;
use crate::state::computed::Computed;

#[derive(Properties, PartialEq)]
pub(crate) struct TotalsProps {
    pub(crate) report: Computed,
}

#[function_component]
pub(crate) fn Totals(props: &TotalsProps) -> Html {
    let ahead = use_ahead();
    headline(ahead.as_ref().unwrap_or(&props.report))
}

/// The limit that decides, and why.
pub(crate) fn decides(assessment: &Assessment) -> Html {
    html! {
        <section class="calc-decides" aria-labelledby="decides">
            <h2 id="decides">{ "What decides" }</h2>
            <p>
                // How fast it is where memory is enough stands under Speed.
                if !assessment.bound.is_bandwidth() {
                    <strong>{ first_up(assessment.bound.title()) }</strong>{ ". " }
                }
                { &assessment.reason }
            </p>
            if let Some(split) = &assessment.split {
                <p>{ "On the GPU: " }<b>{ split.describe() }</b>{ "." }</p>
            }
        </section>
    }
}
