//! dhurandhar.
