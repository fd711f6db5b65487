//! Files of the reader: dropped, read by a module of its own, kept in this browser.

pub(crate) mod dossier;
pub(crate) mod file_drop;
pub(crate) mod hub_field;
pub(crate) mod keep;
pub(crate) mod reader;
