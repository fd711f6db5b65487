//! The measuring side of dhurandhar: what a device really does.

pub mod profile;
