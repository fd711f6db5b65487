//! Reports as the page makes them.

use dhurandhar_core::report::Report;

/// The page leaves out the terms of a token's time, whose arithmetic would be part of its first visit.
pub fn without_terms(mut report: Report) -> Report {
    for speed in report.devices.iter_mut().filter_map(|device| device.speed.as_mut()) {
        speed.terms = None;
    }
    report
}
