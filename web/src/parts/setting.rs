//! From a field's value to a choice of the scenario.

use yew::Callback;

use crate::state::{Action, Setting};

/// Sends the choice that a name is read as.
pub(crate) fn chosen(on: &Callback<Action>, read: fn(&str) -> Option<Setting>) -> Callback<String> {
    let on = on.clone();
    Callback::from(move |name: String| {
        if let Some(setting) = read(&name) {
            on.emit(Action::Set(setting));
        }
    })
}

/// Sends a value as a choice.
pub(crate) fn set<T: 'static>(on: &Callback<Action>, setting: fn(T) -> Setting) -> Callback<T> {
    let on = on.clone();
    Callback::from(move |value| on.emit(Action::Set(setting(value))))
}
