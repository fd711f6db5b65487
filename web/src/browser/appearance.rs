//! How a drawing should look: width of its place, pixels per CSS px, light or dark. Changes of any are followed.

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, EventTarget, MediaQueryList, ResizeObserver};
use yew::{NodeRef, UseStateSetter, hook, use_effect_with, use_state_eq};

/// What a drawing depends on besides its data.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Appearance {
    /// CSS px; 0 before the first layout.
    pub(crate) width: i32,
    /// Device pixels per CSS px.
    pub(crate) pixel_ratio: f64,
    /// Light ink on a dark surface.
    pub(crate) is_dark: bool,
}

const DARK: &str = "(prefers-color-scheme: dark)";

/// The appearance of the element that `place` refers to.
#[hook]
pub(crate) fn use_appearance(place: &NodeRef) -> Appearance {
    let appearance = use_state_eq(Appearance::default);
    let setter = appearance.setter();
    use_effect_with(place.clone(), move |place| {
        let watch = place.cast::<Element>().map(|element| Watch::start(element, setter));
        move || drop(watch)
    });
    *appearance
}

/// What has to stay alive while changes are followed.
struct Watch {
    _listeners: Vec<EventListener>,
    observer: Option<ResizeObserver>,
    _closure: Closure<dyn FnMut()>,
}

impl Watch {
    fn start(element: Element, setter: UseStateSetter<Appearance>) -> Self {
        setter.set(look(&element));
        let target = element.clone();
        // Paper is light.
        let (for_paper, on_paper) = (setter.clone(), element.clone());
        let to_paper = move || for_paper.set(Appearance { is_dark: false, ..look(&on_paper) });
        let update = move || setter.set(look(&element));
        let listen = |source: &EventTarget, name: &'static str| {
            let update = update.clone();
            EventListener::new(source, name, move |_| update())
        };
        let window = web_sys::window();
        // Zooming and moving to another screen fire `resize` too.
        let resize = window.as_ref().map(|window| listen(window, "resize"));
        let scheme = dark_scheme().map(|scheme| listen(&scheme, "change"));
        let printed = window.as_ref().map(|window| listen(window, "afterprint"));
        let printing =
            window.as_ref().map(|window| EventListener::new(window, "beforeprint", move |_| to_paper()));
        let closure = Closure::<dyn FnMut()>::new(update);
        let observer = ResizeObserver::new(closure.as_ref().unchecked_ref()).ok();
        if let Some(observer) = &observer {
            observer.observe(&target);
        }
        Self {
            _listeners: [resize, scheme, printed, printing].into_iter().flatten().collect(),
            observer,
            _closure: closure,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}

fn dark_scheme() -> Option<MediaQueryList> {
    web_sys::window()?.match_media(DARK).ok().flatten()
}

fn look(element: &Element) -> Appearance {
    Appearance {
        width: element.client_width(),
        pixel_ratio: web_sys::window().map_or(1.0, |window| window.device_pixel_ratio()),
        is_dark: dark_scheme().is_some_and(|query| query.matches()),
    }
}
