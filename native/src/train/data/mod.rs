//! Training data: files into examples, examples into rows, rows into the passes of every step.

mod example;
mod form;
mod order;
mod parquet;
mod read;

pub(crate) use example::{Encoder, Example};
pub(crate) use order::{Order, batch};
pub(crate) use read::{Split, load};
