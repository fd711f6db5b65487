//! How much is run: blocks, tokens and seconds of a mode.

use serde::Serialize;

/// How long a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// At most a minute.
    Quick,
    /// At most ten minutes.
    Default,
    /// Everything, up to an hour.
    Full,
}

impl Mode {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Default => "default",
            Self::Full => "full",
        }
    }

    /// Seconds after which no further block starts.
    pub(crate) fn limit_s(self) -> u64 {
        match self {
            Self::Quick => 50,
            Self::Default => 560,
            Self::Full => 3500,
        }
    }

    /// Blocks of a configuration; ten are the fewest a bootstrap over blocks should rest on.
    pub(crate) fn blocks(self) -> u64 {
        match self {
            Self::Quick => 10,
            Self::Default => 12,
            Self::Full => 30,
        }
    }

    /// Tokens of a configuration over all blocks; 10,000 give a p99.9.
    pub(crate) fn tokens(self) -> u64 {
        match self {
            Self::Quick => 2000,
            Self::Default => 12_000,
            Self::Full => 60_000,
        }
    }
}
