//! What a server says of the part of a file that it gives.

/// Bytes that no file has.
const MOST: u64 = 1 << 60;

/// `bytes FIRST-LAST/LENGTH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
    /// Bytes of the whole file, where the server says them.
    pub length: Option<u64>,
}

impl Range {
    /// The range in a `content-range`.
    pub fn parse(text: &str) -> Option<Self> {
        let (range, length) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        let length = if length == "*" { None } else { Some(length.parse().ok()?) };
        let fits = first <= last && last < MOST && length.is_none_or(|length| last < length);
        fits.then_some(Self { first, last, length })
    }
}

/// Whether a file begins as a page for people does.
pub fn is_web_page(bytes: &[u8]) -> bool {
    let beginning = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let beginning = String::from_utf8_lossy(beginning).trim_start().to_ascii_lowercase();
    beginning.starts_with("<!doctype html") || beginning.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_whole_or_not_at_all() {
        let range = Range::parse("bytes 0-9/20").unwrap();
        assert_eq!((range.first, range.last, range.length), (0, 9, Some(20)));
        assert_eq!(Range::parse("bytes 5-9/*").unwrap().length, None);
        assert!(Range::parse("bytes 0-18446744073709551615/*").is_none());
        for text in
            ["", "bytes 9-0/20", "bytes 0-20/20", "bytes -1-2/3", "items 0-1/2", "bytes 0-9", "bytes 0-x/9"]
        {
            assert!(Range::parse(text).is_none(), "{text}");
        }
    }
}
