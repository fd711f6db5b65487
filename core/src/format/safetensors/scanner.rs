//! The JSON of a header: names with a type, a shape and a range of bytes, nothing else.
//!
//! A scanner for this one form. The page's worker reads such files, and a whole JSON library would be the larger
//! half of it.

/// One tensor as the header describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Name in the file.
    pub name: String,
    /// Type of an element, as the file spells it.
    pub dtype: String,
    /// Dimensions, slowest first.
    pub shape: Vec<u64>,
    /// First byte of the data, after the header, and the byte after the last.
    pub data_offsets: [u64; 2],
}

/// Deepest nesting of what is skipped.
const MAX_DEPTH: usize = 32;

/// The entries in the order of their names, without `__metadata__`; what is wrong otherwise.
pub fn entries(text: &[u8]) -> Result<Vec<Entry>, String> {
    let mut scanner = Scanner { text, at: 0 };
    let mut entries = Vec::new();
    scanner.object(|scanner, name| {
        if name == "__metadata__" {
            scanner.skip(0)
        } else {
            entries.push(scanner.entry(name)?);
            Ok(())
        }
    })?;
    scanner.space();
    if scanner.at < text.len() {
        return Err(scanner.expected("the end"));
    }
    entries.sort_by(|a: &Entry, b| a.name.cmp(&b.name));
    match entries.array_windows().find(|[first, second]| first.name == second.name) {
        Some([twice, _]) => Err(format!("`{}` is given twice", twice.name)),
        None => Ok(entries),
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn expected(&self, what: &str) -> String {
        format!("expected {what} at byte {} of the header", self.at)
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Takes `byte` if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn must(&mut self, byte: u8, what: &str) -> Result<(), String> {
        if self.takes(byte) { Ok(()) } else { Err(self.expected(what)) }
    }

    fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, String) -> Result<(), String>,
    ) -> Result<(), String> {
        self.must(b'{', "`{`")?;
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            let name = self.string()?;
            self.must(b':', "`:`")?;
            field(self, name)?;
            if !self.takes(b',') {
                return self.must(b'}', "`,` or `}`");
            }
        }
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.must(b'[', "`[`")?;
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if !self.takes(b',') {
                return self.must(b']', "`,` or `]`");
            }
        }
    }

    fn entry(&mut self, name: String) -> Result<Entry, String> {
        let mut entry = Entry { name, ..Entry::default() };
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        self.object(|scanner, field| {
            match field.as_str() {
                "dtype" => dtype = Some(scanner.string()?),
                "shape" => shape = Some(scanner.numbers()?),
                "data_offsets" => offsets = Some(scanner.numbers()?),
                _ => scanner.skip(0)?,
            }
            Ok(())
        })?;
        let missing = |field: &str| format!("`{}`: missing field `{field}`", entry.name);
        entry.dtype = dtype.ok_or_else(|| missing("dtype"))?;
        entry.shape = shape.ok_or_else(|| missing("shape"))?;
        let offsets = offsets.ok_or_else(|| missing("data_offsets"))?;
        entry.data_offsets = offsets
            .try_into()
            .map_err(|_| format!("`{}`: `data_offsets` are not two numbers", entry.name))?;
        Ok(entry)
    }

    fn numbers(&mut self) -> Result<Vec<u64>, String> {
        let mut numbers = Vec::new();
        self.list(|scanner| {
            numbers.push(scanner.number()?);
            Ok(())
        })?;
        Ok(numbers)
    }

    /// A whole number.
    fn number(&mut self) -> Result<u64, String> {
        self.space();
        let start = self.at;
        let mut value = 0_u64;
        while self.peek().is_ascii_digit() {
            let digit = u64::from(self.peek() - b'0');
            let grown = value.checked_mul(10).and_then(|tens| tens.checked_add(digit));
            value = grown.ok_or_else(|| self.expected("a number below 2^64"))?;
            self.at += 1;
        }
        if self.at == start || matches!(self.peek(), b'.' | b'e' | b'E') {
            return Err(self.expected("a whole number"));
        }
        Ok(value)
    }

    fn string(&mut self) -> Result<String, String> {
        self.must(b'"', "a string")?;
        let mut bytes = Vec::new();
        loop {
            let byte = self.peek();
            if self.at >= self.text.len() || byte < b' ' {
                return Err(self.expected("the end of a string"));
            }
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let c = self.escape()?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).map_err(|_| self.expected("UTF-8"))
    }

    fn escape(&mut self) -> Result<char, String> {
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                let pair = (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with(b"\\u");
                let code = if pair {
                    self.at += 2;
                    0x1_0000 + ((first - 0xD800) << 10) + (self.hex()?.wrapping_sub(0xDC00) & 0x3FF)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.expected("a character"))?
            }
            _ => return Err(self.expected("an escape")),
        })
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| core::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let value = value.ok_or_else(|| self.expected("four hexadecimal digits"))?;
        self.at += 4;
        Ok(value)
    }

    /// Passes over any value.
    fn skip(&mut self, depth: usize) -> Result<(), String> {
        self.space();
        match self.peek() {
            _ if depth > MAX_DEPTH => Err(self.expected("less nesting")),
            b'{' => self.object(|scanner, _| scanner.skip(depth + 1)),
            b'[' => self.list(|scanner| scanner.skip(depth + 1)),
            b'"' => self.string().map(drop),
            _ => {
                let start = self.at;
                while matches!(self.peek(), b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E') {
                    self.at += 1;
                }
                if self.at > start { Ok(()) } else { Err(self.expected("a value")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_are_read_and_metadata_is_passed_over() {
        let text = br#" {"__metadata__": {"a": [1, {"b": null}], "c": -1.5e3}, "b\u00e9\ud83d\ude00\n": {"dtype": "F16",
            "shape": [ 2 , 3 ], "data_offsets": [0, 12], "more": true}, "a": {"shape":[],"dtype":"F32","data_offsets":[12,16]} } "#;
        let all = entries(text).unwrap();
        assert_eq!(
            all[0],
            Entry { name: "a".into(), dtype: "F32".into(), shape: vec![], data_offsets: [12, 16] }
        );
        assert_eq!(all[1].name, "b\u{e9}\u{1f600}\n");
        assert_eq!((all[1].shape.as_slice(), all[1].data_offsets), ([2, 3].as_slice(), [0, 12]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("", "expected `{` at byte 0"),
            ("{\"a\": {\"dtype\": \"F32\", \"shape\": [1]}}", "`a`: missing field `data_offsets`"),
            ("{\"a\": {\"dtype\": \"F32\", \"shape\": [1.5]}}", "a whole number"),
            ("{\"a\": {\"dtype\": \"F32\", \"shape\": [-1]}}", "a whole number"),
            ("{\"a\": {\"dtype\": \"F32\", \"shape\": [99999999999999999999]}}", "below 2^64"),
            ("{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0]}}", "not two numbers"),
            ("{} x", "expected the end"),
            ("{\"a", "the end of a string"),
            ("{\"\\x\": 1}", "an escape"),
            (
                "{\"a\": {\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [0, 4]}, \"a\": {\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [0, 4]}}",
                "`a` is given twice",
            ),
        ] {
            let error = entries(text.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let deep = [&b"{\"__metadata__\":"[..], &vec![b'['; 100_000]].concat();
        assert!(entries(&deep).unwrap_err().contains("less nesting"));
    }

    proptest! {
        #[test]
        fn names_and_numbers_are_those_of_a_json_library(names in prop::collection::btree_map(any::<String>(), (any::<String>(), prop::collection::vec(any::<u32>(), 0..5), any::<[u64; 2]>()), 0..6)) {
            let json: BTreeMap<_, _> = names.iter().map(|(name, (dtype, shape, offsets))| (name, serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}))).collect();
            let all = entries(serde_json::to_string(&json).unwrap().as_bytes()).unwrap();
            let expected: Vec<Entry> = names.into_iter().filter(|(name, _)| name != "__metadata__").map(|(name, (dtype, shape, data_offsets))| Entry { name, dtype, shape: shape.into_iter().map(u64::from).collect(), data_offsets }).collect();
            prop_assert_eq!(all, expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(text in prop::collection::vec(prop::sample::select(b"{}[]\",:\\u0d8/ea1-.\xff\x00 ".to_vec()), 0..80)) {
            let _ = entries(&text);
        }
    }
}
