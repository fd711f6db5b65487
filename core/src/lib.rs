//! dhurandhar.
pub mod storage;
