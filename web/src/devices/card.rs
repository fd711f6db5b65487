//! One device: the verdict, the figures behind it, and what would change it.

use dhurandhar_core::feasibility::{Assessment, Mode};
use yew::{Callback, Html, classes, html};

use crate::memory::decides::{fixes, limits};
use crate::parts::format;
use crate::parts::verdict::{look, verdict};
use crate::state::Action;

/// What it shows.
pub(crate) struct DeviceCard {
    pub(crate) assessment: Assessment,
    pub(crate) on: Callback<Action>,
}

impl DeviceCard {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let assessment = &self.assessment;
        let inverse = &assessment.inverse;
        let draw = {
            let (on, slug) = (self.on.clone(), assessment.device.clone());
            Callback::from(move |_| on.emit(Action::DrawDevice(slug.clone())))
        };
        let longest = inverse
            .longest_context_tokens
            .map_or("none".to_owned(), |tokens| format!("{} tokens", format::whole(tokens)));
        let largest = inverse.largest_weight_format.clone().unwrap_or_else(|| "none".to_owned());
        let speed = format::speeds(assessment.ceilings.expected_tokens_per_s);
        html! {
            <li class={classes!("calc-card", look(assessment.answer()).0)}>
                <div class="calc-card-head">
                    <h3>{ &assessment.device_title }</h3>
                    { verdict(assessment) }
                </div>
                { load(assessment) }
                <dl>
                    { pair("Headroom", format!("{} MiB", format::signed_mib(assessment.decisive().headroom_bytes))) }
                    { pair(if assessment.mode == Mode::Infeasible { "Expected, if it fitted" } else { "Expected" }, speed) }
                    if let Some(speed) = &assessment.speed {
                        { pair("First token", format::seconds(speed.turn.first_token_s)) }
                    }
                    { pair("Bottleneck", assessment.bottleneck().to_owned()) }
                    { pair("Longest context", longest) }
                    { pair("Largest format", largest) }
                </dl>
                <p class="calc-reason">{ &assessment.reason }</p>
                { limits(assessment) }
                { target(assessment) }
                { fixes(inverse, &self.on) }
                <button type="button" class="calc-small" onclick={draw}>
                    { "Draw this budget" }<span class="visually-hidden">{ ": " }{ &assessment.device_title }</span>
                </button>
            </li>
        }
    }
}

fn pair(name: &'static str, value: String) -> Html {
    html! { <div><dt>{ name }</dt><dd>{ value }</dd></div> }
}

fn target(assessment: &Assessment) -> Html {
    match (assessment.mode, assessment.meets_target) {
        (Mode::Resident | Mode::Mmap, Some(false)) => {
            html! { <p class="calc-short">{ "Below the target speed." }</p> }
        }
        _ => Html::default(),
    }
}

/// Need over budget as a bar; the figures beside it say the same.
fn load(assessment: &Assessment) -> Html {
    const WIDTH: f64 = 100.0;
    let check = assessment.decisive();
    let (needed, allowed) = (check.needed.bytes, check.limit.bytes);
    let largest = needed.max(allowed).max(1) as f64;
    let share = |bytes: u64| bytes as f64 / largest * WIDTH;
    let budget = share(allowed).clamp(0.6, WIDTH - 0.6);
    html! {
        <div class="calc-load">
            <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">
                <rect class="rail" x="0" y="2" width="100" height="4" />
                <rect class="need" x="0" y="2" width={share(needed).to_string()} height="4" />
                <line class="budget" x1={budget.to_string()} x2={budget.to_string()} y1="0" y2="8" />
            </svg>
            <span>
                { format!("{} of {} MiB of {}", format::whole_mib(needed), format::whole_mib(allowed), check.limit.counts.title()) }
            </span>
        </div>
    }
}
