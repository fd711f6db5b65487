//! The context: a slider over useful lengths, and a field for any length.

use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, Properties, TargetCast, function_component, html, use_memo};

use super::number_field::NumberField;
use crate::context_steps;
use crate::format;
use crate::state::{Action, Setting};

#[derive(Properties, PartialEq)]
pub(crate) struct ContextFieldProps {
    pub(crate) tokens: u64,
    pub(crate) longest: u64,
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn ContextField(props: &ContextFieldProps) -> Html {
    let stops = use_memo(props.longest, |longest| context_steps::steps(*longest));
    let at = context_steps::nearest(&stops, props.tokens);
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
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and within the field's range"
        )]
        Callback::from(move |tokens: f64| on.emit(Action::Set(Setting::Context(tokens as u64))))
    };
    let spoken = [&format::whole(props.tokens), " tokens"].concat();
    html! {
        <div class="calc-field calc-context">
            <label for="context-slider">{ "Context" }</label>
            <NumberField id="context" label="Context in tokens" hidden_label={true} unit="tokens" value={props.tokens as f64}
                min={1.0} max={props.longest as f64} step="1" {on_value} on={props.on.clone()} />
            <input type="range" id="context-slider" min="0" max={(stops.len().saturating_sub(1)).to_string()} step="1"
                value={at.to_string()} aria-valuetext={spoken} oninput={on_slide} />
            <p class="calc-hint calc-ends">
                <span>{ format::whole(stops.first().copied().unwrap_or_default()) }</span>
                <span>{ format::whole(props.longest) }{ " at most" }</span>
            </p>
        </div>
    }
}
