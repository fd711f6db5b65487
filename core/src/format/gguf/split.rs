//! Models that are split over several files: `name-00001-of-00003.gguf` and its siblings.

use super::{Gguf, GgufError};
use std::collections::HashSet;

/// Most parts that are believed.
const MAX_PARTS: u64 = 10_000;

/// Names of all parts, when `name` is that of one (llama.cpp, `llama_split_path`).
pub fn siblings(name: &str) -> Option<Vec<String>> {
    let stem = name.strip_suffix(".gguf")?;
    let (rest, parts) = stem.rsplit_once("-of-")?;
    let (start, part) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|sign| sign.is_ascii_digit());
    if !digits(part) || !digits(parts) {
        return None;
    }
    let count: u64 = parts.parse().ok().filter(|count| (2..=MAX_PARTS).contains(count))?;
    Some((1..=count).map(|number| format!("{start}-{number:05}-of-{parts}.gguf")).collect())
}

impl Gguf {
    /// Parts of the split model that this file belongs to; 1 for a whole one.
    pub fn parts_in_all(&self) -> u64 {
        self.metadata.count("split.count").unwrap_or(1).max(1)
    }

    /// One model from the headers of its parts, in any order.
    pub fn join(parts: Vec<Self>) -> Result<Self, GgufError> {
        let count = parts.iter().map(Self::parts_in_all).max().unwrap_or(1);
        let number = |part: &Self| part.metadata.count("split.no").unwrap_or(0);
        let present: HashSet<u64> = parts.iter().map(number).collect();
        if let Some(missing) = (0..count.min(MAX_PARTS)).find(|part| !present.contains(part)) {
            return Err(GgufError::MissingPart { part: missing + 1, parts: count });
        }
        let mut parts = parts;
        parts.sort_by_key(number);
        let mut rest = parts.into_iter();
        let Some(mut whole) = rest.next() else {
            return Err(GgufError::MissingPart { part: 1, parts: 1 });
        };
        for part in rest {
            whole.tensors.extend(part.tensors);
            whole.file_bytes = whole.file_bytes.saturating_add(part.file_bytes);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = whole.tensors.iter().find(|tensor| !seen.insert(tensor.name.as_str())) {
            return Err(GgufError::Tensor {
                tensor: twice.name.clone(),
                problem: "stands in two parts".into(),
            });
        }
        whole.parts = count;
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_follow_from_a_name() {
        let found = siblings("m-00002-of-00003.gguf").unwrap();
        assert_eq!(found, ["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"]);
        for name in ["m.gguf", "m-00001-of-00001.gguf", "m-1-of-2.gguf", "m-00001-of-99999.gguf"] {
            assert_eq!(siblings(name), None, "{name}");
        }
    }
}
