//! An architecture before an importer has filled it in, and the check that what came out is believable.

use super::super::architecture::{Conduct, Embeddings, Extras, Published};
use super::super::{Architecture, Tensor};

/// Largest width that is believed.
pub(in crate::model) const MAX_WIDTH: u64 = 10_000_000;
/// Largest vocabulary that is believed.
pub(in crate::model) const MAX_VOCAB: u64 = 100_000_000;
/// Most layers that are believed.
pub(in crate::model) const MAX_LAYERS: u64 = 4_096;
/// Longest context that is believed, in tokens.
pub(super) const MAX_CONTEXT: u64 = 1 << 32;
/// Most heads, and channels of a head, that are believed.
pub(in crate::model) const MAX_HEADS: u64 = 65_536;
/// Context assumed where a file declares none, in tokens.
pub(super) const UNSTATED_CONTEXT: u64 = 32_768;

/// Largest sum of elements; keeps every product of elements and bytes within 64 bits.
const MAX_ELEMENTS: u128 = 1 << 53;
/// Most bytes of recurrent state.
const MAX_STATE: u128 = 1 << 40;
/// Most channels that all layers together may cache per token.
const MAX_CACHED: u128 = 1 << 26;

/// An architecture with nothing in it but names.
pub(super) fn architecture(name: &str, title: &str, family: &str) -> Architecture {
    Architecture {
        name: slug(name),
        title: title.to_owned(),
        family: family.to_owned(),
        hidden_size: 0,
        max_context_tokens: UNSTATED_CONTEXT,
        float_bits: 16,
        embeddings: Embeddings { vocab_size: 0, width: 0, tied: false },
        layers: Vec::new(),
        ple: None,
        extras: Extras::default(),
        more: Vec::new(),
        passes: 1,
        conduct: Conduct::default(),
        vision: None,
        audio: None,
        published: Published::default(),
        stated_overhead_bytes: 0,
        sources: Vec::new(),
        assumptions: Vec::new(),
        uncounted: Vec::new(),
    }
}

/// A model larger than any that could exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} come to {found}, more than any model has; expected at most {limit}")]
pub struct Unbelievable {
    what: &'static str,
    found: u128,
    limit: u128,
}

/// Refuse sums that no model has, so that the arithmetic downstream cannot overflow.
pub(super) fn believable(architecture: &Architecture, tensors: &[Tensor]) -> Result<(), Unbelievable> {
    let check = |what, found, limit| {
        if found > limit { Err(Unbelievable { what, found, limit }) } else { Ok(()) }
    };
    let elements = tensors.iter().map(|tensor| u128::from(tensor.rows) * u128::from(tensor.row_length)).sum();
    check("parameters", elements, MAX_ELEMENTS)?;
    let recurrent = architecture.layers.iter().filter_map(|layer| layer.recurrent());
    let passes = u128::from(architecture.passes);
    let state = recurrent.map(|recurrent| passes * u128::from(recurrent.state_bytes));
    check("bytes of recurrent state", state.sum(), MAX_STATE)?;
    let cached = architecture.attention_layers().map(|(_, attention)| {
        let channels = |heads: u64, k: u64, v: u64| u128::from(heads) * (u128::from(k) + u128::from(v));
        let plain = channels(attention.kv_heads, attention.k_head_dim, attention.v_head_dim);
        let whole = attention.expanded.map_or(0, |e| channels(e.heads, e.k_head_dim, e.v_head_dim));
        passes * (plain.max(whole) + u128::from(attention.indexer_channels))
    });
    check("cached channels per token", cached.sum(), MAX_CACHED)
}

/// Lower case, with every run of other signs as one hyphen.
pub(in crate::model) fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len().min(64));
    for sign in name.chars().take(64) {
        if sign.is_ascii_alphanumeric() || sign == '.' || sign == '_' {
            slug.push(sign.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches(['-', '.']);
    if slug.is_empty() { "model".to_owned() } else { slug.to_owned() }
}

/// The last part of a path, without one of the given endings.
pub(super) fn stem<'a>(path: &'a str, endings: &[&str]) -> &'a str {
    let file = path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(path);
    endings.iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_lower_case_and_never_empty() {
        assert_eq!(slug("Gemma 3 (270M)"), "gemma-3-270m");
        assert_eq!(slug("…"), "model");
        assert_eq!(stem("org/Qwen2.5-0.5B", &[".gguf"]), "Qwen2.5-0.5B");
        assert_eq!(stem("C:\\models\\x.gguf", &[".gguf"]), "x");
    }
}
