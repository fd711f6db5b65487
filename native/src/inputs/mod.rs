//! From what the user names to a model or a device: a built-in slug, or a file of which only the header is read.

pub(crate) mod device;
pub(crate) mod hints;
pub(crate) mod model;
