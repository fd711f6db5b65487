//! The core of dhurandhar: whether a language model runs on a device, as arithmetic without I/O.

pub mod catalogue;
pub mod device;
pub mod dossier;
pub mod export;
pub mod feasibility;
pub mod format;
pub mod layer;
pub mod measurement;
pub mod memory;
pub mod model;
pub mod placement;
pub mod program;
pub mod report;
#[cfg(feature = "schema")]
pub mod schema;
pub mod seed;
pub mod speed;
pub mod storage;
pub mod training;
pub mod weights;
pub mod work;

pub use dhurandhar_codec as codec;
pub use dhurandhar_leaf as leaf;
pub use model::Model;
