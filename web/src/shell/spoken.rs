//! A status line for readers who do not see the figures change; it waits until the changes pause.

use gloo_timers::callback::Timeout;
use web_sys::Element;
use yew::{NodeRef, hook, use_effect_with, use_node_ref};

/// Pause before the text is announced, in milliseconds.
const PAUSE_MS: u32 = 600;

/// The place of the line, an element that has no content but this; without text it is left as it is.
#[hook]
pub(crate) fn use_spoken(text: Option<String>) -> NodeRef {
    let place = use_node_ref();
    let line = place.clone();
    use_effect_with(text, move |text| {
        let timer = text.clone().map(|text| {
            Timeout::new(PAUSE_MS, move || {
                if let Some(line) = line.cast::<Element>() {
                    line.set_text_content(Some(&text));
                }
            })
        });
        move || drop(timer)
    });
    place
}
