//! Keeps the address bar and the browser's history in step with the state.
//!
//! A change of tab or model becomes an entry in the history; everything else replaces the current entry, at most
//! a few times a second, because browsers refuse more.

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use wasm_bindgen::JsValue;
use yew::{Callback, UseReducerHandle, hook, use_effect_with, use_mut_ref};

use crate::link;
use crate::state::{Action, State};

/// Pause between replacements, in milliseconds.
const PAUSE_MS: u32 = 300;

/// Writes the state into the address bar, and restores it on back and forward.
#[hook]
pub(crate) fn use_link(state: &UseReducerHandle<State>, on: &Callback<Action>) {
    let on = on.clone();
    use_effect_with((), move |()| {
        let listener = web_sys::window().map(|window| {
            EventListener::new(&window, "popstate", move |_| {
                on.emit(Action::Restore(search()));
            })
        });
        move || drop(listener)
    });
    let written_entries = use_mut_ref(|| state.entries);
    let pending = use_mut_ref(|| None::<Timeout>);
    use_effect_with((link::write(state), state.entries), move |(text, entries)| {
        pending.borrow_mut().take();
        let new_entry = *written_entries.borrow() != *entries;
        *written_entries.borrow_mut() = *entries;
        let text = text.clone();
        if new_entry {
            write(&text, true);
        } else {
            let this_one = pending.clone();
            *pending.borrow_mut() = Some(Timeout::new(PAUSE_MS, move || {
                write(&text, false);
                this_one.borrow_mut().take();
            }));
        }
    });
}

/// The address bar's part from the question mark on.
pub(crate) fn search() -> String {
    web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default()
}

fn write(text: &str, new_entry: bool) {
    let Some(window) = web_sys::window() else { return };
    let (Ok(history), Ok(path)) = (window.history(), window.location().pathname()) else { return };
    let address = if text.is_empty() { path } else { [&path, "?", text].concat() };
    if search().trim_start_matches('?') == text {
        return;
    }
    // A refusal (too many changes) leaves an older link, nothing worse.
    let _ = if new_entry {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
    };
}
