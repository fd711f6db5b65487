//! The memory tab: the answer, the drawing, the table.

use yew::{Callback, Html, NodeRef, html};

use super::decides::Decides;
use super::headline::Headline;
use super::memory_chart::MemoryChart;
use super::memory_table::{MemoryTable, TABLE_ID};
use super::speed::speed;
use crate::computed::Computed;
use crate::state::Action;

/// What it shows.
pub(crate) struct MemoryPanel {
    pub(crate) report: Computed,
    pub(crate) canvas: NodeRef,
    pub(crate) on: Callback<Action>,
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
                if let Some(assessment) = report.devices.first() {
                    { speed(assessment.speed.as_ref()) }
                    { Decides { assessment: assessment.clone(), on: self.on.clone() }.view() }
                }
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
