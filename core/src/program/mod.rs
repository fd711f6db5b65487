//! Programs that people run models with: what each chooses when nothing is said, by system and GPU.
//!
//! A program is a runtime's rules and a set of choices. The choices are data, a file each in `profiles/programs`, with
//! the version that was read and where.

mod entry;
mod read;
pub mod registry;

pub use entry::{Choices, Gpus, Program, Variant};
pub use registry::UnknownProgram;

#[cfg(test)]
mod tests;
