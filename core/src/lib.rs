//! The core of dhurandhar: whether a language model runs on a device, as arithmetic without I/O.

pub mod device;
pub mod document;
pub mod memory;
pub mod model;
pub mod seed;
pub mod weights;

pub use model::Model;
