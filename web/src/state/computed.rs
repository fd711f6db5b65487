//! The report that the page shows.

use std::ops::Deref;
use std::rc::Rc;

use dhurandhar_core::report::Report;

/// A report in use; equal only to itself, so that whether to draw is asked without looking into it.
#[derive(Debug, Clone)]
pub(crate) struct Computed(Rc<Report>);

impl From<Report> for Computed {
    fn from(report: Report) -> Self {
        Self(Rc::new(report))
    }
}

impl PartialEq for Computed {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Computed {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.0
    }
}
