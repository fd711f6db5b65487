//! What llama.cpp adds to a file's weights in memory: packed copies and compute buffers.

pub mod compute;
mod constants;
pub mod packed;
