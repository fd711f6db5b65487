//! The core of dhurandhar: whether a language model runs on a device, as arithmetic without I/O.

pub mod document;
pub mod measurement;
pub mod memory;
pub mod model;
pub mod storage;
pub mod weights;

pub use model::Model;
