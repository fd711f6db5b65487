//! How a figure is known.

use serde::Serialize;

/// How a figure is known; shown wherever the figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Follows from shapes and rules to the byte.
    Exact,
    /// Stated by the model's publisher.
    Published,
    /// A rule fitted to measurements; has an interval.
    Fitted,
    /// Engineering judgement; has an interval.
    Estimated,
}

impl Provenance {
    /// One word for tables.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Published => "published",
            Self::Fitted => "fitted",
            Self::Estimated => "estimated",
        }
    }
}
