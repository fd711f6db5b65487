//! Something that is on or off.

use web_sys::HtmlInputElement;
use yew::{Callback, Event, Html, Properties, TargetCast, function_component, html};

#[derive(Properties, PartialEq)]
pub(crate) struct SwitchProps {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) on: bool,
    pub(crate) on_value: Callback<bool>,
}

#[function_component]
pub(crate) fn Switch(props: &SwitchProps) -> Html {
    let onchange = {
        let on_value = props.on_value.clone();
        move |event: Event| on_value.emit(event.target_unchecked_into::<HtmlInputElement>().checked())
    };
    html! {
        <label class="calc-switch" for={props.id}>
            <input type="checkbox" id={props.id} checked={props.on} {onchange} />
            <span>{ props.label }</span>
        </label>
    }
}
