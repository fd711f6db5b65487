//! The seed project's own codecs, reproduced draw for draw so that its published figures can be checked, and
//! labelled with the bits they really store.
//!
//! Its TurboQuant is a padded Hadamard and its RotorQuant a row of rotors; both then keep a sign, an L2 norm
//! and an integer residual per coordinate. Its "effective bits" of r - 0.5 count neither sign nor scalars.

mod mersenne;
mod rotor;
mod stream;
mod turbo;

pub use rotor::SeedRotor;
pub use stream::SeedStream;
pub use turbo::SeedTurbo;

/// The rotation seed of both codecs.
pub const ROTATION_SEED: u32 = 20_260_421;

/// The bits per channel that the seed project publishes for `residual_bits`: r - 0.5.
pub fn published_bits(residual_bits: u32) -> f64 {
    f64::from(residual_bits) - 0.5
}
