//! What is chosen on the codec tabs, and its words in a link.

use dhurandhar_core::codec::{CodecKind, MAX_DIM, Source};

/// Widths offered for a sweep: the seed project's, and all.
pub(crate) const FEW: &[u32] = &[2, 3, 4, 6, 8];
const ALL: &[u32] = &[1, 2, 3, 4, 5, 6, 7, 8];
/// Numbers of vectors offered.
pub(crate) const VECTORS: [usize; 4] = [512, 2048, 8192, 32_768];

/// The choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodecChoice {
    pub(crate) codec: CodecKind,
    pub(crate) source: Source,
    /// Channels of a vector; none means those of the model's widest head.
    pub(crate) dim: Option<usize>,
    /// Every width, not a few.
    pub(crate) every_width: bool,
    pub(crate) vectors: usize,
    /// The width at which codecs are compared.
    pub(crate) bits: u32,
}

impl Default for CodecChoice {
    fn default() -> Self {
        Self {
            codec: CodecKind::CentredKeys,
            source: Source::SeedHeavyTail,
            dim: None,
            every_width: false,
            vectors: 2048,
            bits: 4,
        }
    }
}

impl CodecChoice {
    /// The widths of a sweep.
    pub(crate) const fn widths(&self) -> &'static [u32] {
        if self.every_width { ALL } else { FEW }
    }

    /// Puts what differs from the default into a link.
    pub(crate) fn write(&self, put: &mut impl FnMut(&str, &str)) {
        let start = Self::default();
        if self.codec != start.codec {
            put("codec", self.codec.name());
        }
        if self.source != start.source {
            put("source", self.source.name());
        }
        if let Some(dim) = self.dim {
            put("dim", &dim.to_string());
        }
        if self.every_width {
            put("widths", "all");
        }
        if self.vectors != start.vectors {
            put("vectors", &self.vectors.to_string());
        }
        if self.bits != start.bits {
            put("cbits", &self.bits.to_string());
        }
    }

    /// Takes a value from a link; names of others are left alone. The error is what was expected.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "codec" => self.codec = value.parse().map_err(|_| "the name of a codec")?,
            "source" => self.source = Source::from_name(value).ok_or("the name of a source")?,
            "dim" => {
                let dim = value.parse().ok().filter(|dim| (1..=MAX_DIM).contains(dim));
                self.dim = Some(dim.ok_or("a head dim from 1 to 8192")?);
            }
            "widths" => self.every_width = value == "all",
            "vectors" => {
                let count = value.parse().ok().filter(|count| VECTORS.contains(count));
                self.vectors = count.ok_or("512, 2048, 8192 or 32768")?;
            }
            "cbits" => {
                let bits = value.parse().ok().filter(|bits| (1..=8).contains(bits));
                self.bits = bits.ok_or("bits from 1 to 8")?;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_survives_its_words() {
        let choice = CodecChoice {
            codec: CodecKind::SeedTurbo,
            source: Source::LowRank,
            dim: Some(255),
            every_width: true,
            vectors: 512,
            bits: 3,
        };
        let mut read = CodecChoice::default();
        choice.write(&mut |name, value| read.set(name, value).unwrap());
        assert_eq!(read, choice);
        assert!(read.set("dim", "0").is_err() && read.set("codec", "x").is_err());
        CodecChoice::default().write(&mut |name, _| panic!("{name}"));
    }
}
