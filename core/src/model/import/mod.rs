//! Ways in from bytes.

mod draft;
pub mod gguf;
pub mod hf_config;
pub mod safetensors;

pub use draft::Unbelievable;
