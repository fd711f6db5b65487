//! Memory.

mod provenance;
pub use provenance::Provenance;
