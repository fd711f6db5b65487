//! The page around its tabs: state and its changes, controls, the one answer, what is fetched late.

pub(crate) mod advanced;
pub(crate) mod answer;
pub(crate) mod app;
pub(crate) mod change;
pub(crate) mod coalesced;
pub(crate) mod controls;
pub(crate) mod export_bar;
pub(crate) mod late;
pub(crate) mod more;
pub(crate) mod notices;
pub(crate) mod spoken;
pub(crate) mod stages;
pub(crate) mod tab_bar;
