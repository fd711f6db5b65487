//! The longest context: what the config declares, raised by the scaling of its positions as vLLM does it.

use super::super::draft::{MAX_CONTEXT, UNSTATED_CONTEXT};
use super::reader::Reader;
use crate::format::document::{DocumentError, Fields};
use crate::leaf::cast::to_u64;
use crate::model::family;

const NAMES: [&str; 10] = [
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "max_seq_len",
    "seq_length",
    "n_ctx",
    "model_max_length",
    "max_context_length",
    "max_seq_length",
    "sequence_length",
];

/// Tokens.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<u64, DocumentError> {
    let stated = if let Some(context) = reader.stated_or_default(&NAMES, 1..=MAX_CONTEXT)? {
        context
    } else {
        reader.assume(format!("`max_position_embeddings` not given: assumed {UNSTATED_CONTEXT} tokens"));
        UNSTATED_CONTEXT
    };
    for name in ["rope_scaling", "rope_parameters"] {
        let Some(scaling) = reader.map(name).ok().flatten() else { continue };
        // Newer configs have a map for each kind of layer; the full ones decide.
        let full = scaling.map("full_attention").ok().flatten();
        let raised = raised(full.as_ref().unwrap_or(&scaling), stated)?;
        // Gemma 3 declares what it reaches with its factor.
        let declared = reader.family.gguf.iter().any(|name| family::declares_scaled_context(name));
        if let Some((kind, raised)) = raised.filter(|(_, raised)| *raised > stated && !declared) {
            reader.assume(format!(
                "{kind} scaling of positions raises the context of {stated} to {raised} tokens"
            ));
            return Ok(raised);
        }
    }
    Ok(stated)
}

/// The kind of scaling, and the tokens that it reaches: a factor of the original context for YaRN, of the declared one for
/// linear and dynamic scaling. Llama 3's and LongRoPE's configs declare what they reach.
fn raised<'a>(scaling: &Fields<'a>, stated: u64) -> Result<Option<(&'a str, u64)>, DocumentError> {
    let kind = match scaling.text("rope_type")? {
        Some(kind) => Some(kind),
        None => scaling.text("type")?,
    };
    let Some(factor) = scaling.number("factor", 0.0..=1e6).ok().flatten() else { return Ok(None) };
    let original = scaling.integer("original_max_position_embeddings", 1..=MAX_CONTEXT)?;
    let base = match kind {
        Some("yarn" | "deepseek_yarn") => original.unwrap_or(stated),
        Some("linear" | "dynamic") => stated,
        _ => return Ok(None),
    };
    let tokens = to_u64(base as f64 * factor);
    Ok(kind.map(|kind| (kind, tokens.min(MAX_CONTEXT))))
}
