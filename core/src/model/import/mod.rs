//! Ways in from bytes.

mod draft;
pub mod gguf;
pub mod hf_config;

pub use draft::Unbelievable;
