//! File formats: one reader and one writer of each, on bytes that somebody else has read.
//!
//! A header reader takes the first bytes of a file and says how many it needs when there are too few.

pub mod built_in;
pub mod csv;
pub mod document;
pub mod gguf;
pub mod litertlm;
pub mod llama_bench;
pub mod npy;
pub mod quantity;
pub mod safetensors;
pub mod tensors;
pub(crate) mod typed_json;
