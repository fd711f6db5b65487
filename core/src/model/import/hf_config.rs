//! A Hugging Face `config.json` into a model.
//!
//! Configs hold dozens of fields that say nothing about memory; those are ignored. What is missing is taken from
//! the config class where shipped configs rely on it, and every such default is listed in `assumptions`.

mod attention;
mod dialect;
mod extras;
mod ffn;
mod latent;
mod layers;
mod reader;
mod recurrence;
mod refuse;
mod towers;

#[cfg(test)]
mod tests;

use super::super::architecture::{Architecture, Ffn};
use super::super::profile::{LayerKind, Profile};
use super::super::{Model, Origin};
use super::draft::{self, MAX_CONTEXT, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH, UNSTATED_CONTEXT};
use crate::document::{DocumentError, Fields, Node, parse_json};
use reader::Reader;

/// Why a config gives no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, or a field that does not fit.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An encoder or an encoder-decoder.
    #[error("{source_name}: `{model_type}` is {what}; expected a decoder-only language model")]
    NotDecoderOnly {
        /// File name.
        source_name: String,
        /// `model_type`.
        model_type: String,
        /// What it is.
        what: String,
    },
    /// A decoder with blocks that are not described here.
    #[error("{source_name}: `{model_type}` has {what}, whose memory is not described here")]
    Undescribed {
        /// File name.
        source_name: String,
        /// `model_type`.
        model_type: String,
        /// The blocks.
        what: String,
    },
    /// Sums beyond any model.
    #[error("{source_name}: {problem}")]
    Unbelievable {
        /// File name.
        source_name: String,
        /// Which sum.
        problem: draft::Unbelievable,
    },
}

/// Import a `config.json`; `source` names the file in messages.
pub fn parse(source: &str, bytes: &[u8]) -> Result<Model, ConfigError> {
    of(source, &parse_json(source, bytes)?)
}

/// The same from its fields, wherever they stand.
pub fn of(source: &str, node: &Node) -> Result<Model, ConfigError> {
    let outer = Fields::of(source, node)?;
    let mut reader = Reader::new(outer, || Fields::of(source, node))?;
    let shown = reader.outer.text("model_type")?.unwrap_or(&reader.model_type).to_owned();
    refuse::check(source, &shown, &reader.outer)?;
    if reader.nested {
        refuse::check(source, &reader.model_type.clone(), &reader.text)?;
    }
    let model = assemble(source, &mut reader)?;
    draft::believable(&model.architecture, &model.tensors)
        .map_err(|problem| ConfigError::Unbelievable { source_name: source.to_owned(), problem })?;
    Ok(model)
}

/// Bits of one weight in the checkpoint beside a config, where it is quantised and says so.
pub fn stored_bits(source: &str, bytes: &[u8]) -> Result<Option<u64>, ConfigError> {
    let node = parse_json(source, bytes)?;
    let fields = Fields::of(source, &node)?;
    let found = match fields.map("quantization_config")? {
        Some(found) => Some(found),
        None => fields.map("quantization")?,
    };
    let Some(quantisation) = found else { return Ok(None) };
    if let Some(bits) = quantisation.integer("bits", 1..=16)? {
        return Ok(Some(bits));
    }
    let method = quantisation.text("quant_method")?;
    if quantisation.flag("load_in_4bit")? == Some(true) || method == Some("mxfp4") {
        return Ok(Some(4));
    }
    // compressed-tensors: bits stand with each group of layers.
    let groups = quantisation.map("config_groups")?;
    let weights = groups
        .and_then(|groups| groups.map("group_0").ok().flatten())
        .and_then(|group| group.map("weights").ok().flatten());
    Ok(weights.and_then(|weights| weights.integer("num_bits", 1..=16).ok().flatten()))
}

