//! A position in the prefix of a file. Every read is checked against the bytes at hand and against the most that
//! the file can hold, so that a lying length is told from a short prefix.

use super::GgufError;

/// Reads little-endian values in order.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: u64,
    /// The file cannot be longer than this.
    limit: u64,
    /// `limit` is the file's length rather than what is believed of a header.
    exact: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], limit: u64, exact: bool) -> Self {
        Self { bytes, at: 0, limit, exact }
    }

    /// Offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// What is wrong with the value of `width` bytes just read.
    pub(super) fn malformed(
        &self,
        width: u64,
        what: &str,
        found: String,
        expected: impl Into<String>,
    ) -> GgufError {
        let offset = self.at.saturating_sub(width);
        GgufError::Malformed { offset, what: what.to_owned(), found, expected: expected.into() }
    }

    /// Make sure that `length` more bytes can exist, and do.
    fn need(&self, what: &str, length: u64) -> Result<u64, GgufError> {
        match self.at.checked_add(length).filter(|end| *end <= self.limit) {
            Some(end) if end <= self.bytes.len() as u64 => Ok(end),
            Some(end) => Err(GgufError::NeedMore { at_least: end }),
            None => Err(GgufError::Malformed {
                offset: self.at,
                what: what.to_owned(),
                found: format!("{length} bytes long"),
                expected: self.room(),
            }),
        }
    }

    fn room(&self) -> String {
        let left = self.limit.saturating_sub(self.at);
        let whose =
            if self.exact { "what is left of the file" } else { "the largest header that is believed" };
        format!("at most {left} bytes, {whose}")
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, what: &str, length: u64) -> Result<&'a [u8], GgufError> {
        let end = self.need(what, length)?;
        let range =
            usize::try_from(self.at).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX);
        self.at = end;
        Ok(self.bytes.get(range).unwrap_or_default())
    }

    /// Step over `length` bytes.
    pub(super) fn skip(&mut self, what: &str, length: u64) -> Result<(), GgufError> {
        self.take(what, length).map(drop)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        let taken = self.take(what, N as u64)?;
        Ok(taken.try_into().unwrap_or([0; N]))
    }

    pub(super) fn u8(&mut self, what: &str) -> Result<u8, GgufError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self, what: &str) -> Result<u16, GgufError> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count of things of at least `least` bytes each that follow somewhere in the file.
    pub(super) fn count(&mut self, what: &str, least: u64) -> Result<u64, GgufError> {
        let count = self.u64(what)?;
        let room = self.limit.saturating_sub(self.at);
        if count.checked_mul(least).is_some_and(|bytes| bytes <= room) {
            return Ok(count);
        }
        Err(self.malformed(
            8,
            what,
            count.to_string(),
            format!("at most {} ({})", room / least.max(1), self.room()),
        ))
    }

    /// The bytes of a length-prefixed string.
    pub(super) fn string(&mut self, what: &str) -> Result<&'a [u8], GgufError> {
        let length = self.count(what, 1)?;
        self.take(what, length)
    }

    /// A name: a string of readable text of at most `most` bytes.
    pub(super) fn name(&mut self, what: &str, most: u64) -> Result<&'a str, GgufError> {
        let length = self.count(what, 1)?;
        // Judged by its length, before anyone fetches so much.
        if length > most {
            return Err(self.malformed(
                0,
                what,
                format!("{length} bytes long"),
                format!("at most {most} bytes"),
            ));
        }
        let bytes = self.take(what, length)?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed(length, what, "not UTF-8".into(), "text"))
    }
}
