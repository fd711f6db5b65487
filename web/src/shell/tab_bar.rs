//! The row of tabs, after the ARIA tabs pattern: one stop in the tab order, arrows, Home and End move and open.

use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::{Callback, Html, KeyboardEvent, html};

use crate::state::Action;
use crate::state::tabs::{PANEL_ID, Tab};

/// What it shows.
pub(crate) struct TabBar {
    pub(crate) open: Tab,
    pub(crate) on: Callback<Action>,
}

/// The id of a tab's button.
pub(crate) fn tab_id(tab: Tab) -> String {
    ["tab-", tab.name()].concat()
}

impl TabBar {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let onkeydown = {
            let (on, open) = (self.on.clone(), self.open);
            move |event: KeyboardEvent| {
                if let Some(next) = target(&event, open) {
                    event.prevent_default();
                    on.emit(Action::Open(next));
                    focus(next);
                }
            }
        };
        let tab = |tab: Tab| {
            let on = self.on.clone();
            let selected = tab == self.open;
            html! {
                <button type="button" role="tab" id={tab_id(tab)} aria-selected={selected.to_string()}
                    aria-controls={selected.then_some(PANEL_ID)} tabindex={if selected { "0" } else { "-1" }}
                    onclick={move |_| on.emit(Action::Open(tab))}>
                    { tab.title() }
                </button>
            }
        };
        html! {
            <div class="calc-tabs" role="tablist" aria-label="Views" {onkeydown}>
                { for Tab::ALL.into_iter().map(tab) }
            </div>
        }
    }
}

fn target(event: &KeyboardEvent, open: Tab) -> Option<Tab> {
    // Keys pressed with a modifier belong to the browser.
    if event.ctrl_key() || event.alt_key() || event.meta_key() {
        return None;
    }
    next(&event.key(), open)
}

fn next(key: &str, open: Tab) -> Option<Tab> {
    let count = Tab::ALL.len();
    let at = Tab::ALL.iter().position(|tab| *tab == open)?;
    let next = match key {
        "ArrowRight" => (at + 1) % count,
        "ArrowLeft" => (at + count - 1) % count,
        "Home" => 0,
        "End" => count - 1,
        _ => return None,
    };
    Tab::ALL.get(next).copied()
}

fn focus(tab: Tab) {
    let document = web_sys::window().and_then(|window| window.document());
    let button = document.and_then(|document| document.get_element_by_id(&tab_id(tab)));
    if let Some(button) = button.and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
        // A tab that cannot take the focus leaves it where it is.
        let _ = button.focus();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_go_round() {
        assert_eq!(next("ArrowLeft", Tab::Memory), Some(Tab::Codecs));
        assert_eq!(next("ArrowRight", Tab::Codecs), Some(Tab::Memory));
        assert_eq!(next("End", Tab::Memory), Some(Tab::Codecs));
        assert_eq!(next("Enter", Tab::Memory), None);
    }
}
