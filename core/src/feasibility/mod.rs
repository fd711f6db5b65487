//! Whether a model runs on a device, why, and what would change the answer.

mod fixes;
mod prospects;
mod verdict;

pub use fixes::{Change, Fix, Inverse};
pub use prospects::Prospects;
pub use verdict::{Assessment, Certainty, Mode, assess};
