//! What a device is to its owner.

use crate::leaf::named;
use crate::leaf::wire::wire_enum;
use serde::Serialize;

/// Kinds of devices, by what people run on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A phone, tablet or headset.
    Phone,
    /// A single-board computer.
    Board,
    /// A laptop or desktop.
    Computer,
}

impl Form {
    /// Tokens of context that people give a model on it when they say nothing.
    pub const fn usual_context_tokens(self) -> u64 {
        match self {
            Self::Phone | Self::Board => 4096,
            Self::Computer => 8192,
        }
    }
}

named!(Form { Phone "phone", Board "board", Computer "computer" });

wire_enum!(Form { 0 Phone, 1 Board, 2 Computer });
