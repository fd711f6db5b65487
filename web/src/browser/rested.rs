//! A value that is followed while it can be seen, and once it rests.

use gloo_timers::callback::Timeout;
use js_sys::Date;
use yew::{hook, use_effect_with, use_force_update, use_mut_ref};

/// The value as it was when it could last be seen and had not changed for `rest` milliseconds, and whether a later one waits to be
/// shown. The first change after a rest is shown at once.
#[hook]
pub(crate) fn use_rested<T: Clone + PartialEq + 'static>(value: &T, visible: bool, rest: u32) -> (T, bool) {
    let (shown, moved) = (use_mut_ref(|| value.clone()), use_mut_ref(|| 0.0));
    if visible && *shown.borrow() != *value {
        let now = Date::now();
        if now - moved.replace(now) >= f64::from(rest) {
            shown.replace(value.clone());
        }
    }
    let behind = visible && *shown.borrow() != *value;
    let again = use_force_update();
    use_effect_with((value.clone(), behind), move |(_, behind)| {
        // A little later, so that the clock has the pause behind it.
        let timer = behind.then(|| Timeout::new(rest + 10, move || again.force_update()));
        move || drop(timer)
    });
    (shown.borrow().clone(), behind)
}
