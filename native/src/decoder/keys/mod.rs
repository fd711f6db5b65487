//! Which keys of a `config.json` or a GGUF file change what a model computes, and what is done with each: read, known to be
//! harmless, or refused by name. A key that nobody knows passes only if nothing in its name speaks of arithmetic.

mod config;
mod gguf;
mod llama_cpp;

pub(super) use config::check as check_config;
pub(super) use gguf::check as check_gguf;

/// What is done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// The importer, the decoder or the checkpoint reads it.
    Read,
    /// Changes no logit.
    Harmless,
    /// Changes logits, and only this value (as JSON) or none at all is understood.
    Only(&'static str),
    /// Nobody knows it, and its name may speak of arithmetic.
    Unknown,
}

/// Parts of names that speak of arithmetic.
const ARITHMETIC: [&str; 44] = [
    "act",
    "scal",
    "rope",
    "rotary",
    "cap",
    "bias",
    "norm",
    "attn",
    "attention",
    "pattern",
    "window",
    "multiplier",
    "factor",
    "theta",
    "interval",
    "layer",
    "head",
    "expert",
    "moe",
    "residual",
    "embed",
    "logit",
    "eps",
    "mask",
    "causal",
    "directional",
    "chunk",
    "sink",
    "dim",
    "size",
    "rank",
    "mup",
    "alpha",
    "beta",
    "freq",
    "position",
    "mlp",
    "ffn",
    "hidden",
    "sparsity",
    "gate",
    "clip",
    "temperature",
    "quant",
];

/// Whether a name may speak of arithmetic.
fn speaks_of_arithmetic(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ARITHMETIC.iter().any(|part| key.contains(part))
}
