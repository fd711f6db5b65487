//! Memory: what a model takes while it runs, by component, with how each figure is known.

mod footprint;
pub mod kv_cache;
mod kv_format;
mod provenance;
mod refused;
mod runtime;
mod scenario;
mod terms;

pub use footprint::{Component, Footprint, Place, Term, Total};
pub use kv_cache::LayerCache;
pub use kv_format::{KvFormat, UnknownKvFormat};
pub use provenance::Provenance;
pub use refused::{Refusal, refused};
pub use runtime::{Runtime, UnknownRuntime};
pub use scenario::{LazyMode, LoadMode, Offload, Scenario, ScenarioError};
pub use terms::HOST_PROGRAM_BYTES;
