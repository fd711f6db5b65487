//! How one of keys and values is stored, and a whole setting as text:
//! `k=centred-keys:4,v=turboquant:3,sinks=4,recent=128,protect=2`, or `k=f16,v=q4_0`; `q=q8_0` rounds queries too.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::KvCacheConfig;
use crate::CodecKind;
use dhurandhar_leaf::wire::wire_enum;

/// Half precision, as written.
const F16: &str = "f16";

/// How one of keys and values is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Coding {
    /// In half precision, so that the other alone is coded.
    F16,
    /// By a codec.
    Code {
        /// The codec.
        codec: CodecKind,
        /// Bits of a code.
        bits: u32,
    },
}

wire_enum!(Coding { 0 F16, 1 Code { codec, bits } });

impl Coding {
    /// The expected error in theory of vectors of `dim` channels, where one is known.
    pub fn theory_nmse(self, dim: usize) -> Option<f64> {
        match self {
            Self::F16 => None,
            Self::Code { codec, bits } => codec.theory_nmse(dim, bits),
        }
    }

    /// Whether its result depends on the seed.
    fn turns_at_random(self) -> bool {
        matches!(self, Self::Code { codec, .. } if codec.turns_at_random())
    }

    /// The same with `bits`, or as many as the codec takes; half precision stays what it is.
    #[must_use]
    pub(super) fn with_bits(self, bits: u32) -> Self {
        match self {
            Self::F16 => Self::F16,
            // Blocks have one width each: more bits are another format.
            Self::Code { codec: CodecKind::Q4_0, .. } if bits >= 8 => {
                Self::Code { codec: CodecKind::Q8_0, bits: 8 }
            }
            Self::Code { codec: CodecKind::Q4_0Hadamard, .. } if bits >= 8 => {
                Self::Code { codec: CodecKind::Q8_0Hadamard, bits: 8 }
            }
            Self::Code { codec, .. } => Self::Code { codec, bits: bits.min(*codec.bits_range().end()) },
        }
    }
}

/// A setting that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is `{found}`; expected {expected}")]
pub struct SettingError {
    field: String,
    found: String,
    expected: String,
}

/// The width of a codec that has but one, which need not be written.
fn sole_width(codec: CodecKind) -> Option<u32> {
    let range = codec.bits_range();
    (range.start() == range.end()).then_some(*range.start())
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F16 => f.write_str(F16),
            Self::Code { codec, bits } if sole_width(*codec) == Some(*bits) => f.write_str(codec.name()),
            Self::Code { codec, bits } => write!(f, "{}:{bits}", codec.name()),
        }
    }
}

/// Without the seed and the bits of protected layers, which are the same in all settings that are compared.
impl fmt::Display for KvCacheConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k={},v={}", self.keys, self.values)?;
        if let Some(queries) = self.queries {
            write!(f, ",q={queries}")?;
        }
        let counts = [("sinks", self.sinks), ("recent", self.recent), ("protect", self.protected_layers)];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, ",{name}={count}")?;
        }
        Ok(())
    }
}

impl FromStr for Coding {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let wrong =
            |expected: String| SettingError { field: "codec".to_owned(), found: text.to_owned(), expected };
        if text == F16 {
            return Ok(Self::F16);
        }
        let (name, bits) = text.split_once(':').map_or((text, None), |(name, bits)| (name, Some(bits)));
        let codec: CodecKind =
            name.parse().map_err(|error| wrong(format!("{F16} or a known codec ({error})")))?;
        let range = codec.bits_range();
        let bits = match (bits, sole_width(codec)) {
            (Some(bits), _) => bits.parse().ok().filter(|bits| range.contains(bits)),
            (None, Some(width)) => Some(width),
            (None, None) => return Err(wrong("a name, a colon and bits".to_owned())),
        };
        let width = || match sole_width(codec) {
            Some(width) => format!("{width} bits"),
            None => format!("{} to {} bits", range.start(), range.end()),
        };
        Ok(Self::Code { codec, bits: bits.ok_or_else(|| wrong(width()))? })
    }
}

impl FromStr for KvCacheConfig {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (mut keys, mut values, mut queries, mut counts) = (None, None, None, [0; 3]);
        for part in text.split(',') {
            let wrong = |expected: &str| SettingError {
                field: "setting".to_owned(),
                found: part.to_owned(),
                expected: expected.to_owned(),
            };
            let (name, value) = part.split_once('=').ok_or_else(|| wrong("a name, `=` and a value"))?;
            let slot = match name {
                "k" => {
                    keys = Some(value.parse()?);
                    continue;
                }
                "v" => {
                    values = Some(value.parse()?);
                    continue;
                }
                "q" => {
                    queries = Some(value.parse()?);
                    continue;
                }
                "sinks" => 0,
                "recent" => 1,
                "protect" => 2,
                _ => return Err(wrong("k, v, q, sinks, recent or protect")),
            };
            counts[slot] = value.parse().map_err(|_| wrong("a whole number"))?;
        }
        let missing = |field: &str| SettingError {
            field: field.to_owned(),
            found: "missing".to_owned(),
            expected: "a codec and its bits, as in k=turboquant:4".to_owned(),
        };
        let [sinks, recent, protected_layers] = counts;
        let (keys, values) = (keys.ok_or_else(|| missing("k"))?, values.ok_or_else(|| missing("v"))?);
        Ok(Self { queries, sinks, recent, protected_layers, ..Self::coded(keys, values) })
    }
}

impl KvCacheConfig {
    /// Whether its result depends on the seed.
    pub fn turns_at_random(&self) -> bool {
        [self.keys, self.values].into_iter().chain(self.queries).any(Coding::turns_at_random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_that_goes_without_saying_may_be_said() {
        assert_eq!("q4_0:4".parse::<Coding>().unwrap(), "q4_0".parse().unwrap());
    }

    #[test]
    fn what_turns_at_random_says_so() {
        let turns = |text: &str| text.parse::<KvCacheConfig>().unwrap().turns_at_random();
        assert!(turns("k=f16,v=rotorquant:3") && turns("k=q8_0,v=turboquant:3"));
        assert!(!turns("k=f16,v=q4_0-hadamard") && !turns("k=seed-turbo:4,v=q8_0"));
    }

    #[test]
    fn settings_read_back_as_written() {
        for text in [
            "k=turboquant:4,v=turboquant:4",
            "k=centred-keys:3,v=rotorquant:2,sinks=4,recent=128,protect=2",
            "k=f16,v=turboquant:3",
            "k=q4_0-hadamard,v=q8_0",
            "k=q4_0,v=q4_0,q=q8_0,sinks=4",
        ] {
            assert_eq!(text.parse::<KvCacheConfig>().unwrap().to_string(), text);
        }
        for (text, part) in [
            ("k=turboquant:9,v=turboquant:4", "1 to 8 bits"),
            ("k=turboquant:4", "`v` is `missing`"),
            ("k=turboquant:4,v=turboquant:4,window=3", "k, v, q, sinks, recent or protect"),
            ("k=tq:4,v=turboquant:4", "a known codec"),
            ("k=turboquant,v=f16", "a name, a colon and bits"),
            ("k=q8_0:4,v=f16", "expected 8 bits"),
        ] {
            assert!(text.parse::<KvCacheConfig>().unwrap_err().to_string().contains(part), "{text}");
        }
    }
}
