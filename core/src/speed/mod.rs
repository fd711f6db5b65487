//! How fast a model reads prompts and decodes on a device, how sure that is, and which resource decides.

pub mod calibration;
mod calibration_error;
mod ceilings;
pub mod class;
mod estimate;
mod forecast;
mod law;
mod lookup;
pub mod published;
mod row;
mod speculative;
mod standing;
mod sustained;
mod told;
mod units;
mod uses;
mod work;

pub use ceilings::{Bound, Ceilings, Reads, ceilings, reads};
pub(crate) use ceilings::{pages_per_row, storage_bytes_per_s};
pub use class::Class;
pub use estimate::Estimate;
pub(crate) use forecast::{Asked, Run};
pub use law::{PromptTerms, Timed, TokenTerms, Unit};
pub use lookup::{CliffStep, Lookup, LookupCase};
pub use standing::{Coverage, Standing};
pub use sustained::Sustained;
pub use told::{DepthSpeed, Narrowing, Speculative, Speed, TokenTimes, TurnSpeed, UnitTimes};
pub use uses::{Suitability, USES, Usable, Use};
pub use work::{FormatGroup, PromptWork, TokenWork};

use ceilings::weight_bytes;
use class::shared;
