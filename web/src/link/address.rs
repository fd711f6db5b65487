//! Keeps the address bar and the browser's history in step with the state.
//!
//! A choice becomes an entry in the history once the controls rest, so that Back undoes it; what is typed into a search or
//! a form replaces the current entry. At most a few changes a second, because browsers refuse more.

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use wasm_bindgen::JsValue;
use yew::{AttrValue, Callback, UseReducerHandle, hook, use_effect_with, use_mut_ref};

use crate::link;
use crate::state::{Action, State};

/// Pause after the last change before the address follows, in milliseconds.
const PAUSE_MS: u32 = 300;

/// Writes the state into the address bar, and restores it on back and forward. The whole address of the state.
#[hook]
pub(crate) fn use_link(state: &UseReducerHandle<State>, on: &Callback<Action>) -> AttrValue {
    let on = on.clone();
    // What a link says in other words than this page is put right, not added to the history.
    let read = use_mut_ref(|| true);
    let is_read = read.clone();
    use_effect_with((), move |()| {
        let listener = web_sys::window().map(|window| {
            EventListener::new(&window, "popstate", move |_| {
                *is_read.borrow_mut() = true;
                on.emit(Action::Restore(search()));
            })
        });
        move || drop(listener)
    });
    let written_entries = use_mut_ref(|| state.entries);
    let pending = use_mut_ref(|| None::<Timeout>);
    let text = link::write(state);
    let whole = address(&text).unwrap_or_default();
    use_effect_with((text, state.entries), move |(text, entries)| {
        pending.borrow_mut().take();
        let at_once = *written_entries.borrow() != *entries;
        *written_entries.borrow_mut() = *entries;
        let text = text.clone();
        if at_once {
            write(&text, read.take());
        } else {
            let this_one = pending.clone();
            *pending.borrow_mut() = Some(Timeout::new(PAUSE_MS, move || {
                write(&text, read.take());
                this_one.borrow_mut().take();
            }));
        }
    });
    whole.into()
}

/// The address bar's part from the question mark on.
pub(crate) fn search() -> String {
    web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default()
}

fn address(text: &str) -> Option<String> {
    let location = web_sys::window()?.location();
    Some([&location.origin().ok()?, &*path(text)?].concat())
}

/// The address without the site.
fn path(text: &str) -> Option<String> {
    let path = web_sys::window()?.location().pathname().ok()?;
    Some(if text.is_empty() { path } else { [&path, "?", text].concat() })
}

fn write(text: &str, read: bool) {
    let before = search();
    let before = before.trim_start_matches('?');
    let history = web_sys::window().and_then(|window| window.history().ok());
    let (Some(history), Some(address)) = (history, path(text)) else { return };
    if before == text {
        return;
    }
    // A refusal (too many changes) leaves an older link, nothing worse.
    let _ = if read || link::differs_in_typing_only(before, text) {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
    } else {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address))
    };
}
