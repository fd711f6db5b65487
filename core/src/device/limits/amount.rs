//! Sizes as they are written in files of limits: bytes, a share of memory, or what is left of it.

use crate::leaf::cast::to_u64;
use std::fmt;

/// A size that may depend on the memory of the device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// So many bytes.
    Bytes {
        /// Bytes.
        bytes: u64,
        /// The number as written.
        value: f64,
        /// The unit as written.
        unit: Unit,
    },
    /// A share of memory, in percent.
    Percent(f64),
    /// Memory less so many bytes.
    Less(u64),
    /// No limit in this state, by its source.
    None,
}

/// Units of sizes: powers of two, or of ten where the source writes so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 2^20 bytes.
    Mib,
    /// 2^30 bytes.
    Gib,
    /// 10^6 bytes.
    Mb,
    /// 10^9 bytes.
    Gb,
}

impl Unit {
    const ALL: [(&'static str, Self, f64); 4] = [
        ("MiB", Self::Mib, 1_048_576.0),
        ("GiB", Self::Gib, 1_073_741_824.0),
        ("MB", Self::Mb, 1e6),
        ("GB", Self::Gb, 1e9),
    ];
}

/// What an amount should look like.
pub(super) const EXPECTED: &str =
    "a size (2.25 GiB, 1948 MiB, 3.1 GB), a share of memory (50 %), ram - 614 MiB, or none";

/// Largest size that can be stated: 16 TiB.
const MOST: f64 = 17_592_186_044_416.0;

impl Amount {
    /// Reads one of the forms that an error lists.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "none" {
            return Some(Self::None);
        }
        if let Some(rest) = text.strip_prefix("ram - ") {
            return size(rest).map(|(bytes, ..)| Self::Less(bytes));
        }
        if let Some(number) = text.strip_suffix('%') {
            let share: f64 = number.trim().parse().ok()?;
            return (share > 0.0 && share <= 1000.0).then_some(Self::Percent(share));
        }
        size(text).map(|(bytes, value, unit)| Self::Bytes { bytes, value, unit })
    }

    /// Bytes on a device with `ram_mib` MiB of memory; none where that is needed and unknown, or nothing is left.
    pub fn bytes(&self, ram_mib: Option<u64>) -> Option<u64> {
        let ram = ram_mib.map(|mib| mib.saturating_mul(1 << 20));
        match *self {
            Self::Bytes { bytes, .. } => Some(bytes),
            Self::Percent(share) => ram.map(|ram| to_u64((ram as f64 * share / 100.0).round())),
            Self::Less(bytes) => ram.and_then(|ram| ram.checked_sub(bytes)).filter(|left| *left > 0),
            Self::None => None,
        }
    }
}

fn size(text: &str) -> Option<(u64, f64, Unit)> {
    let (number, unit) = text.trim().split_once(' ')?;
    let value: f64 = number.parse().ok()?;
    let (_, unit, scale) = Unit::ALL.iter().find(|(name, ..)| *name == unit.trim())?;
    let bytes = value * scale;
    (1.0..=MOST).contains(&bytes).then_some((to_u64(bytes.round()), value, *unit))
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { value, unit, .. } => {
                let name = Unit::ALL.iter().find(|(_, known, _)| known == unit).map_or("", |(name, ..)| name);
                write!(f, "{value} {name}")
            }
            Self::Percent(share) => write!(f, "{share} % of memory"),
            Self::Less(bytes) => write!(f, "memory less {} MiB", bytes >> 20),
            Self::None => f.write_str("no limit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_shares_and_what_is_left() {
        let bytes = |text: &str| Amount::parse(text).and_then(|amount| amount.bytes(Some(8192)));
        assert_eq!(bytes("2.25 GiB"), Some(2304 << 20));
        assert_eq!(bytes("3.12 GB"), Some(3_120_000_000));
        assert_eq!(bytes("50 %"), Some(4 << 30));
        assert_eq!(bytes("ram - 614 MiB"), Some((8192 - 614) << 20));
        assert_eq!(Amount::parse("none"), Some(Amount::None));
        assert_eq!(Amount::parse("ram - 9 GiB").and_then(|amount| amount.bytes(Some(8192))), None);
        for wrong in ["2 GIB", "-1 GiB", "nan MiB", "0 MiB", "% 5", "50", "1e30 GiB", "0 %", ""] {
            assert_eq!(Amount::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Amount::parse("2.25 GiB").unwrap().to_string(), "2.25 GiB");
        assert_eq!(Amount::parse("66.7 %").unwrap().to_string(), "66.7 % of memory");
    }
}
