//! A Hugging Face `config.json` into a model.
//!
//! Configs hold dozens of fields that say nothing about memory; those are ignored. What is missing is taken from
//! the config class where shipped configs rely on it, and every such default is listed in `assumptions`.

mod attention;
mod context;
mod facts;
mod ffn;
mod guard;
mod latent;
mod layers;
mod quantised;
mod reader;
mod recurrence;
mod refuse;
mod towers;

#[cfg(test)]
mod tests;

pub(in crate::model) use super::draft::{MAX_HEADS, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH};
pub(in crate::model) use attention::one_by_one;
pub(in crate::model) use facts::{Experts, Facts, Heads, Mixes, Slot};
pub use quantised::{OWN_BYTES, StoredBits, stored_bits};
pub(in crate::model) use reader::Reader;

use super::super::architecture::{Architecture, Embeddings, ExtraTensor, Extras, PerLayerEmbedding};
use super::super::family;
use super::super::tensor::{Active, Role};
use super::super::{Model, Origin};
use super::draft;
use crate::format::document::{DocumentError, Fields, Node, Value, parse_json};

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
    /// A field of another structure than the one that would be assumed.
    #[error(
        "{source_name}: `{field}` is {found}, which layers of {family} do not have: their memory is not described here"
    )]
    Contradicted {
        /// File name.
        source_name: String,
        /// The field.
        field: String,
        /// What it holds.
        found: String,
        /// What would be assumed.
        family: String,
    },
    /// JSON of another kind.
    #[error("{source_name}: {what}; expected the model's config.json")]
    OtherKind {
        /// File name.
        source_name: String,
        /// What it is.
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
    if let Value::List(_) = node.value {
        let (source_name, what) = (source.to_owned(), "a list, as of modules or messages".to_owned());
        return Err(ConfigError::OtherKind { source_name, what });
    }
    let outer = Fields::of(source, node)?;
    refuse::other_kinds(source, &outer)?;
    let mut reader = Reader::new(outer, || Fields::of(source, node))?;
    let shown = reader.outer.text("model_type")?.unwrap_or(&reader.model_type).to_owned();
    refuse::check(source, &shown, &reader.outer)?;
    if reader.nested {
        refuse::check(source, &reader.model_type.clone(), &reader.text)?;
    } else {
        refuse::both_sides(source, &shown, &reader.outer)?;
    }
    let unheard_of = !reader.known && !reader.nested && reader.outer.has("model_type");
    let mut architecture = architecture(source, &mut reader).map_err(|error| match error {
        ConfigError::Document(error) if unheard_of => refuse::without_words(source, &shown, error),
        other => other,
    })?;
    architecture.published.checkpoint = quantised::checkpoint(&reader.outer, &reader.text)?;
    architecture.published.checkpoint_own = quantised::single(&reader.outer, &reader.text)?;
    architecture.published.mtp_layers = reader.drafts()?;
    let model = Model::new(architecture, Origin::Config, None);
    draft::believable(&model.architecture, &model.tensors)
        .map_err(|problem| ConfigError::Unbelievable { source_name: source.to_owned(), problem })?;
    Ok(model)
}

/// A vector among a model's own tensors.
fn vector(name: &str, length: u64) -> ExtraTensor {
    let name = name.to_owned();
    ExtraTensor { name, role: Role::Vector, rows: 1, row_length: length, active: Active::All }
}

