//! From what the user names to a model or a device: a built-in slug, a file of which only the header is read, or
//! a name of something elsewhere.

mod beginning;
pub(crate) mod device;
mod elsewhere;
pub(crate) mod hints;
pub(crate) mod llama_cpp;
pub(crate) mod local;
pub(crate) mod model;
pub(crate) mod this_machine;
