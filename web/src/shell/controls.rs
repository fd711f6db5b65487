//! What is run, and how: everything that a prediction depends on.

use yew::{Callback, Html, MouseEvent, html};

use crate::parts::context_field::ContextField;
use crate::parts::device_select::DeviceSelect;
use crate::parts::model_picker::ModelPicker;
use crate::shell::more::MoreProps;
use crate::state::{Action, State};

/// What it shows.
pub(crate) struct Controls<'a> {
    pub(crate) state: &'a State,
    /// Name of the reader's own device.
    pub(crate) custom: Option<String>,
    pub(crate) bits_per_weight: Option<f64>,
    /// Reports what was chosen.
    pub(crate) on: Callback<Action>,
    /// The same, once a frame: for controls that fire often.
    pub(crate) on_drag: Callback<Action>,
    /// There is room for all of them.
    pub(crate) wide: bool,
    /// What most people change after model, device and context, once it is wanted and has come.
    pub(crate) more: Option<fn(MoreProps) -> Html>,
    /// Asks for it.
    pub(crate) on_more: Callback<()>,
    /// The rest of them, once they are wanted and have come.
    pub(crate) advanced: Option<fn(&Controls<'_>) -> Html>,
    /// Asks for it.
    pub(crate) on_advanced: Callback<()>,
}

impl Controls<'_> {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let state = self.state;
        let longest = state.model.architecture.max_context_tokens;
        let more = match self.more {
            Some(more) => more(MoreProps::of(state, self.bits_per_weight, &self.on)),
            None => {
                html! { <p class={if self.wide { "calc-loading" } else { "" }}>{ "Loading\u{2026}" }</p> }
            }
        };
        html! {
            <section class="calc-controls" aria-label="Model and run">
                <ModelPicker model={state.model.clone()} imported={state.imported.clone()} on={self.on.clone()} />
                { DeviceSelect { device: state.device.clone(), custom: self.custom.clone(), on: self.on.clone() }.view() }
                { ContextField { tokens: state.scenario.context_tokens, longest, on: self.on_drag.clone() }.view() }
                <details class="calc-more" open={self.wide}>
                    <summary onclick={self.on_more.reform(|_: MouseEvent| ())}>{ "More" }</summary>
                    { more }
                    <details class="calc-advanced">
                        <summary onclick={self.on_advanced.reform(|_: MouseEvent| ())}>{ "Advanced" }</summary>
                        { self.advanced.map(|view| view(self)) }
                    </details>
                </details>
            </section>
        }
    }
}
