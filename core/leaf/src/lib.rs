//! What every room of dhurandhar may use: units, numbers as text, how a value is known, block types, instruction sets, the wire form.
//!
//! Nothing here knows a model, a device or a format.

#![expect(clippy::inline_always, reason = "intrinsics must be inlined into the function that enables them")]

mod block;
pub mod busy;
mod capital;
pub mod cast;
pub mod dequantise;
pub mod find;
mod interval;
mod median;
mod named;
pub mod number;
mod provenance;
mod random;
pub mod simd;
pub mod units;
pub mod wire;

pub use block::BlockType;
pub use capital::first_up;
pub use interval::Interval;
pub use median::median;
pub use provenance::Provenance;
#[cfg(test)]
pub(crate) use random::around_zero;
pub use random::mix64;
