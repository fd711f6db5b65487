//! SentencePiece as GGUF files carry it: pieces with scores, the best neighbouring pair joined first.

use super::super::CheckpointError;
use super::lists::Lists;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// How SentencePiece writes a space.
const SPACE: &str = "\u{2581}";
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;
const BYTE: u64 = 6;

/// The vocabulary and its look-ups.
#[derive(Debug)]
pub(super) struct Pieces {
    texts: Vec<String>,
    scores: Vec<f32>,
    types: Vec<u64>,
    ids: HashMap<String, u32>,
    /// Control and user-defined pieces, longest first: recognised in the text before anything is joined.
    special: Vec<(String, u32)>,
    /// Ids of the 256 byte pieces.
    bytes: HashMap<u8, u32>,
    unknown: u32,
    /// A space is put before a text.
    leading_space: bool,
}

/// A run of text that is a candidate for joining with what follows it.
struct Symbol {
    start: usize,
    end: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

/// Two neighbours that form a piece.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    length: usize,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Pair {}
impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Pair {
    /// Highest score first, leftmost among equals.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl Pieces {
    pub(super) fn new(lists: &Lists) -> Result<Self, CheckpointError> {
        let count = lists.tokens.len();
        if lists.scores.len() != count || lists.types.len() != count {
            let (scores, types) = (lists.scores.len(), lists.types.len());
            let problem =
                format!("{count} tokens with {scores} scores and {types} types; expected as many of each");
            return Err(CheckpointError::Tokenizer(problem));
        }
        let numbered = || {
            lists.tokens.iter().zip(0u32..).zip(&lists.types).map(|((piece, id), kind)| (piece, id, *kind))
        };
        let mut special: Vec<(String, u32)> = numbered()
            .filter(|(piece, _, kind)| matches!(*kind, CONTROL | USER_DEFINED) && !piece.is_empty())
            .map(|(piece, id, _)| (piece.clone(), id))
            .collect();
        special.sort_by_key(|(piece, _)| std::cmp::Reverse(piece.len()));
        let byte = |piece: &str| u8::from_str_radix(piece.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok();
        Ok(Self {
            ids: numbered().map(|(piece, id, _)| (piece.clone(), id)).collect(),
            bytes: numbered()
                .filter(|(.., kind)| *kind == BYTE)
                .filter_map(|(piece, id, _)| Some((byte(piece)?, id)))
                .collect(),
            special,
            unknown: lists.id("unknown_token_id").unwrap_or(0),
            leading_space: lists.flag("add_space_prefix", true),
            texts: lists.tokens.clone(),
            scores: lists.scores.clone(),
            types: lists.types.clone(),
        })
    }

    /// Ids of a text.
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let found = self.next_special(rest);
            let (plain, special) =
                found.map_or((rest, None), |(at, length, id)| (&rest[..at], Some((at + length, id))));
            if !plain.is_empty() {
                let prefix = if self.leading_space { SPACE } else { "" };
                self.join(&format!("{prefix}{}", plain.replace(' ', SPACE)), &mut ids);
            }
            let Some((end, id)) = special else { break };
            ids.push(id);
            rest = &rest[end..];
        }
        ids
    }

    /// Text of ids, without control pieces.
    pub(super) fn decode(&self, ids: &[u32]) -> String {
        let mut bytes = Vec::new();
        for id in ids {
            let Some(index) = usize::try_from(*id).ok().filter(|index| *index < self.texts.len()) else {
                continue;
            };
            match self.types[index] {
                CONTROL => {}
                BYTE => {
                    bytes.extend(self.bytes.iter().find(|(_, known)| *known == id).map(|(byte, _)| *byte));
                }
                _ => bytes.extend(self.texts[index].replace(SPACE, " ").into_bytes()),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if self.leading_space { text.strip_prefix(' ').map_or(text.clone(), str::to_owned) } else { text }
    }

    /// The first special piece in a text: position, length, id.
    fn next_special(&self, text: &str) -> Option<(usize, usize, u32)> {
        let found = self
            .special
            .iter()
            .filter_map(|(piece, id)| Some((text.find(piece.as_str())?, piece.len(), *id)));
        found.min_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length)))
    }

    fn join(&self, text: &str, ids: &mut Vec<u32>) {
        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(index, (start, sign))| Symbol {
                start,
                end: start + sign.len_utf8(),
                previous: index.checked_sub(1),
                next: Some(index + 1),
            })
            .collect();
        let Some(last) = symbols.last_mut() else { return };
        last.next = None;
        let mut queue = BinaryHeap::new();
        for left in 0..symbols.len() {
            queue.extend(self.pair(text, &symbols, left));
        }
        while let Some(pair) = queue.pop() {
            let (left, right) = (&symbols[pair.left], &symbols[pair.right]);
            // Joined meanwhile with something else.
            if left.end == left.start || right.end == right.start || right.end - left.start != pair.length {
                continue;
            }
            let (end, next) = (right.end, right.next);
            symbols[pair.right].end = symbols[pair.right].start;
            symbols[pair.left].end = end;
            symbols[pair.left].next = next;
            if let Some(next) = next {
                symbols[next].previous = Some(pair.left);
            }
            let previous = symbols[pair.left].previous;
            queue.extend(previous.and_then(|previous| self.pair(text, &symbols, previous)));
            queue.extend(self.pair(text, &symbols, pair.left));
        }
        for symbol in symbols.iter().filter(|symbol| symbol.end > symbol.start) {
            self.emit(&text[symbol.start..symbol.end], ids);
        }
    }

    /// The piece that a symbol forms with its neighbour, if it is one.
    fn pair(&self, text: &str, symbols: &[Symbol], left: usize) -> Option<Pair> {
        let right = symbols[left].next?;
        let (start, end) = (symbols[left].start, symbols[right].end);
        let id = self.ids.get(text.get(start..end)?)?;
        let score = *self.scores.get(usize::try_from(*id).ok()?)?;
        Some(Pair { score, left, right, length: end - start })
    }

    /// A piece, or its bytes.
    fn emit(&self, piece: &str, ids: &mut Vec<u32>) {
        match self.ids.get(piece) {
            Some(id) => ids.push(*id),
            None => {
                ids.extend(piece.bytes().map(|byte| self.bytes.get(&byte).copied().unwrap_or(self.unknown)));
            }
        }
    }
}
