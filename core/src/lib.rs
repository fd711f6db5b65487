//! dhurandhar.
pub mod measurement;
pub mod storage;
