//! Whether a model runs on a device, why, and what would change the answer.

mod answer;
mod check;
mod fit;
mod fixes;
mod offered;
mod outlook;
mod prospects;
mod recommend;
mod thresholds;
mod verdict;

pub use answer::Answer;
pub use check::{Certainty, Check, Elsewhere, Outcome};
pub use fit::Mode;
pub use fixes::{Change, Fix, Inverse, Remedy, WholeOnCard, nothing_helps};
pub use offered::offered;
pub use outlook::{Outlook, outlook};
pub use prospects::Prospects;
pub use recommend::{Recommendation, Task, Wish, recommend};
pub use thresholds::Thresholds;
pub use verdict::{Assessment, assess};
