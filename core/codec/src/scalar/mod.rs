//! Scalar quantisers: the law of a rotated coordinate, its exact Lloyd–Max codebook, the tables that kernels
//! use, and the seed's sign-plus-residual quantiser.

mod codebook;
mod law;
pub mod lloyd_max;
pub mod shipped;
mod sign_residual;

pub use codebook::Codebook;
pub use law::Law;
pub(crate) use law::gamma_ratio;
pub(crate) use sign_residual::SignResidual;
