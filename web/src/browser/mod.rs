//! What the browser gives: the look of a place, whether it is on screen, downloads, a stopwatch.

pub(crate) mod appearance;
pub(crate) mod download;
pub(crate) mod in_view;
pub(crate) mod stopped;
pub(crate) mod timing;

use js_sys::Date;

/// Said when a part of the page cannot be loaded.
pub(crate) const ABSENT: &str = "This part of the page could not be loaded. Is there a network?";

/// Today, as `2026-11-29`.
pub(crate) fn today() -> String {
    let text = Date::new_0().to_iso_string().as_string().unwrap_or_default();
    text.get(..10).unwrap_or_default().to_owned()
}
