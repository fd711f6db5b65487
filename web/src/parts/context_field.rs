//! The context: a slider over useful lengths, and a field for any length.

use dhurandhar_core::leaf::cast::to_u64;
use std::rc::Rc;

use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, Properties, TargetCast, function_component, html};

use crate::parts::context_steps;
use crate::parts::format;
use crate::parts::number_field::NumberField;
use crate::state::ahead::use_ahead;
use crate::state::{Action, Setting};

/// What it shows.
#[derive(Properties, PartialEq)]
pub(crate) struct ContextField {
    pub(crate) tokens: u64,
    pub(crate) longest: u64,
    pub(crate) on: Callback<Action>,
}

impl ContextField {
    /// Its part of the page.
    pub(crate) fn view(self) -> Html {
        html! { <Field ..self /> }
    }
}

#[function_component]
fn Field(props: &ContextField) -> Html {
    let tokens = use_ahead().map_or(props.tokens, |ahead| ahead.tokens);
    let stops = Rc::new(context_steps::steps(props.longest));
    let at = context_steps::nearest(&stops, tokens);
    let on_slide = {
        let (on, stops) = (props.on.clone(), stops.clone());
        move |event: InputEvent| {
            let index = event.target_unchecked_into::<HtmlInputElement>().value().parse::<usize>();
            if let Some(tokens) = index.ok().and_then(|index| stops.get(index)) {
                on.emit(Action::Set(Setting::Context(*tokens)));
            }
        }
    };
    let on_value = {
        let on = props.on.clone();
        Callback::from(move |tokens: f64| on.emit(Action::Set(Setting::Context(to_u64(tokens)))))
    };
    let spoken = [&format::whole(tokens), " tokens"].concat();
    html! {
        <div class="calc-field calc-context">
            <label for="context-slider">{ "Context" }</label>
            { NumberField { id: "context", label: "Context in tokens", hidden_label: true, unit: "tokens", value: tokens as f64, min: 1.0, max: props.longest as f64, step: "1", on_value, on: props.on.clone() }.view() }
            <input type="range" id="context-slider" min="0" max={(stops.len().saturating_sub(1)).to_string()} step="1"
                value={at.to_string()} aria-valuetext={spoken} oninput={on_slide} />
            <p class="calc-hint calc-ends">
                <span>{ format::whole(stops.first().copied().unwrap_or_default()) }</span>
                <span>{ format::whole(props.longest) }{ " at most" }</span>
            </p>
        </div>
    }
}
