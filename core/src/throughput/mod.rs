//! How fast a model can decode on a device, and which resource says so.

mod decode;
mod lookup;

pub use decode::{Bound, Ceilings, Reads, ceilings, reads};
pub(crate) use decode::{dram_bytes_per_s_for, pages_per_row, storage_bytes_per_s};
pub use lookup::{CliffStep, Lookup, LookupCase};

use decode::weight_bytes;
