//! What can go wrong in a codec, always naming the field, the value and what was expected.

use thiserror::Error;

/// The widest vector a codec accepts; every attention head in use is far below it.
pub const MAX_DIM: usize = 8192;

/// An input that a codec cannot take, or a record that it did not write.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The vector width is zero or beyond what codecs support.
    #[error("dim is {dim}; expected 1 to {MAX_DIM}")]
    Dim {
        /// The width asked for.
        dim: usize,
    },
    /// The width is legal in general, but not for this codec or rotation.
    #[error("dim is {dim}; {codec} takes {expected}")]
    DimFor {
        /// The codec or rotation.
        codec: &'static str,
        /// The width asked for.
        dim: usize,
        /// The widths it takes.
        expected: &'static str,
    },
    /// The bit width is outside what the codec stores.
    #[error("bits is {bits}; {codec} takes {min} to {max}")]
    Bits {
        /// The codec.
        codec: &'static str,
        /// The width asked for.
        bits: u32,
        /// The smallest legal width.
        min: u32,
        /// The largest legal width.
        max: u32,
    },
    /// A parameter other than width and bits is out of range.
    #[error("{field} is {value}; expected {expected}")]
    Parameter {
        /// The parameter.
        field: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// A slice does not hold a whole number of vectors, or not as many as the other side.
    #[error("{what} holds {got} values; expected {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// How many values it holds.
        got: usize,
        /// How many were expected.
        expected: String,
    },
    /// NaN or infinity in the input.
    #[error("vector {vector}, channel {channel} is {value}; expected a finite number")]
    NotFinite {
        /// Index of the vector in the batch.
        vector: usize,
        /// Index of the channel in the vector.
        channel: usize,
        /// The offending value.
        value: f32,
    },
    /// The scale of a vector does not fit the stored format.
    #[error(
        "vector {vector} needs a scale of {scale:e}; {format} holds at most {max:e} (f32 scales hold more)"
    )]
    ScaleOverflow {
        /// Index of the vector in the batch.
        vector: usize,
        /// The scale that was to be stored.
        scale: f64,
        /// The format it does not fit.
        format: &'static str,
        /// The largest value of that format that is accepted.
        max: f64,
    },
    /// A stored scale that no encoder writes: NaN, infinite or negative.
    #[error("vector {vector} has a stored scale of {scale}; expected a finite number of at least zero")]
    CorruptScale {
        /// Index of the vector in the batch.
        vector: usize,
        /// The value found.
        scale: f32,
    },
}

impl CodecError {
    /// The same error with vector indices counted from the start of a larger batch.
    ///
    /// `first` is the index of the chunk's first vector in that batch.
    #[must_use]
    pub fn in_chunk(self, first: usize) -> Self {
        self.moved(|vector| vector + first)
    }

    /// The same error with its vector's index in another batch.
    #[must_use]
    pub(crate) fn moved(mut self, index: impl FnOnce(usize) -> usize) -> Self {
        match &mut self {
            Self::NotFinite { vector, .. }
            | Self::ScaleOverflow { vector, .. }
            | Self::CorruptScale { vector, .. } => *vector = index(*vector),
            _ => {}
        }
        self
    }

    /// Refuse widths outside 1 to [`MAX_DIM`] channels.
    pub fn check_dim(dim: usize) -> Result<(), Self> {
        if (1..=MAX_DIM).contains(&dim) { Ok(()) } else { Err(Self::Dim { dim }) }
    }

    pub(crate) fn check_bits(codec: &'static str, bits: u32, min: u32, max: u32) -> Result<(), Self> {
        if (min..=max).contains(&bits) { Ok(()) } else { Err(Self::Bits { codec, bits, min, max }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_field_value_and_expectation() {
        let error = CodecError::Bits { codec: "turboquant", bits: 9, min: 1, max: 8 };
        assert_eq!(error.to_string(), "bits is 9; turboquant takes 1 to 8");
        assert_eq!(CodecError::check_dim(8193).unwrap_err().to_string(), "dim is 8193; expected 1 to 8192");
    }

    #[test]
    fn a_chunk_error_is_counted_from_the_whole_batch() {
        let error = CodecError::NotFinite { vector: 3, channel: 1, value: f32::INFINITY };
        assert_eq!(
            error.in_chunk(100),
            CodecError::NotFinite { vector: 103, channel: 1, value: f32::INFINITY }
        );
    }
}
