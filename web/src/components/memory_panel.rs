//! The memory tab: the answer, the drawing, the table.

use dhurandhar_core::feasibility::Assessment;
use yew::{Html, NodeRef, html};

use super::headline::Headline;
use super::memory_chart::MemoryChart;
use super::memory_table::{MemoryTable, TABLE_ID};
use crate::computed::Computed;
use crate::format::first_up;

/// What it shows.
pub(crate) struct MemoryPanel {
    pub(crate) report: Computed,
    pub(crate) canvas: NodeRef,
    /// What is computed once it is looked at.
    pub(crate) below: Html,
}

impl MemoryPanel {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let report = &self.report;
        let assumptions = &report.model.assumptions;
        html! {
            <>
                { Headline { report: report.clone() }.view() }
                <MemoryChart report={report.clone()} canvas={self.canvas.clone()} described_by={TABLE_ID} />
                { for report.devices.first().map(decides) }
                { self.below.clone() }
                <MemoryTable report={report.clone()} />
                if !assumptions.is_empty() {
                    <div class="calc-assumed">
                        <h2>{ "Assumed" }</h2>
                        <ul>{ for assumptions.iter().map(|line| html! { <li>{ line }</li> }) }</ul>
                    </div>
                }
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
