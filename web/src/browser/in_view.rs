//! Whether an element is on screen.

use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, IntersectionObserver, IntersectionObserverEntry};
use yew::{NodeRef, hook, use_effect_with, use_state_eq};

/// Is the element that `place` refers to on screen now? None until the browser has said.
#[hook]
pub(crate) fn use_in_view(place: &NodeRef) -> Option<bool> {
    let seen = use_state_eq(|| None);
    let setter = seen.setter();
    use_effect_with(place.clone(), move |place| {
        let closure = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
            // The last entry is the latest.
            let last = entries.pop().dyn_into::<IntersectionObserverEntry>();
            setter.set(Some(last.is_ok_and(|entry| entry.is_intersecting())));
        });
        let observer = IntersectionObserver::new(closure.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(element)) = (&observer, place.cast::<Element>()) {
            observer.observe(&element);
        }
        move || {
            if let Some(observer) = observer {
                observer.disconnect();
            }
            drop(closure);
        }
    });
    *seen
}
