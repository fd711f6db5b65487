//! The Compare tab: cases side by side, and every weight format.

pub(crate) mod panel;
