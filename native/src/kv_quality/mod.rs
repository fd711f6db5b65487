//! What codecs do to keys and values: sweeps over tensors on all cores, and runs of real models.

#[cfg(feature = "burn")]
mod dump;
#[cfg(feature = "burn")]
mod hook;
#[cfg(feature = "burn")]
mod layers;
#[cfg(feature = "burn")]
mod order;
#[cfg(feature = "burn")]
mod run;
pub(crate) mod sweep;

#[cfg(feature = "burn")]
pub use dhurandhar_core::codec::kv_cache::KvCacheConfig;
#[cfg(feature = "burn")]
pub use dump::{DumpChoice, DumpError};
#[cfg(feature = "burn")]
pub use hook::{CodecHook, Recorder};
#[cfg(feature = "burn")]
pub use run::{KvQualityError, Request, measure};
