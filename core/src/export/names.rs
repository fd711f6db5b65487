//! What GGUF files call tensors that go by another name in the inventory.

use crate::model::family::{Family, rename};

/// The layer's prefix and the rest of a name.
fn split(name: &str) -> (Option<&str>, &str) {
    let block = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    block.map_or((None, name), |(layer, rest)| (Some(layer), rest))
}

/// What llama.cpp calls a tensor.
pub(super) fn file_name(name: &str, family: &Family) -> String {
    let (layer, rest) = split(name);
    let rest = rename(family.renames, rest);
    layer.map_or_else(|| rest.to_owned(), |layer| format!("blk.{layer}.{rest}"))
}

/// The family's names of the tensors that are one in its files, first to last.
fn together<'a>(rest: &str, family: &'a Family) -> Vec<&'a str> {
    let target = family.renames.iter().find(|(name, _)| *name == rest).map(|(_, target)| *target);
    let same = family.renames.iter().filter(|(_, other)| Some(*other) == target);
    same.map(|(name, _)| *name).collect()
}

/// Whether the file has this tensor and the next of its kind in one, under one name.
pub(super) fn merges(name: &str, family: &Family) -> bool {
    let (_, rest) = split(name);
    let all = together(rest, family);
    all.len() > 1 && all.first() == Some(&rest)
}

/// Whether the tensor is the second half of one that is there already.
pub(super) fn is_merged(name: &str, family: &Family) -> bool {
    let (_, rest) = split(name);
    together(rest, family).iter().skip(1).any(|other| *other == rest)
}
