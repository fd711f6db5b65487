//! A status line for readers who do not see the figures change; it waits until the changes pause.

use gloo_timers::callback::Timeout;
use yew::{AttrValue, Html, Properties, function_component, html, use_effect_with, use_state_eq};

/// Pause before the text is announced, in milliseconds.
const PAUSE_MS: u32 = 600;

#[derive(Properties, PartialEq)]
pub(crate) struct SpokenProps {
    pub(crate) text: AttrValue,
}

#[function_component]
pub(crate) fn Spoken(props: &SpokenProps) -> Html {
    let said = use_state_eq(|| props.text.clone());
    let setter = said.setter();
    use_effect_with(props.text.clone(), move |text| {
        let text = text.clone();
        let timer = Timeout::new(PAUSE_MS, move || setter.set(text));
        move || drop(timer)
    });
    html! { <p class="visually-hidden" role="status">{ (*said).clone() }</p> }
}
