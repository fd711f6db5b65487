//! The page's one answer: the verdict on the chosen device, the same above every tab.

use dhurandhar_core::feasibility::{Assessment, Mode};
use dhurandhar_core::report::Report;
use yew::{Html, Properties, function_component, html};

use crate::state::ahead::use_ahead;
use crate::state::computed::Computed;

use crate::parts::format;
use crate::parts::verdict::{met, verdict};

#[derive(Properties, PartialEq)]
pub(crate) struct AnswerProps {
    pub(crate) report: Computed,
}

/// The answer in a line; it stays in sight on a small screen.
#[function_component]
pub(crate) fn Answer(props: &AnswerProps) -> Html {
    let ahead = use_ahead();
    let report: &Report = ahead.as_ref().unwrap_or(&props.report);
    let Some(assessment) = report.devices.first() else {
        return html! { <p class="calc-answer">{ "Choose a device for a verdict." }</p> };
    };
    let fits = assessment.mode != Mode::Infeasible;
    let headroom = assessment.decisive().headroom_bytes;
    let condition = if fits { " expected" } else { " if it fitted" };
    html! {
        <p class="calc-answer">
            { verdict(assessment) }
            <strong>{ &assessment.device_title }</strong>
            <span>{ format::whole_mib(headroom.unsigned_abs()) }{ if headroom < 0 { " MiB short" } else { " MiB to spare" } }</span>
            <span>{ format::speeds(assessment.ceilings.expected_tokens_per_s) }{ condition }{ target(assessment, report) }</span>
        </p>
    }
}

/// Whether the target is met, where it is asked.
fn target(assessment: &Assessment, report: &Report) -> String {
    if assessment.mode == Mode::Infeasible {
        return String::new();
    }
    let target = report.scenario.target_tokens_per_s;
    [", target ", &format::plain(target), " ", met(assessment, target)].concat()
}

/// What a window or a bookmark is called.
pub(crate) fn title(report: &Report) -> String {
    let device = report.devices.first().map_or("", |device| &device.device_title);
    [&report.model.title, " on ", device, " \u{b7} dhurandhar"].concat()
}

/// The answer in sentences.
pub(crate) fn summary(report: &Report) -> String {
    let needs = &report.placement.needs;
    let mut text = format!(
        "{}, {}, {} tokens, keys {}, values {}, {}: {}{} MiB needed for full speed, {} of it anonymous memory",
        report.model.title,
        report.weights.format,
        format::whole(report.scenario.context_tokens),
        report.scenario.k,
        report.scenario.v,
        report.scenario.runtime.title(),
        if report.placement.has_card() {
            [&format::whole_mib(needs.on_gpus().bytes), " MiB needed on the card; of the host's memory "]
                .concat()
        } else {
            String::new()
        },
        format::whole_mib(needs.hot().bytes),
        format::whole_mib(needs.anonymous.bytes)
    );
    text.push('.');
    if let [assessment] = report.devices.as_slice() {
        let (title, reason) = (&assessment.device_title, &assessment.reason);
        text += &format!(" {title}: {}. {reason}", assessment.answer_in_words());
    }
    text
}
