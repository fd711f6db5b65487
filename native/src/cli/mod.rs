//! What the commands and engines share towards the user and the system: arguments, output, files, child processes.

pub(crate) mod args;
pub(crate) mod child;
pub(crate) mod files;
pub(crate) mod folders;
pub(crate) mod interrupt;
pub(crate) mod output;
pub(crate) mod paths;
pub(crate) mod progress;
pub(crate) mod words;
