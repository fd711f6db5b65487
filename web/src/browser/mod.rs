//! What the browser gives: the look of a place, whether it is on screen, downloads, a stopwatch.

pub(crate) mod appearance;
pub(crate) mod download;
pub(crate) mod in_view;
pub(crate) mod rested;
pub(crate) mod stopped;
pub(crate) mod timing;

/// Said when a part of the page cannot be loaded.
pub(crate) const ABSENT: &str = "This part of the page could not be loaded. Is there a network?";
