//! Why a measured row says nothing about a device.

use thiserror::Error;

/// Why a row says nothing about the device.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CalibrationError {
    /// No built-in model has as many parameters.
    #[error("{model}: no built-in model has {parameters} parameters; name it (--calibrate-model)")]
    Model {
        /// llama.cpp's words for it.
        model: String,
        /// Its parameters.
        parameters: u64,
    },
    /// The format cannot be read off the words for the model.
    #[error("{model}: the format of the weights is not among those that are known")]
    Format {
        /// llama.cpp's words.
        model: String,
    },
    /// The device's bandwidth is unknown.
    #[error("the bandwidth of {device} is unknown: nothing to compare a measured speed with")]
    Bandwidth {
        /// The device.
        device: String,
    },
    /// The depth is beyond the model.
    #[error("{model}: {tokens} tokens, beyond the {most} that the model has")]
    Depth {
        /// llama.cpp's words.
        model: String,
        /// Tokens of the row.
        tokens: u64,
        /// The model's longest context.
        most: u64,
    },
    /// Another model than the one that is named.
    #[error("{model} has {parameters} parameters, and {named} {expected}: another model (--calibrate-model)")]
    OtherModel {
        /// llama.cpp's words.
        model: String,
        /// Parameters of the row.
        parameters: u64,
        /// The model that was named.
        named: String,
        /// Its parameters.
        expected: u64,
    },
    /// Not all of the model lay on what the row is of.
    #[error("{model}: {part}; such a row says nothing of the whole")]
    Part {
        /// llama.cpp's words.
        model: String,
        /// What lay elsewhere.
        part: String,
    },
    /// Prompt and answer were timed together.
    #[error("{model}: prompt and answer are timed together")]
    Both {
        /// llama.cpp's words.
        model: String,
    },
    /// A GPU that the device does not have.
    #[error("measured on {row}, and the GPU of {device} is {has}: the row is of another machine")]
    Gpu {
        /// What was measured.
        row: String,
        /// The device.
        device: String,
        /// Its GPU.
        has: String,
    },
    /// Faster than the device's memory.
    #[error(
        "{model}: at its speed the row reads {reads} GB/s, and {device} has {peak}: the row is of another machine"
    )]
    Peak {
        /// llama.cpp's words.
        model: String,
        /// What it reads.
        reads: String,
        /// The device.
        device: String,
        /// Its peak.
        peak: String,
    },
    /// No row at all that says something.
    #[error("no row times a prompt or an answer alone")]
    Nothing,
}

impl CalibrationError {
    /// The row is of no use, and others of its file may be.
    pub(super) const fn leaves_out(&self) -> bool {
        matches!(self, Self::Format { .. } | Self::Part { .. } | Self::Both { .. })
    }
}
