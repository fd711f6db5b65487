//! How keys and values are coded: `k=centred-keys:4,v=turboquant:3,sinks=4,recent=128,protect=2`.

use dhurandhar_core::codec::CodecKind;
use std::fmt;
use std::str::FromStr;

/// Bits that protected layers get.
pub(super) const PROTECTED_BITS: u32 = 8;

/// A codec with its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// The codec.
    pub codec: CodecKind,
    /// Bits of a code.
    pub bits: u32,
}

/// One setting of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Keys.
    pub keys: Coding,
    /// Values.
    pub values: Coding,
    /// First tokens kept in f16.
    pub sinks: usize,
    /// Newest tokens kept as computed.
    pub recent: usize,
    /// Layers at either end that get 8 bits.
    pub protected: usize,
}

/// A setting that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is `{found}`; expected {expected}")]
pub struct SettingError {
    field: String,
    found: String,
    expected: String,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.codec.name(), self.bits)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k={},v={}", self.keys, self.values)?;
        for (name, count) in [("sinks", self.sinks), ("recent", self.recent), ("protect", self.protected)] {
            if count > 0 {
                write!(f, ",{name}={count}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Coding {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let wrong =
            |expected: String| SettingError { field: "codec".to_owned(), found: text.to_owned(), expected };
        let (name, bits) =
            text.split_once(':').ok_or_else(|| wrong("a name, a colon and bits".to_owned()))?;
        let codec: CodecKind = name.parse().map_err(|error| wrong(format!("a known codec ({error})")))?;
        let range = codec.bits_range();
        let bits = bits.parse().ok().filter(|bits| range.contains(bits));
        let bits = bits.ok_or_else(|| wrong(format!("{} to {} bits", range.start(), range.end())))?;
        Ok(Self { codec, bits })
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (mut keys, mut values, mut counts) = (None, None, [0; 3]);
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
                "sinks" => 0,
                "recent" => 1,
                "protect" => 2,
                _ => return Err(wrong("k, v, sinks, recent or protect")),
            };
            counts[slot] = value.parse().map_err(|_| wrong("a whole number"))?;
        }
        let missing = |field: &str| SettingError {
            field: field.to_owned(),
            found: "missing".to_owned(),
            expected: "a codec and its bits, as in k=turboquant:4".to_owned(),
        };
        let [sinks, recent, protected] = counts;
        let (keys, values) = (keys.ok_or_else(|| missing("k"))?, values.ok_or_else(|| missing("v"))?);
        Ok(Self { keys, values, sinks, recent, protected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_as_written() {
        for text in
            ["k=turboquant:4,v=turboquant:4", "k=centred-keys:3,v=rotorquant:2,sinks=4,recent=128,protect=2"]
        {
            assert_eq!(text.parse::<Setting>().unwrap().to_string(), text);
        }
        for (text, part) in [
            ("k=turboquant:9,v=turboquant:4", "1 to 8 bits"),
            ("k=turboquant:4", "`v` is `missing`"),
            ("k=turboquant:4,v=turboquant:4,window=3", "k, v, sinks, recent or protect"),
            ("k=tq:4,v=turboquant:4", "a known codec"),
        ] {
            assert!(text.parse::<Setting>().unwrap_err().to_string().contains(part), "{text}");
        }
    }
}
