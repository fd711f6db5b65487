//! The first drawing of the page in stages, each in a task of its own, so that the browser can answer in between.
//!
//! Browsers compile a module's functions when they are first called: the first drawing takes several times as long
//! as any later one.

use gloo_timers::callback::Timeout;
use yew::{Callback, hook, use_effect_with, use_state_eq};

/// Pause in which charts are drawn before the page is shown, in milliseconds.
const DRAWING_MS: u32 = 20;

/// How far the first drawing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// What needs no figures.
    Frame,
    /// The figures are computed.
    Figures,
    /// And the controls.
    Controls,
    /// Everything.
    Whole,
}

/// The stage; each follows a moment after the one before, and a moment after the last one `on_whole` is called.
#[hook]
pub(crate) fn use_stages(on_whole: &Callback<()>) -> Stage {
    let stage = use_state_eq(|| Stage::Frame);
    let (setter, on_whole) = (stage.setter(), on_whole.clone());
    use_effect_with(*stage, move |stage| {
        let next = match stage {
            Stage::Frame => Some(Stage::Figures),
            Stage::Figures => Some(Stage::Controls),
            Stage::Controls => Some(Stage::Whole),
            Stage::Whole => None,
        };
        match next {
            Some(next) => Timeout::new(0, move || setter.set(next)),
            None => Timeout::new(DRAWING_MS, move || on_whole.emit(())),
        }
        .forget();
    });
    *stage
}