fn assemble(source: &str, reader: &mut Reader<'_>) -> Result<Model, DocumentError> {
    let (mut profile, sparse) = profile(source, reader)?;
    let latent = latent::read(reader)?;
    let mut architecture = profile.expand();
    attention::bias_output(reader, &mut architecture)?;
    thin_out_experts(&profile, &sparse, &mut architecture);
    if let Some(latent) = &latent {
        latent.compress(reader, &mut architecture);
    }
    drafts(reader)?;
    profile.assumptions = std::mem::take(&mut reader.assumptions);
    architecture.assumptions.clone_from(&profile.assumptions);
    let (hidden, heads) = (profile.hidden_size, profile.num_attention_heads.max());
    let mut model = Model::new(architecture, Origin::Config, Some(profile));
    if let Some(latent) = &latent {
        latent.tensors(&mut model.tensors, hidden, heads);
    }
    extras::append(&reader.dialect, &model.architecture, &mut model.tensors);
    extras::append_stated(reader, &model.architecture, &mut model.tensors)?;
    Ok(model)
}

/// The compact form, and which layers have experts.
fn profile(source: &str, reader: &mut Reader<'_>) -> Result<(Profile, Vec<bool>), DocumentError> {
    let title = title(source, reader)?;
    let family = if reader.known { reader.dialect.name.to_owned() } else { reader.model_type.clone() };
    let mut profile = draft::profile(&title, &title, &family, reader.dialect.family);
    let layers =
        reader.require(&["num_hidden_layers", "n_layer", "n_layers", "num_layers"], 1..=MAX_LAYERS)?;
    let hidden = reader.require(&["hidden_size", "n_embd", "d_model", "model_dim"], 1..=MAX_WIDTH)?;
    profile.num_hidden_layers = layers;
    profile.hidden_size = hidden;
    profile.vocab_size = match reader.integer(&["vocab_size", "n_vocab"], 1..=MAX_VOCAB)? {
        None if reader.leaves_widths_out() => reader.class_default("vocab_size", 262_208),
        _ => reader.require(&["vocab_size", "n_vocab"], 1..=MAX_VOCAB)?,
    };
    attention::read(reader, &mut profile)?;
    let pattern = layers::pattern(reader, layers)?;
    // A window that no context outgrows is none (Phi's 262144).
    profile.max_context_tokens = context(reader)?;
    let inert = pattern.window >= profile.max_context_tokens;
    profile.sliding_window = if inert { 0 } else { pattern.window };
    profile.layer_kinds = pattern.kinds;
    if inert {
        for kind in profile.layer_kinds.iter_mut().filter(|kind| **kind == LayerKind::Sliding) {
            *kind = LayerKind::Full;
        }
    }
    attention::overrides(reader, &mut profile)?;
    if profile.layer_kinds.contains(&LayerKind::Recurrent) {
        profile.recurrent = Some(recurrence::shape(reader, hidden)?);
    }
    let ffn = ffn::read(reader, layers, hidden)?;
    profile.intermediate_size = ffn.dense;
    profile.shared_kv_intermediate_size = ffn.shared_kv;
    profile.experts = ffn.experts;
    if ffn.experts.is_some() && reader.is("gemma4") {
        // Three norms around the experts (transformers, `Gemma4TextDecoderLayer`).
        profile.conventions.norms += 3;
    }
    lookup(reader, &mut profile)?;
    profile.tie_word_embeddings = tied(reader)?;
    (profile.vision, profile.audio) = towers::read(reader, hidden)?;
    profile.weight_dtype_bits = dtype_bits(reader)?;
    profile.sources = vec![format!("config.json of {title}")];
    Ok((profile, ffn.sparse))
}

fn title(source: &str, reader: &Reader<'_>) -> Result<String, DocumentError> {
    let stated = reader
        .outer
        .text("_name_or_path")?
        .map(|path| draft::stem(path, &[]))
        .filter(|name| !name.is_empty());
    let file = draft::stem(source, &[".json"]);
    let named = (!file.is_empty() && file != "config").then_some(file);
    Ok(stated.or(named).unwrap_or(&reader.model_type).to_owned())
}

