//! The answers that take long, computed while they are on screen and once the controls rest: the speed over the depth,
//! the inverse questions, every limit.

use gloo_timers::callback::Timeout;
use yew::{Callback, Html, Properties, function_component, html, use_effect_with, use_state};

use crate::memory::decides::{fixes, limits, most};
use crate::memory::speed::speed;
use crate::state::Action;
use crate::state::computed::Computed;
use crate::state::inputs::Inputs;

/// Pause after the last change before they are computed, in milliseconds.
const REST_MS: u32 = 150;

#[derive(Properties, PartialEq)]
pub(crate) struct DetailsProps {
    /// The answer that they belong to, and what it was made from.
    pub(crate) report: Computed,
    pub(crate) inputs: Inputs,
    /// They are on screen.
    pub(crate) visible: bool,
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn Details(props: &DetailsProps) -> Html {
    // An answer, and the whole of it.
    let found = use_state(|| None::<(Computed, Computed)>);
    let is_current = found.as_ref().is_some_and(|(answer, _)| *answer == props.report);
    let wanted = props.visible && !is_current;
    {
        let (inputs, setter, pause) =
            (props.inputs.clone(), found.setter(), if found.is_some() { REST_MS } else { 0 });
        use_effect_with((props.report.clone(), wanted), move |(report, wanted)| {
            let report = report.clone();
            let timer = wanted.then(|| {
                Timeout::new(pause, move || {
                    // What went wrong, the answer has said already.
                    if let Ok(whole) = inputs.whole(false) {
                        setter.set(Some((report, whole)));
                    }
                })
            });
            move || drop(timer)
        });
    }
    let Some((_, whole)) = &*found else {
        return html! { <p class={if props.visible { "calc-loading" } else { "" }}>{ "Working\u{2026}" }</p> };
    };
    let Some(assessment) = whole.devices.first() else { return Html::default() };
    html! {
        <div class={if is_current { "calc-details" } else { "calc-details calc-stale" }} aria-busy={(!is_current).to_string()}>
            { speed(assessment.speed.as_ref()) }
            <section class="calc-decides" aria-labelledby="change">
                <h2 id="change">{ "What would change it" }</h2>
                { most(&assessment.inverse) }
                { limits(assessment) }
                { fixes(&assessment.inverse, &props.on) }
            </section>
        </div>
    }
}
