//! The two codec tabs: one codec over its widths, and codecs at equal bits.

pub(crate) mod drawing;
pub(crate) mod panel;
pub(crate) mod tables;
