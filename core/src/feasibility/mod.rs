//! Whether a model runs on a device, why, and what would change the answer.

mod answer;
mod change;
mod check;
mod fit;
mod fix;
mod inverse;
mod offered;
mod outlook;
mod prospects;
mod reason;
mod recommend;
mod search;
#[cfg(test)]
mod tests;
mod thresholds;
mod verdict;

pub use answer::Answer;
pub use change::Change;
pub use check::{Certainty, Check, Elsewhere, Outcome};
pub use fit::Mode;
pub use fix::Fix;
pub use inverse::{Inverse, Remedy, WholeOnCard, nothing_helps};
pub use offered::offered;
pub use outlook::{Outlook, outlook};
pub use prospects::Prospects;
pub use recommend::{Recommendation, Task, Wish, recommend};
pub use thresholds::Thresholds;
pub use verdict::{Assessment, assess};
