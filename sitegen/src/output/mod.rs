//! What leaves: the site in memory, its hashed files, everything that stands beside its pages, and the way to disk.

pub mod assets;
mod embed;
pub mod feed;
pub(crate) mod find;
pub mod manifest;
pub mod offline;
pub mod site;
pub mod size;
pub mod write;
