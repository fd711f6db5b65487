//! A GGUF header for a model that exists as a description only: llama.cpp's own key and tensor names, true shapes and
//! types, a made-up vocabulary of the true size.
//!
//! With zeros for weights behind it (a hole costs no disk) a runtime loads it and takes the memory the real file would
//! take, since no size depends on a weight's value. Where weights must be read from storage, [`Placed::fill`] makes blocks
//! of small finite values instead.

mod blocks;
mod header;
mod metadata;
mod vocabulary;

pub use blocks::Placed;

use super::architecture::Architecture;
use super::tensor::{Active, Role};
use super::{Model, Tensor};
use crate::weights::{BlockType, WeightPlan};
use header::Header;

/// Families with their name in GGUF files and the kind of their tokenizer.
const FAMILIES: [(&str, &str, Tokenizer); 14] = [
    ("llama", "llama", Tokenizer::Bpe),
    ("qwen2", "qwen2", Tokenizer::Bpe),
    ("qwen3", "qwen3", Tokenizer::Bpe),
    ("qwen3_moe", "qwen3moe", Tokenizer::Bpe),
    ("qwen3_5", "qwen35", Tokenizer::Bpe),
    ("granite", "granite", Tokenizer::Bpe),
    ("granitemoe", "granitemoe", Tokenizer::Bpe),
    ("granitemoehybrid", "granitehybrid", Tokenizer::Bpe),
    ("smollm3", "smollm3", Tokenizer::Bpe),
    ("lfm2", "lfm2", Tokenizer::Bpe),
    ("phi3", "phi3", Tokenizer::Bpe),
    ("gemma3", "gemma3", Tokenizer::Spm),
    ("gemma3n", "gemma3n", Tokenizer::Spm),
    ("gemma4", "gemma4", Tokenizer::Gemma4),
];

/// Phi vocabularies of at least this size are byte pairs.
const PHI_BPE: u64 = 100_000;

/// Kinds of vocabulary that llama.cpp keeps in different structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokenizer {
    /// Byte pairs with a merge list.
    Bpe,
    /// Scored pieces.
    Spm,
    /// Gemma 4: byte pairs over pieces with spaces as U+2581.
    Gemma4,
}

/// The beginning of a file, up to where tensor data starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufHeader {
    /// Header, metadata and tensor table, padded to the alignment.
    pub bytes: Vec<u8>,
    /// Length of the whole file, in bytes.
    pub file_bytes: u64,
    /// The tensors behind it, in the order of the file.
    pub tensors: Vec<Placed>,
}

/// Why there is no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// No GGUF names known.
    #[error("family `{found}` has no GGUF writer; expected one of {expected}")]
    Family {
        /// The model's family.
        found: String,
        /// Those that have.
        expected: String,
    },
    /// Mixtures are written for the families whose layers have nothing beside the experts.
    #[error(
        "`{0}` is a mixture of experts; expected a dense model, or a mixture of family qwen3_moe or granitemoe"
    )]
    Experts(String),
    /// The format has no block types.
    #[error(
        "weight format `{found}` gives tensor {tensor} no block type; expected a stock GGUF format such as q4_k_m"
    )]
    Format {
        /// The format.
        found: String,
        /// The first tensor without a type.
        tensor: String,
    },
}

/// The header of `model` with its weights laid out as `plan`; towers are left out, as converters do.
pub fn gguf_header(model: &Model, plan: &WeightPlan) -> Result<GgufHeader, ExportError> {
    let shape = &model.architecture;
    let known = super::family::family(&shape.family).map_or(shape.family.as_str(), |family| family.name);
    let found = FAMILIES.iter().find(|(name, ..)| *name == known);
    let &(_, architecture, tokenizer) = found.ok_or_else(|| ExportError::Family {
        found: shape.family.clone(),
        expected: FAMILIES.map(|(name, ..)| name).join(", "),
    })?;
    // Converters call a hybrid without recurrent layers by its attention-only name.
    let architecture =
        if shape.state_bytes() == 0 && architecture == "granitehybrid" { "granite" } else { architecture };
    let tokenizer = if architecture == "phi3" && shape.embeddings.vocab_size < PHI_BPE {
        Tokenizer::Spm
    } else {
        tokenizer
    };
    let vocab = vocabulary_size(shape);
    let mixture = model.tensors.iter().any(|tensor| matches!(tensor.active, Active::Experts { .. }));
    if mixture && !architecture.ends_with("moe") {
        return Err(ExportError::Experts(shape.name.clone()));
    }
    let mut header = Header::default();
    metadata::write(&mut header, model, architecture, vocab);
    vocabulary::write(&mut header, tokenizer, vocab);
    for (tensor, planned) in model.tensors.iter().zip(&plan.tensors) {
        if matches!(tensor.role, Role::Vision | Role::Audio) {
            continue;
        }
        let block = planned.block.ok_or_else(|| ExportError::Format {
            found: plan.format.to_string(),
            tensor: tensor.name.clone(),
        })?;
        header.tensor(&file_name(&tensor.name, architecture), &dimensions(tensor, shape, vocab), block);
    }
    rope_factors(&mut header, shape, architecture);
    Ok(header.finish())
}

