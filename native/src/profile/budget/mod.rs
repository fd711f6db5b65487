//! Holding memory to a budget: a control group where the system grants one, else a balloon.

pub mod balloon;
pub mod cgroup;
