//! `profile-mmap`: what a lookup table on storage costs a token, measured on this device.
//!
//! The parent plans, writes the table and starts one child a block; a child evicts, proves, reads and
//! counts. Every figure is judged by `core::measurement` and set beside the prediction of `core::storage`.

pub mod block;
pub mod budget;
pub mod child;
#[cfg(test)]
mod fake;
pub mod os;
pub mod plan;
pub mod reader;
pub mod seam;
pub mod session;
pub mod spec;
pub mod table;
pub mod validity;

/// An error in what the user asked for: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);
