//! A number typed by hand: taken while it is being typed as soon as it is valid, explained when it is not.

use web_sys::HtmlInputElement;
use yew::{Callback, Event, Html, InputEvent, Properties, TargetCast, function_component, html};

use crate::format;
use crate::state::Action;

#[derive(Properties, PartialEq)]
pub(crate) struct NumberFieldProps {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    /// The label is there for screen readers only, because another one stands above.
    #[prop_or_default]
    pub(crate) hidden_label: bool,
    #[prop_or_default]
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Step of the arrow keys; whole numbers only when it is one.
    pub(crate) step: &'static str,
    pub(crate) on_value: Callback<f64>,
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn NumberField(props: &NumberFieldProps) -> Html {
    let (min, max, whole) = (props.min, props.max, props.step == "1");
    let read = move |text: &str| {
        let number = text.trim().parse::<f64>().ok();
        number.filter(|number| (min..=max).contains(number) && (!whole || number.fract() == 0.0))
    };
    let oninput = {
        let on_value = props.on_value.clone();
        move |event: InputEvent| {
            if let Some(number) = read(&event.target_unchecked_into::<HtmlInputElement>().value()) {
                on_value.emit(number);
            }
        }
    };
    let onchange = {
        let (on, label, value) = (props.on.clone(), props.label, props.value);
        move |event: Event| {
            let field = event.target_unchecked_into::<HtmlInputElement>();
            let text = field.value();
            if read(&text).is_none() {
                let kind = if whole { "a whole number" } else { "a number" };
                let (min, max) = (format::plain(min), format::plain(max));
                on.emit(Action::Fail(format!("{label} of `{text}`: expected {kind} from {min} to {max}.")));
                field.set_value(&format::plain(value));
            }
        }
    };
    html! {
        <div class="calc-number">
            <label for={props.id} class={props.hidden_label.then_some("visually-hidden")}>{ props.label }</label>
            <span>
                <input type="number" id={props.id} inputmode={if whole { "numeric" } else { "decimal" }}
                    min={format::plain(min)} max={format::plain(max)} step={props.step}
                    value={format::plain(props.value)} {oninput} {onchange} />
                if !props.unit.is_empty() { <span class="unit">{ props.unit }</span> }
            </span>
        </div>
    }
}
