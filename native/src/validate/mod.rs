//! The real llama.cpp libraries in a process of their own: what they take in memory, how large they make files and
//! buffers, and what they do when memory is short.
//!
//! A model is a GGUF file, or a built-in profile of which a file is made with a true header and a hole for the weights:
//! no size depends on a weight's value. One child process a case, so that every peak is its own.

pub(crate) mod case;
pub(crate) mod full;
mod log;
pub(crate) mod memory;
mod parameters;
#[cfg(all(unix, not(target_env = "musl")))]
mod runtime;
pub(crate) mod sizes;
mod sparse;
pub(crate) mod speed;
pub(crate) mod verdict;
