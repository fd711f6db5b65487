//! The Devices tab: a verdict for every device, and the own one.

pub(crate) mod card;
pub(crate) mod filter;
pub(crate) mod form;
pub(crate) mod measure;
pub(crate) mod panel;
