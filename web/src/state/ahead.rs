//! The answer ahead of the state, while the context slider moves: computed in each frame, and drawn only where it is read. The
//! state, and with it the rest of the page, follows once the slider rests.
//!
//! A step took 13 ms of the page's thread at 1,280 px when everything followed each frame, most of it for what nobody reads then.

use std::cell::RefCell;

use gloo_timers::callback::Timeout;
use yew::{Callback, hook, use_effect_with, use_force_update};

use crate::state::computed::Computed;
use crate::state::inputs::Inputs;

/// How long a slider rests before the state follows it, in milliseconds.
const REST_MS: u32 = 120;

/// What waits until the slider rests.
struct Waiting {
    _timer: Timeout,
    settle: Box<dyn FnOnce()>,
}

thread_local! {
    static CASE: RefCell<Option<Inputs>> = const { RefCell::new(None) };
    static AHEAD: RefCell<Option<Computed>> = const { RefCell::new(None) };
    static WAITING: RefCell<Option<Waiting>> = const { RefCell::new(None) };
    static FOLLOWERS: RefCell<Vec<Callback<()>>> = const { RefCell::new(Vec::new()) };
}

/// Takes the case as the state has it.
pub(crate) fn about(inputs: Option<&Inputs>) {
    CASE.set(inputs.cloned());
}

/// Shows the answer with another context, and calls `settle` once that has not changed for a while; at once where there is no
/// such answer.
pub(crate) fn show(tokens: u64, settle: impl FnOnce() + 'static) {
    let inputs = CASE.with_borrow(|case| {
        let mut inputs = case.clone()?;
        inputs.scenario.context_tokens = tokens;
        inputs.scenario.check(&inputs.model).is_ok().then_some(inputs)
    });
    let report = inputs.and_then(|inputs| inputs.answer().ok());
    let waiting = report.is_some().then(|| Timeout::new(REST_MS, self::settle));
    let is_first = AHEAD.with_borrow(Option::is_none);
    AHEAD.set(report);
    match waiting {
        Some(timer) => {
            WAITING.set(Some(Waiting { _timer: timer, settle: Box::new(settle) }));
            if is_first {
                look("calc-ahead");
            }
            tell();
        }
        None => settle(),
    }
}

/// Lets the state follow now.
pub(crate) fn settle() {
    if let Some(waiting) = WAITING.take() {
        (waiting.settle)();
        AHEAD.set(None);
        look("");
        tell();
    }
}

fn tell() {
    for follower in FOLLOWERS.with_borrow(Clone::clone) {
        follower.emit(());
    }
}

/// What is behind looks so.
fn look(class: &str) {
    let place = web_sys::window().and_then(|window| window.document()?.get_element_by_id("app"));
    if let Some(place) = place {
        place.set_class_name(class);
    }
}

/// The answer that is ahead of the state, followed.
#[hook]
pub(crate) fn use_ahead() -> Option<Computed> {
    let again = use_force_update();
    use_effect_with((), move |()| {
        let follower = Callback::from(move |()| again.force_update());
        FOLLOWERS.with_borrow_mut(|followers| followers.push(follower.clone()));
        move || FOLLOWERS.with_borrow_mut(|followers| followers.retain(|other| *other != follower))
    });
    AHEAD.with_borrow(Clone::clone)
}
