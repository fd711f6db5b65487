//! The answer before the table: totals, and the verdict for the chosen device.

use dhurandhar_core::feasibility::{Assessment, Mode};
use dhurandhar_core::leaf::Interval;
use dhurandhar_core::report::Report;
use yew::{Html, html};

use super::verdict::{verdict, words};
use crate::computed::Computed;
use crate::format;

/// What it shows.
pub(crate) struct Headline {
    pub(crate) report: Computed,
}

impl Headline {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let report = &self.report;
        let needs = &report.placement.needs;
        html! {
            <div class="calc-headline">
                <dl class="calc-figures">
                    { figure("Needed for full speed", needs.hot(), range(needs.hot())) }
                    { figure("Anonymous memory", needs.anonymous, "cannot be dropped".to_owned()) }
                    { figure("File pages read each token", Interval::exact(needs.hot().bytes - needs.anonymous.bytes), "dropped when memory is short, then read again".to_owned()) }
                    if needs.table_file_bytes > 0 { { figure("With tables in memory", needs.resident(), range(needs.resident())) } }
                </dl>
                if let Some(assessment) = report.devices.first() { { answer(assessment) } }
            </div>
        }
    }
}

fn range(total: Interval) -> String {
    format!("{} to {}", format::whole_mib(total.low), format::whole_mib(total.high))
}

fn figure(name: &'static str, total: Interval, hint: String) -> Html {
    html! {
        <div>
            <dt>{ name }</dt>
            <dd><b>{ format::whole_mib(total.bytes) }</b>{ " MiB" }</dd>
            <dd class="calc-hint">{ hint }</dd>
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
            <span>{ format::signed_mib(assessment.decisive().headroom_bytes) }{ " MiB headroom" }</span>
            <span>{ format::speeds(assessment.ceilings.expected_tokens_per_s) }{ condition }</span>
        </p>
    }
}

/// The answer in sentences.
pub(crate) fn summary(report: &Report) -> String {
    let needs = &report.placement.needs;
    let mut text = format!(
        "{}, {}, {} tokens: {} MiB needed for full speed, {} of it anonymous memory",
        report.model.title,
        report.weights.format,
        format::whole(report.scenario.context_tokens),
        format::whole_mib(needs.hot().bytes),
        format::whole_mib(needs.anonymous.bytes)
    );
    text.push('.');
    if let [assessment] = report.devices.as_slice() {
        let (title, reason) = (&assessment.device_title, &assessment.reason);
        text += &format!(" {title}: {}. {reason}", words(assessment.mode));
    }
    text
}
