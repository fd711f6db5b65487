//! dhurandhar.

pub mod codec;