/// The architecture that the config describes.
fn architecture(source: &str, reader: &mut Reader<'_>) -> Result<Architecture, ConfigError> {
    let title = title(source, reader)?;
    let family = reader.family;
    let name = if reader.known { family.name } else { &reader.model_type };
    let mut architecture = draft::architecture(&title, &title, name);
    let count = layer_count(reader)?;
    let hidden =
        required(reader, &["hidden_size", "n_embd", "d_model", "model_dim", "n_embed", "dim"], MAX_WIDTH)?;
    let vocab = required(reader, &["vocab_size", "padded_vocab_size", "n_vocab"], MAX_VOCAB)?;
    // Rows are filled up to a multiple of this.
    let vocab = match reader.integer(&["pad_vocab_size_multiple"], 1..=MAX_HEADS)? {
        Some(multiple) => vocab.next_multiple_of(multiple),
        None => vocab,
    };
    let layers = usize::try_from(count).unwrap_or(0);
    let mut facts = Facts::new(hidden, layers, reader.conventions);
    attention::read(reader, &mut facts)?;
    layers::read(reader, &mut facts)?;
    ffn::read(reader, &mut facts)?;
    architecture.max_context_tokens = context::read(reader)?;
    if let Some(config) = family.config {
        config(reader, &mut facts)?;
    }
    layers::settle(reader, &mut facts, architecture.max_context_tokens)?;
    if facts.recurrent.is_none()
        && facts.layers.iter().any(|slot| matches!(slot.mixes, Mixes::Recurrent | Mixes::Both))
    {
        facts.recurrent = Some(recurrence::shape(reader, hidden)?);
    }
    ffn::check(reader, &facts)?;
    // The layers are passed several times, and every pass has a cache of its own.
    facts.passes =
        reader.integer(&["num_loops", "total_ut_steps", "num_loop", "n_loops"], 1..=64)?.unwrap_or(1);
    architecture.hidden_size = hidden;
    let inner = reader.nested.then_some(&reader.text);
    architecture.float_bits = quantised::dtype_bits(&reader.outer, inner)?.max(16);
    architecture.passes = facts.passes;
    let labels = labels(reader)?;
    let tied = match facts.tied {
        Some(tied) => tied,
        None => tied(reader)?,
    };
    let tied = tied || labels.is_some();
    let width = facts.table_width.unwrap_or(hidden);
    architecture.embeddings = Embeddings { vocab_size: vocab, width, tied };
    architecture.conduct = family.conduct(vocab, facts.layers.len());
    architecture.ple = (facts.ple_width > 0).then_some(PerLayerEmbedding {
        rows: facts.ple_rows,
        width: facts.ple_width,
        gated: true,
    });
    architecture.extras = Extras {
        altup_streams: facts.altup_streams,
        laurel_rank: facts.laurel_rank,
        layer_scalar: facts.conventions.layer_scalar,
        fused: facts.conventions.fused,
        head_gate: facts.conventions.head_gate,
        bare_output_norm: facts.bare_output_norm,
    };
    facts.fill(family, &mut architecture);
    if let Some(own) = family.own {
        own(&mut architecture);
    }
    if facts.ffn_bias {
        family::ffn_biases(&mut architecture);
    }
    if let Some(labels) = labels {
        let name = "score.weight".to_owned();
        let role = Role::Vector;
        architecture.more.push(ExtraTensor {
            name,
            role,
            rows: labels,
            row_length: hidden,
            active: Active::All,
        });
        reader.assume(format!(
            "a classifier of {labels} labels stands in the place of the output head, by its class"
        ));
    }
    towers::read(reader, &mut architecture)?;
    drafts(reader, &facts)?;
    guard::check(source, reader)?;
    architecture.assumptions = std::mem::take(&mut reader.assumptions);
    architecture.uncounted = std::mem::take(&mut reader.uncounted);
    architecture.sources = vec![format!("config.json of {title}")];
    Ok(architecture)
}

/// A width that the config states or its class fills in.
fn required(reader: &mut Reader<'_>, names: &[&'static str], most: u64) -> Result<u64, DocumentError> {
    match reader.stated_or_default(names, 1..=most)? {
        Some(value) => Ok(value),
        None => reader.require(names, 1..=most),
    }
}

/// Layers, by number or by a list with one entry for each.
fn layer_count(reader: &mut Reader<'_>) -> Result<u64, DocumentError> {
    const NAMES: [&str; 5] =
        ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers"];
    if let Some(count) = reader.stated_or_default(&NAMES, 1..=MAX_LAYERS)? {
        return Ok(count);
    }
    for list in ["layers_block_type", "layer_types"] {
        let count = reader.texts(list)?.len() as u64;
        if (1..=MAX_LAYERS).contains(&count) {
            return Ok(count);
        }
    }
    reader.require(&NAMES, 1..=MAX_LAYERS)
}

