//! A number of bytes that is known to an interval.

use serde::Serialize;

/// An expected number of bytes with its interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interval {
    /// Lower end.
    pub low: u64,
    /// Expected.
    pub bytes: u64,
    /// Upper end.
    pub high: u64,
}

impl Interval {
    /// Known to the byte.
    pub const fn exact(bytes: u64) -> Self {
        Self { low: bytes, bytes, high: bytes }
    }

    /// Known to a share of its value, in percent.
    pub const fn percent(bytes: u64, low: u64, high: u64) -> Self {
        Self { low: bytes * low / 100, bytes, high: bytes * high / 100 }
    }

    /// Whether both ends are the same.
    pub const fn is_exact(self) -> bool {
        self.low == self.high
    }
}

impl std::ops::Add for Interval {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            low: self.low.saturating_add(other.low),
            bytes: self.bytes.saturating_add(other.bytes),
            high: self.high.saturating_add(other.high),
        }
    }
}

impl std::ops::AddAssign for Interval {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::Add<u64> for Interval {
    type Output = Self;

    fn add(self, bytes: u64) -> Self {
        self + Self::exact(bytes)
    }
}

impl std::iter::Sum for Interval {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| sum + part)
    }
}
