//! The context: a slider over useful lengths, and a field for any length.

use dhurandhar_core::leaf::cast::to_u64;
use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, TargetCast, html};

use crate::parts::context_steps;
use crate::parts::format;
use crate::parts::number_field::NumberField;
use crate::state::{Action, Setting};

/// What it shows.
pub(crate) struct ContextField {
    pub(crate) tokens: u64,
    pub(crate) longest: u64,
    pub(crate) on: Callback<Action>,
}

impl ContextField {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let stops = Rc::new(context_steps::steps(self.longest));
        let at = context_steps::nearest(&stops, self.tokens);
        let on_slide = {
            let (on, stops) = (self.on.clone(), stops.clone());
            move |event: InputEvent| {
                let index = event.target_unchecked_into::<HtmlInputElement>().value().parse::<usize>();
                if let Some(tokens) = index.ok().and_then(|index| stops.get(index)) {
                    on.emit(Action::Set(Setting::Context(*tokens)));
                }
            }
        };
        let on_value = {
            let on = self.on.clone();
            Callback::from(move |tokens: f64| on.emit(Action::Set(Setting::Context(to_u64(tokens)))))
        };
        let spoken = spoken(self.tokens);
        html! {
            <div class="calc-field calc-context">
                <label for="context-slider">{ "Context" }</label>
                { NumberField { id: "context", label: "Context in tokens", hidden_label: true, unit: "tokens", value: self.tokens as f64, min: 1.0, max: self.longest as f64, step: "1", on_value, on: self.on.clone() }.view() }
                <input type="range" id="context-slider" min="0" max={(stops.len().saturating_sub(1)).to_string()} step="1"
                    value={at.to_string()} aria-valuetext={spoken} oninput={on_slide} />
                <p class="calc-hint calc-ends">
                    <span>{ format::whole(stops.first().copied().unwrap_or_default()) }</span>
                    <span>{ format::whole(self.longest) }{ " at most" }</span>
                </p>
            </div>
        }
    }
}

/// Says another context than the state has, while the slider moves: where it is read, and nowhere else.
pub(crate) fn follow(tokens: u64) {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    if let Some(slider) = document.get_element_by_id("context-slider") {
        // Readers of screens hear the rest.
        let _ = slider.set_attribute("aria-valuetext", &spoken(tokens));
    }
    let field = document.get_element_by_id("context");
    // What is being typed stays as it is.
    if let Some(field) = field.filter(|field| document.active_element().as_ref() != Some(field)) {
        field.unchecked_into::<HtmlInputElement>().set_value(&tokens.to_string());
    }
}

fn spoken(tokens: u64) -> String {
    [&format::whole(tokens), " tokens"].concat()
}