/// Labels of a decoder that classifies instead of predicting tokens; transformers has two when nothing is said.
fn labels(reader: &Reader<'_>) -> Result<Option<u64>, DocumentError> {
    let classes = reader.outer.texts("architectures")?;
    if !classes.iter().any(|class| class.ends_with("ForSequenceClassification")) {
        return Ok(None);
    }
    let named = reader.outer.map("id2label")?.map(|labels| labels.entries().len() as u64);
    let stated = reader.outer.integer("num_labels", 1..=MAX_VOCAB)?;
    Ok(Some(named.or(stated).unwrap_or(2).max(1)))
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

/// The text part's word on tying, else the whole config's, else the class default.
fn tied(reader: &mut Reader<'_>) -> Result<bool, DocumentError> {
    // MobileLLM and OpenELM share the table by a flag of their own, whatever the usual one says.
    let shared = reader.flag("share_embedding")?.filter(|shared| *shared);
    let inner = shared.or(reader.flag("tie_word_embeddings")?).or(reader.flag("tie_embedding")?);
    let outer = reader.outer.flag("tie_word_embeddings")?;
    if let (Some(inner), Some(outer)) = (inner, outer)
        && inner != outer
    {
        reader.assume(format!(
            "`tie_word_embeddings` is {outer} for the whole and {inner} for the text part: took the text part's \
             (transformers 4 does, 5 takes the whole's)"
        ));
    }
    if let Some(class) = headless(reader)? {
        let scores = family::SCORING_HEADS.iter().any(|end| class.ends_with(end));
        let own = if scores { ", and what it has instead is not counted" } else { "" };
        reader.assume(format!("no output head is counted: {class} is the class without one{own}"));
        return Ok(true);
    }
    let whole = reader.outer.text("model_type")?.unwrap_or_default();
    let default = family::wrapper_ties(whole).filter(|_| reader.nested && outer.is_none());
    if let (Some(stated), Some(default)) = (inner, default)
        && stated != default
    {
        reader.assume(format!(
            "`tie_word_embeddings` is {stated} for the text part and not given for the whole: took {default}, the class default of `{whole}` \
             (transformers 5 does, 4 takes the text part's)"
        ));
        return Ok(default);
    }
    if let Some(stated) = inner.or(outer) {
        return Ok(stated);
    }
    Ok(reader.class_default("tie_word_embeddings", reader.family.tied))
}

/// The class of a checkpoint that embeds instead of predicting tokens: its type's own base class, as `MistralModel` or
/// `Qwen2Model`. ChatGLM's has its head all the same.
fn headless(reader: &Reader<'_>) -> Result<Option<String>, DocumentError> {
    let classes = reader.outer.texts("architectures")?;
    let [class] = classes.as_slice() else { return Ok(None) };
    if family::SCORING_HEADS.iter().any(|end| class.ends_with(end)) {
        return Ok(Some(class.clone()));
    }
    let base = class.strip_suffix("Model").is_some_and(|base| {
        base.eq_ignore_ascii_case(&reader.model_type.replace('_', "")) && !base.starts_with("ChatGLM")
    });
    Ok((base && !reader.nested).then(|| class.clone()))
}

/// Multi-token-prediction heads are drafts: transformers does not load them.
fn drafts(reader: &mut Reader<'_>, facts: &Facts) -> Result<(), DocumentError> {
    let heads = reader.drafts()?;
    if heads > 0 {
        reader.assume(format!(
            "{heads} multi-token-prediction layer(s) not counted: they draft, and need not be loaded"
        ));
    }
    if facts.latent.is_some() {
        reader.assume(
            "latent attention: cached compressed or as whole heads, as the runtime does; transformers is counted with whole heads, which it keeps up to 5.14 (from 5.15 on the compressed vector)"
                .into(),
        );
    }
    if let Some(told) = quantised::told(&reader.outer, &reader.text)? {
        reader.assume(told);
    }
    Ok(())
}
