//! The memory tab: the totals, what decides, and what is fetched once it is looked at.

use dhurandhar_core::feasibility::Assessment;
use yew::{Html, html};

use super::headline::Headline;
use crate::computed::Computed;
use crate::format::first_up;

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
                { Headline { report: self.report.clone() }.view() }
                { for self.report.devices.first().map(decides) }
                { self.below.clone() }
            </>
        }
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
