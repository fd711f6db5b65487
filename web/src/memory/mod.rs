//! The Memory tab: totals, what decides, and what stands below.

pub(crate) mod below;
pub(crate) mod chart;
pub(crate) mod decides;
pub(crate) mod details;
pub(crate) mod drawing;
pub(crate) mod headline;
pub(crate) mod speed;
pub(crate) mod table;
pub(crate) mod totals;
