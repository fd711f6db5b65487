//! `profile-mmap`: what a lookup table on storage costs a token, measured on this device.
//!
//! The parent plans, writes the table and starts one child a block; a child evicts, proves, reads and
//! counts. Every figure is judged by `core::measurement` and set beside the prediction of `core::storage`.

pub mod args;
mod assemble;
pub mod block;
pub mod budget;
pub mod child;
mod cliff;
mod date;
mod environment;
#[cfg(test)]
mod fake;
mod journal;
mod memory;
pub mod os;
mod output;
pub mod plan;
pub mod reader;
mod render;
mod run;
mod runner;
pub mod seam;
pub mod session;
pub mod spec;
mod subject;
pub mod table;
pub mod validity;

pub use args::ProfileMmapArgs;
pub(crate) use date::now;
pub(crate) use environment::device;
pub use run::run;

use crate::BadInput;