/// Rows of the token table: converters cut it to the per-layer table's (Gemma 3n pads the former only).
fn vocabulary_size(shape: &Architecture) -> u64 {
    let rows = shape.ple.as_ref().map_or(u64::MAX, |ple| ple.rows);
    shape.embeddings.vocab_size.min(rows)
}

/// What llama.cpp calls a tensor where it differs from the inventory's name.
fn file_name(name: &str, architecture: &str) -> String {
    let block = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    let Some((layer, rest)) = block else {
        return if architecture == "lfm2" && name == "output_norm.weight" {
            "token_embd_norm.weight".to_owned()
        } else {
            name.to_owned()
        };
    };
    let rest = match rest {
        "ssm_a.weight" => "ssm_a",
        "ssm_d.weight" => "ssm_d",
        "ssm_dt.weight" => "ssm_dt.bias",
        "ssm_conv1d.bias.weight" => "ssm_conv1d.bias",
        "ffn_norm.weight" if architecture == "qwen35" => "post_attention_norm.weight",
        rest => rest,
    };
    format!("blk.{layer}.{rest}")
}

/// Row length first; AltUp's projections have a third dimension, Mamba's scalars and grouped norm a second.
fn dimensions(tensor: &Tensor, shape: &Architecture, vocab: u64) -> Vec<u64> {
    let part = tensor.name.rsplit_once('.').map_or("", |(front, _)| front);
    let mamba = shape.family.starts_with("granite");
    match tensor.rows {
        1 if mamba && (part.ends_with("ssm_a") || part.ends_with("ssm_d")) => vec![1, tensor.row_length],
        1 if mamba && part.ends_with("ssm_norm") => vec![tensor.row_length, 1],
        1 => vec![tensor.row_length],
        rows if tensor.name.starts_with("altup_") => {
            vec![tensor.row_length, tensor.row_length, rows / tensor.row_length.max(1)]
        }
        _ if tensor.role == Role::TokenEmbedding => vec![tensor.row_length, vocab],
        rows => match tensor.active {
            Active::Experts { experts, .. } => vec![tensor.row_length, rows / experts.max(1), experts],
            _ => vec![tensor.row_length, rows],
        },
    }
}

/// Gemma 4's proportional rotary embedding is a tensor of factors for its full-attention layers.
fn rope_factors(header: &mut Header, shape: &Architecture, architecture: &str) {
    let full = shape.attention_layers().find(|(_, attention)| attention.window.is_none());
    if let Some((_, attention)) = full.filter(|_| architecture == "gemma4") {
        header.tensor("rope_freqs.weight", &[attention.k_head_dim / 2], BlockType::F32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::import::gguf::parse_gguf;
    use crate::model::registry;
    use crate::weights::WeightFormat;

    /// What is written is what the importer reads: the same layers, caches, types and sizes.
    #[test]
    fn headers_read_back_as_the_model_they_describe() {
        let mut written = 0;
        for model in registry::models() {
            let format = WeightFormat::parse("q4_k_m").unwrap();
            let plan = WeightPlan::new(&model, format).unwrap();
            let Ok(header) = gguf_header(&model, &plan) else { continue };
            let shape = &model.architecture;
            let gguf = parse_gguf(&header.bytes, Some(header.file_bytes)).unwrap();
            let read = gguf.model(&format!("{}.gguf", shape.name)).unwrap();
            assert_eq!(read.architecture.cache_owners(), shape.cache_owners(), "{}", shape.name);
            assert_eq!(read.architecture.state_bytes(), shape.state_bytes(), "{}", shape.name);
            assert_eq!(read.architecture.embeddings.tied, shape.embeddings.tied, "{}", shape.name);
            let stored = WeightPlan::new(&read, WeightFormat::AsStored).unwrap();
            let mut expected = plan.gguf_data_bytes(&model);
            match shape.family.as_str() {
                "gemma4" => expected += 1024,
                // 256 rows of padding in q6_k.
                "gemma3n" => expected -= 256 * 2048 / 256 * 210,
                _ => {}
            }
            assert_eq!(stored.gguf_data_bytes(&read), expected, "{}", shape.name);
            written += 1;
        }
        assert!(written > 25, "{written}");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let refuse = |slug: &str, format: &str| {
            let model = registry::model(slug).unwrap();
            let plan = WeightPlan::new(&model, WeightFormat::parse(format).unwrap()).unwrap();
            gguf_header(&model, &plan).unwrap_err().to_string()
        };
        assert!(refuse("gemma4-26b-a4b", "q4_k_m").contains("expected a dense model"));
        assert!(
            refuse("lfm3-1.7b", "q4_k_m").contains("`lfm3` has no GGUF writer; expected one of llama, qwen2")
        );
        assert!(refuse("llama-3.2-1b", "4").contains("token_embd.weight"));
    }
}
