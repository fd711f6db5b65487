//! The Mmap tab: a table on storage, predicted and measured.

pub(crate) mod controls;
pub(crate) mod drawing;
pub(crate) mod panel;
pub(crate) mod tables;
