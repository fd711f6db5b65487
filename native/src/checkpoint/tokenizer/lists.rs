//! The tokenizer's lists in a GGUF header, which header reading steps over: tokens, scores, types, merges.
//!
//! The header has been checked by then; bounds are checked here all the same.

use super::super::CheckpointError;

const PREFIX: &str = "tokenizer.";

/// What a GGUF file says about its tokenizer.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) tokens: Vec<String>,
    pub(super) scores: Vec<f32>,
    /// 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    pub(super) types: Vec<u64>,
    pub(super) merges: Vec<String>,
    /// Jinja source.
    pub(super) template: Option<String>,
    pub(super) texts: Vec<(String, String)>,
    pub(super) numbers: Vec<(String, u64)>,
}

enum Item {
    Text(String),
    Number(u64),
    Float(f32),
}

struct Walk<'a> {
    rest: &'a [u8],
}

impl Lists {
    /// Walk the metadata of a whole file.
    pub(super) fn read(file: &[u8]) -> Result<Self, CheckpointError> {
        let cut = || CheckpointError::Tokenizer("the GGUF header ends within its metadata".to_owned());
        let mut lists = Self::default();
        lists.walk(file).ok_or_else(cut)?;
        if lists.tokens.is_empty() {
            return Err(CheckpointError::Tokenizer("the GGUF file holds no tokens".to_owned()));
        }
        Ok(lists)
    }

    fn walk(&mut self, file: &[u8]) -> Option<()> {
        let mut walk = Walk { rest: file.get(16..)? };
        let entries = walk.u64()?;
        for _ in 0..entries {
            let key = walk.text()?;
            let kind = walk.u32()?;
            if kind != 9 {
                let item = walk.item(kind)?;
                self.scalar(&key, item);
                continue;
            }
            let (kind, count) = (walk.u32()?, walk.u64()?);
            for _ in 0..count {
                let item = walk.item(kind)?;
                match (key.as_str(), item) {
                    ("tokenizer.ggml.tokens", Item::Text(token)) => self.tokens.push(token),
                    ("tokenizer.ggml.merges", Item::Text(merge)) => self.merges.push(merge),
                    ("tokenizer.ggml.scores", Item::Float(score)) => self.scores.push(score),
                    ("tokenizer.ggml.token_type", Item::Number(kind)) => self.types.push(kind),
                    _ => {}
                }
            }
        }
        Some(())
    }

    fn scalar(&mut self, key: &str, item: Item) {
        match item {
            Item::Text(text) if key == "tokenizer.chat_template" => self.template = Some(text),
            Item::Text(text) if key.starts_with(PREFIX) => self.texts.push((key.to_owned(), text)),
            Item::Number(number) if key.starts_with(PREFIX) => self.numbers.push((key.to_owned(), number)),
            _ => {}
        }
    }

    /// `gpt2` (byte-level BPE) or `llama` (SentencePiece).
    pub(super) fn kind(&self) -> &str {
        self.text("model").unwrap_or("none")
    }

    /// A text under `tokenizer.ggml.`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let key = format!("tokenizer.ggml.{key}");
        self.texts.iter().find(|(known, _)| *known == key).map(|(_, text)| text.as_str())
    }

    /// A token id under `tokenizer.ggml.`.
    pub(super) fn id(&self, key: &str) -> Option<u32> {
        u32::try_from(self.number(key)?).ok()
    }

    /// A flag under `tokenizer.ggml.`.
    pub(super) fn flag(&self, key: &str, unstated: bool) -> bool {
        self.number(key).map_or(unstated, |value| value != 0)
    }

    fn number(&self, key: &str) -> Option<u64> {
        let key = format!("tokenizer.ggml.{key}");
        self.numbers.iter().find(|(known, _)| *known == key).map(|(_, number)| *number)
    }
}

impl<'a> Walk<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u64()?).ok()?;
        self.take(length).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A value by its type code; integers keep their low bits only.
    fn item(&mut self, kind: u32) -> Option<Item> {
        let integer =
            |bytes: &[u8]| bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        Some(match kind {
            0 | 1 | 7 => Item::Number(integer(self.take(1)?)),
            2 | 3 => Item::Number(integer(self.take(2)?)),
            4 | 5 => Item::Number(integer(self.take(4)?)),
            6 => Item::Float(f32::from_bits(self.u32()?)),
            8 => Item::Text(self.text()?),
            10 | 11 => Item::Number(integer(self.take(8)?)),
            12 => {
                // Doubles are stepped over: no tokenizer list holds them.
                self.take(8)?;
                Item::Float(0.0)
            }
            _ => return None,
        })
    }
}
