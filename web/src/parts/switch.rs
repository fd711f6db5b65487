//! Something that is on or off.

use web_sys::HtmlInputElement;
use yew::{Callback, Event, Html, TargetCast, html};

/// What it shows.
pub(crate) struct Switch {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) on: bool,
    pub(crate) on_value: Callback<bool>,
}

impl Switch {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let onchange = {
            let on_value = self.on_value.clone();
            move |event: Event| on_value.emit(event.target_unchecked_into::<HtmlInputElement>().checked())
        };
        html! {
            <label class="calc-switch" for={self.id}>
                <input type="checkbox" id={self.id} checked={self.on} {onchange} />
                <span>{ self.label }</span>
            </label>
        }
    }
}
