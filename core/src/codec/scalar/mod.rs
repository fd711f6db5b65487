//! Scalar quantisers: the law of a rotated coordinate, its exact Lloyd–Max codebook, the tables that kernels
//! use, and the seed's sign-plus-residual quantiser.

mod codebook;
mod law;
pub mod lloyd_max;

pub use codebook::Codebook;
pub use law::Law;
