//! The Memory tab: totals, what decides, and what stands below.

pub(crate) mod below;
pub(crate) mod chart;
pub(crate) mod decides;
pub(crate) mod details;
pub(crate) mod drawing;
pub(crate) mod headline;
pub(crate) mod panel;
pub(crate) mod speed;
pub(crate) mod table;

/// How long a control rests before what is no figure of the answer follows it, in milliseconds. Chart and tables were most of what
/// a slider's step took of the page's thread. The first step after a rest is drawn at once.
const REST_MS: u32 = 120;