fn context(reader: &mut Reader<'_>) -> Result<u64, DocumentError> {
    const NAMES: [&str; 6] = [
        "max_position_embeddings",
        "n_positions",
        "max_sequence_length",
        "max_seq_len",
        "seq_length",
        "n_ctx",
    ];
    match reader.integer(&NAMES, 1..=MAX_CONTEXT)? {
        Some(context) => Ok(context),
        None if reader.dialect.context > 0 => {
            Ok(reader.class_default("max_position_embeddings", reader.dialect.context))
        }
        None => {
            reader.assume(format!("`max_position_embeddings` not given: assumed {UNSTATED_CONTEXT} tokens"));
            Ok(UNSTATED_CONTEXT)
        }
    }
}

/// The text part's word on tying, else the whole config's, else the class default.
fn tied(reader: &mut Reader<'_>) -> Result<bool, DocumentError> {
    let inner = reader.flag("tie_word_embeddings")?.or(reader.flag("tie_embedding")?);
    let outer = reader.outer.flag("tie_word_embeddings")?;
    if let (Some(inner), Some(outer)) = (inner, outer)
        && inner != outer
    {
        reader.assume(format!(
            "`tie_word_embeddings` is {outer} for the whole and {inner} for the text part: took the text part's \
             (transformers 4 does, 5 takes the whole's)"
        ));
    }
    if let Some(stated) = inner.or(outer) {
        return Ok(stated);
    }
    Ok(reader.class_default("tie_word_embeddings", reader.dialect.tied))
}

/// The per-layer embedding table and Gemma 3n's extras.
fn lookup(reader: &mut Reader<'_>, profile: &mut Profile) -> Result<(), DocumentError> {
    let width = reader.integer(&["hidden_size_per_layer_input"], 0..=MAX_WIDTH)?.unwrap_or(0);
    if reader.is("gemma3n") {
        if width == 0 {
            return Err(reader.text.missing("hidden_size_per_layer_input", "the table's channels per layer"));
        }
        let streams = reader.integer(&["altup_num_inputs"], 0..=64)?;
        profile.altup_streams = streams.unwrap_or_else(|| reader.class_default("altup_num_inputs", 4));
        let rank = reader.integer(&["laurel_rank"], 0..=65_536)?;
        profile.laurel_rank = rank.unwrap_or_else(|| reader.class_default("laurel_rank", 64));
    }
    if width > 0 {
        profile.ple_hidden_size = width;
        profile.ple_vocab_size = match reader.integer(&["vocab_size_per_layer_input"], 1..=MAX_VOCAB)? {
            Some(rows) => rows,
            None => reader.class_default("vocab_size_per_layer_input", 262_144),
        };
    }
    Ok(())
}

/// Dense blocks where experts do not stand, beyond the leading ones.
fn thin_out_experts(profile: &Profile, sparse: &[bool], architecture: &mut Architecture) {
    for (index, layer) in architecture.layers.iter_mut().enumerate() {
        if sparse.get(index) == Some(&false) {
            let width = profile.intermediate_size.at(index);
            layer.ffn = Ffn::Dense { width, gated: profile.conventions.gated_ffn };
        }
    }
}

/// Multi-token-prediction heads are drafts: transformers does not load them.
fn drafts(reader: &mut Reader<'_>) -> Result<(), DocumentError> {
    let heads = reader
        .integer(&["num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers"], 0..=MAX_LAYERS)?;
    if let Some(heads) = heads.filter(|heads| *heads > 0) {
        reader.assume(format!(
            "{heads} multi-token-prediction layer(s) not counted: they draft, and need not be loaded"
        ));
    }
    if reader.outer.has("quantization_config") || reader.outer.has("quantization") {
        reader.assume(
            "the checkpoint is quantised; its own bytes are read from its safetensors header only".into(),
        );
    }
    Ok(())
}

fn dtype_bits(reader: &Reader<'_>) -> Result<u64, DocumentError> {
    let stated = |fields: &Fields<'_>| {
        Ok::<_, DocumentError>(fields.text("dtype")?.or(fields.text("torch_dtype")?).map(str::to_owned))
    };
    let dtype = match stated(&reader.text)? {
        Some(dtype) => Some(dtype),
        None => stated(&reader.outer)?,
    };
    Ok(match dtype.as_deref() {
        Some("float32") => 32,
        Some(name) if name.starts_with("float8") => 8,
        _ => 16,
    })
}
