//! Thrift's compact protocol, read into a tree: what Parquet's headers and footer are written in.

/// Deeper than any header of the format.
const DEPTH: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Thrift<'a> {
    Bool(bool),
    Int(i64),
    Bytes(&'a [u8]),
    List(Vec<Thrift<'a>>),
    /// Fields by their number.
    Struct(Vec<(i64, Thrift<'a>)>),
}

impl<'a> Thrift<'a> {
    /// A structure at the beginning of `bytes`, and what follows it.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut reader = Reader { bytes };
        let value = reader.structure(0)?;
        Some((value, reader.bytes))
    }

    /// A field of a structure.
    pub(super) fn field(&self, number: i64) -> Option<&Self> {
        match self {
            Self::Struct(fields) => fields.iter().find(|(found, _)| *found == number).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A whole number among the fields.
    pub(super) fn int(&self, number: i64) -> Option<i64> {
        match self.field(number)? {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The same as a size.
    pub(super) fn size(&self, number: i64) -> Option<usize> {
        usize::try_from(self.int(number)?).ok()
    }

    /// A list among the fields.
    pub(super) fn list(&self, number: i64) -> Option<&[Self]> {
        match self.field(number)? {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Zigzag: even numbers are positive.
    fn signed(&mut self) -> Option<i64> {
        let raw = self.varint()?;
        Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    fn length(&mut self) -> Option<usize> {
        // No list or text is longer than the bytes it is in.
        usize::try_from(self.varint()?).ok().filter(|length| *length <= self.bytes.len())
    }

    fn structure(&mut self, depth: usize) -> Option<Thrift<'a>> {
        let mut fields = Vec::new();
        let mut number = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(Thrift::Struct(fields));
            }
            number = match head >> 4 {
                0 => self.signed()?,
                step => number.checked_add(i64::from(step))?,
            };
            let value = match head & 15 {
                1 => Thrift::Bool(true),
                2 => Thrift::Bool(false),
                kind => self.value(kind, depth)?,
            };
            fields.push((number, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<Thrift<'a>> {
        if depth >= DEPTH {
            return None;
        }
        Some(match kind {
            // In a list a truth takes a byte.
            1 | 2 => Thrift::Bool(self.byte()? == 1),
            3 => Thrift::Int(i64::from(self.byte()?.cast_signed())),
            4..=6 => Thrift::Int(self.signed()?),
            7 => Thrift::Bytes(self.take(8)?),
            8 => {
                let length = self.length()?;
                Thrift::Bytes(self.take(length)?)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.length()? } else { usize::from(head >> 4) };
                let items = (0..count).map(|_| self.value(head & 15, depth + 1));
                Thrift::List(items.collect::<Option<_>>()?)
            }
            12 => self.structure(depth + 1)?,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Thrift;

    #[test]
    fn fields_lists_and_structures() {
        // 1: i32 -3; 2: list of two texts; 5 (a step of 3): structure with 1: true.
        let bytes = [0x15, 5, 0x19, 0x28, 1, b'a', 2, b'b', b'c', 0x3c, 0x11, 0, 0, 99];
        let (value, rest) = Thrift::parse(&bytes).unwrap();
        assert_eq!(rest, [99]);
        assert_eq!(value.int(1), Some(-3));
        let texts: Vec<_> = value.list(2).unwrap().iter().map(|text| text.text().unwrap()).collect();
        assert_eq!(texts, ["a", "bc"]);
        assert_eq!(value.field(5).unwrap().field(1), Some(&Thrift::Bool(true)));
        for cut in 0..12 {
            assert_eq!(Thrift::parse(&bytes[..cut]), None, "{cut}");
        }
    }
}
