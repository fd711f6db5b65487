//! The memory tab: the answer, the drawing, the table.

use std::rc::Rc;

use dhurandhar_core::report::Report;
use yew::{Callback, Html, NodeRef, Properties, function_component, html};

use super::decides::Decides;
use super::headline::Headline;
use super::memory_chart::MemoryChart;
use super::memory_table::{MemoryTable, TABLE_ID};
use crate::state::Action;

#[derive(Properties, PartialEq)]
pub(crate) struct MemoryPanelProps {
    pub(crate) report: Rc<Report>,
    pub(crate) canvas: NodeRef,
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn MemoryPanel(props: &MemoryPanelProps) -> Html {
    let report = &props.report;
    let assumptions = &report.model.assumptions;
    html! {
        <>
            <Headline report={report.clone()} />
            <MemoryChart report={report.clone()} canvas={props.canvas.clone()} described_by={TABLE_ID} />
            if let Some(assessment) = report.devices.first() {
                <Decides assessment={assessment.clone()} on={props.on.clone()} />
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
