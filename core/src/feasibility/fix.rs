//! A change that would help, and where it leads.

use super::change::Change;
use super::fit::Mode;
use crate::leaf::number::grouped;
use serde::Serialize;

/// A change that makes the model fit, and where it leads.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fix {
    /// The change.
    pub change: Change,
    /// In words.
    pub description: String,
    /// The mode it leads to.
    pub mode: Mode,
    /// Headroom after it, in bytes.
    pub headroom_bytes: u64,
    /// Bytes of weights read again for every token after it, where they do not stay in memory.
    pub reread_bytes: Option<u64>,
    /// Whether the prediction cannot decide it: see [`super::Certainty::Borderline`].
    pub borderline: bool,
    /// Expected speed after it, low and high, tokens a second; none where a bandwidth is unknown, and in tables of many devices.
    pub expected_tokens_per_s: Option<(f64, f64)>,
    /// Whether that reaches the target.
    pub meets_target: Option<bool>,
}

impl Fix {
    /// Where it leads, in words: the mode, with a question mark in doubt, and what is left or read again.
    pub fn leads_to(&self) -> String {
        let doubt = if self.borderline { "?" } else { "" };
        let mib = |bytes: u64| grouped((bytes + (1 << 19)) >> 20);
        let then = match self.reread_bytes {
            Some(bytes) => format!("about {} MiB of weights read again for every token", mib(bytes)),
            None => format!("{} MiB to spare", mib(self.headroom_bytes)),
        };
        format!("{}{doubt}, {then}", self.mode.name())
    }
}
