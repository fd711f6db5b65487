//! The compute worker: what runs in it, the page's side of it, and results with the request that they answer.

pub(crate) mod client;
pub mod entry;
pub(crate) mod results;
