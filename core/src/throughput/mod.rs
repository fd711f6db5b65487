//! How fast a model can decode on a device, and which resource says so.

mod decode;
mod lookup;

pub use decode::{Bound, Ceilings, EvictionCliff, Reads, ceilings, eviction_cliff, reads};
pub use lookup::{CliffStep, Lookup, LookupCase};

use decode::weight_bytes;
