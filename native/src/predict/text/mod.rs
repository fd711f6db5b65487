//! Reports as text for a terminal of 80 columns.

pub(super) mod limits;
mod listing;
pub(super) mod programs;
mod report;
mod seed;

pub(super) use listing::{cards, device, devices, model, models};
pub(super) use report::report;
pub(super) use seed::seed;
