//! How fast a model can decode on a device, and which resource says so.

mod decode;

pub use decode::{Bound, Ceilings, EvictionCliff, Reads, ceilings, eviction_cliff, reads};
