//! What a lookup table on storage costs a token, measured on this device.
//!
//! The parent plans, writes the table and starts one child a block; a child evicts, proves, reads and counts. Every
//! number is judged by `core::measurement` and compared with the prediction of `core::storage`.

mod assemble;
pub(crate) mod balloon;
pub(crate) mod block;
pub(crate) mod child;
pub(crate) mod cliff;
mod ended;
#[cfg(test)]
mod fake;
mod gather;
mod journal;
pub(crate) mod memory;
pub(crate) mod plan;
pub(crate) mod reader;
pub(crate) mod reads;
mod request;
mod run;
mod runner;
pub(crate) mod seam;
pub(crate) mod session;
mod setup;
pub(crate) mod spec;
mod storage;
mod subject;
pub(crate) mod table;
pub(crate) mod validity;

pub(crate) use request::{Probe, Progress, Request};
pub(crate) use run::measure;
pub(crate) use setup::Setup;
