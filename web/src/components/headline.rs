//! The answer before the table: totals, and the verdict for the chosen device.

use std::rc::Rc;

use dhurandhar_core::feasibility::{Assessment, Mode};
use dhurandhar_core::memory::{Component, Total};
use dhurandhar_core::report::Report;
use yew::{Html, html};

use super::verdict::{verdict, words};
use crate::format;

/// What it shows.
pub(crate) struct Headline {
    pub(crate) report: Rc<Report>,
}

/// Whether the model has a table that may stay on storage.
pub(crate) fn has_table(report: &Report) -> bool {
    report.footprint.term(Component::PleTable).is_some()
}

impl Headline {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let report = &self.report;
        let (resident, mmap) = (&report.footprint.resident, &report.footprint.mmap);
        let table = has_table(report);
        html! {
            <div class="calc-headline">
                <dl class="calc-figures">
                    { figure("Resident", resident) }
                    if table { { figure("PLE table on storage", mmap) } }
                    <div>
                        <dt>{ "Mapped from the file" }</dt>
                        <dd><b>{ format::whole_mib(resident.bytes - resident.private) }</b>{ " MiB" }</dd>
                        <dd class="calc-hint">{ "clean pages, can be dropped" }</dd>
                    </div>
                    <div>
                        <dt>{ "Private" }</dt>
                        <dd><b>{ format::whole_mib(resident.private) }</b>{ " MiB" }</dd>
                        <dd class="calc-hint">{ "cannot be dropped" }</dd>
                    </div>
                </dl>
                if let Some(assessment) = report.devices.first() { { answer(assessment) } }
            </div>
        }
    }
}

fn figure(name: &str, total: &Total) -> Html {
    html! {
        <div>
            <dt>{ name.to_owned() }</dt>
            <dd><b>{ format::whole_mib(total.bytes) }</b>{ " MiB" }</dd>
            <dd class="calc-hint">{ format!("{} to {}", format::whole_mib(total.low), format::whole_mib(total.high)) }</dd>
        </div>
    }
}

fn answer(assessment: &Assessment) -> Html {
    let fits = assessment.mode != Mode::Infeasible;
    let condition = if fits { " expected" } else { " if it fitted" };
    html! {
        <p class="calc-answer">
            { verdict(assessment.mode, assessment.certainty) }
            <strong>{ &assessment.device_title }</strong>
            <span>{ format::signed_mib(assessment.headroom_bytes) }{ " MiB headroom" }</span>
            <span>{ format::speeds(assessment.ceilings.expected_tokens_per_s) }{ condition }</span>
        </p>
    }
}

/// The answer in sentences.
pub(crate) fn summary(report: &Report) -> String {
    let (resident, mmap) = (&report.footprint.resident, &report.footprint.mmap);
    let mut text = format!(
        "{}, {}, {} tokens: {} MiB in memory",
        report.model.title,
        report.weights.format,
        format::whole(report.scenario.context_tokens),
        format::whole_mib(resident.bytes)
    );
    if has_table(report) {
        text += &format!(", {} MiB with the PLE table left on storage", format::whole_mib(mmap.bytes));
    }
    text.push('.');
    if let [assessment] = report.devices.as_slice() {
        let (title, reason) = (&assessment.device_title, &assessment.reason);
        text += &format!(" {title}: {}. {reason}", words(assessment.mode));
    }
    text
}
