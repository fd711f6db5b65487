//! The choices of a run, and the cache that they lead to.

mod draft;
pub mod kv_cache;
mod kv_format;
mod offered;
mod range;
mod refused;
mod runtime;
mod scenario;
pub mod state;

pub use draft::{Draft, Speculation, SpeculationError};
pub use kv_cache::LayerCache;
pub use kv_format::{KvFormat, UnknownKvFormat};
pub use range::ScenarioError;
pub use refused::{Refusal, refused};
pub use runtime::{Runtime, UnknownRuntime};
pub use scenario::{CardShares, LazyMode, LoadMode, Offload, Scenario, TensorOverride, Turn, UbatchStep};
