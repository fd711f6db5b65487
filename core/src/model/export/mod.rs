//! A GGUF header for a model that exists as a description only: llama.cpp's own key and tensor names, true shapes and
//! types, a made-up vocabulary of the true size.
//!
//! With zeros for weights behind it (a hole costs no disk) a runtime loads it and takes the memory the real file would
//! take, since no size depends on a weight's value. Where weights must be read from storage, [`Placed::fill`] makes blocks
//! of small finite values instead.

mod blocks;
mod header;
mod metadata;
mod names;
mod vocabulary;

pub use blocks::Placed;

use super::architecture::Architecture;
use super::tensor::{Active, Role};
use super::{Model, Tensor};
use crate::weights::{BlockType, StockType, WeightFormat, WeightPlan};
use header::Header;
pub use names::{Tokenizer, tokenizer};

/// Families with their name in GGUF files and the kind of their tokenizer.
const FAMILIES: [(&str, &str, Tokenizer); 29] = [
    ("llama", "llama", Tokenizer::Bpe),
    ("mistral", "llama", Tokenizer::Bpe),
    ("mixtral", "llama", Tokenizer::Bpe),
    ("ministral3", "mistral3", Tokenizer::Bpe),
    ("qwen2", "qwen2", Tokenizer::Bpe),
    ("qwen2_moe", "qwen2moe", Tokenizer::Bpe),
    ("qwen3", "qwen3", Tokenizer::Bpe),
    ("qwen3_moe", "qwen3moe", Tokenizer::Bpe),
    ("qwen3_next", "qwen3next", Tokenizer::Bpe),
    ("qwen3_5", "qwen35", Tokenizer::Bpe),
    ("granite", "granite", Tokenizer::Bpe),
    ("granitemoe", "granitemoe", Tokenizer::Bpe),
    ("granitemoehybrid", "granitehybrid", Tokenizer::Bpe),
    ("smollm3", "smollm3", Tokenizer::Bpe),
    ("lfm2", "lfm2", Tokenizer::Bpe),
    ("lfm2_moe", "lfm2moe", Tokenizer::Bpe),
    ("phi3", "phi3", Tokenizer::Bpe),
    ("cohere", "command-r", Tokenizer::Bpe),
    ("cohere2", "cohere2", Tokenizer::Bpe),
    ("olmo2", "olmo2", Tokenizer::Bpe),
    ("exaone4", "exaone4", Tokenizer::Bpe),
    ("glm4", "glm4", Tokenizer::Bpe),
    ("starcoder2", "starcoder2", Tokenizer::Bpe),
    ("gpt_oss", "gpt-oss", Tokenizer::Bpe),
    ("deepseek_v2", "deepseek2", Tokenizer::Bpe),
    ("gemma2", "gemma2", Tokenizer::Spm),
    ("gemma3", "gemma3", Tokenizer::Spm),
    ("gemma3n", "gemma3n", Tokenizer::Spm),
    ("gemma4", "gemma4", Tokenizer::Gemma4),
];
/// Two more, for which the rules of their neighbours hold.
const MORE: [(&str, &str, Tokenizer); 2] =
    [("gemma", "gemma", Tokenizer::Spm), ("internlm2", "internlm2", Tokenizer::Spm)];

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
    write(model, |index, tensor| {
        plan.tensors.get(index).and_then(|planned| planned.block).ok_or_else(|| ExportError::Format {
            found: plan.format.to_string(),
            tensor: tensor.name.clone(),
        })
    })
}

/// The header that a converter writes when asked for f16: matrices in f16, vectors and what stays small in f32.
///
/// No quantiser's rule is in it, so a quantiser can be asked what it makes of the file.
pub fn f16_header(model: &Model) -> Result<GgufHeader, ExportError> {
    let plan = WeightPlan::new(model, WeightFormat::Stock(StockType::F16));
    write(model, |index, _| {
        let planned = plan.as_ref().ok().and_then(|plan| plan.tensors.get(index));
        Ok(planned.and_then(|planned| planned.block).unwrap_or(BlockType::F16))
    })
}

/// The header with types that come from elsewhere: `types` by the file's tensor names; f16's where it is silent.
pub fn typed_header(
    model: &Model,
    types: &std::collections::BTreeMap<String, BlockType>,
) -> Result<GgufHeader, ExportError> {
    let names = file_names(model)?;
    let plan = WeightPlan::new(model, WeightFormat::Stock(StockType::F16));
    write(model, |index, _| {
        let stated = names.get(index).and_then(|name| name.as_ref()).and_then(|name| types.get(name));
        let planned = plan.as_ref().ok().and_then(|plan| plan.tensors.get(index));
        let f16 = planned.and_then(|planned| planned.block).unwrap_or(BlockType::F16);
        Ok(stated.copied().unwrap_or(f16))
    })
}

/// What llama.cpp calls each tensor of `model`; nothing for towers, which have a file of their own.
pub fn file_names(model: &Model) -> Result<Vec<Option<String>>, ExportError> {
    let (architecture, _) = architecture(&model.architecture)?;
    let name = |tensor: &Tensor| {
        let tower = matches!(tensor.role, Role::Vision | Role::Audio);
        (!tower).then(|| names::file_name(&tensor.name, architecture))
    };
    Ok(model.tensors.iter().map(name).collect())
}

/// The architecture's name in GGUF files and the kind of the tokenizer.
fn architecture(shape: &Architecture) -> Result<(&'static str, Tokenizer), ExportError> {
    let known = super::family::family(&shape.family).map_or(shape.family.as_str(), |family| family.name);
    let found = FAMILIES.iter().chain(&MORE).find(|(name, ..)| *name == known);
    let &(_, architecture, tokenizer) = found.ok_or_else(|| ExportError::Family {
        found: shape.family.clone(),
        expected: FAMILIES.map(|(name, ..)| name).join(", "),
    })?;
    // Converters call a hybrid without recurrent layers by its attention-only name.
    let experts =
        shape.layers.iter().any(|layer| matches!(layer.ffn, super::architecture::Ffn::Experts { .. }));
    let architecture = match architecture {
        "granitehybrid" if shape.state_bytes() == 0 && !experts => "granite",
        architecture => architecture,
    };
    Ok((architecture, names::by_size(tokenizer, shape)))
}

fn write(
    model: &Model,
    block: impl Fn(usize, &Tensor) -> Result<BlockType, ExportError>,
) -> Result<GgufHeader, ExportError> {
    let shape = &model.architecture;
    let (architecture, tokenizer) = architecture(shape)?;
    let vocab = shape.embeddings.vocab_size;
    let mut header = Header::default();
    metadata::write(&mut header, model, architecture, vocab);
    vocabulary::write(&mut header, tokenizer, vocab);
    for (index, tensor) in model.tensors.iter().enumerate() {
        if matches!(tensor.role, Role::Vision | Role::Audio) || names::is_merged(&tensor.name, architecture) {
            continue;
        }
        let block = block(index, tensor)?;
        let name = names::file_name(&tensor.name, architecture);
        if let Some((scale, experts)) = gemma4_scales(tensor, shape, architecture) {
            header.tensor(&name, &[scale], block);
            header.tensor(&name.replace("ffn_gate_inp", "ffn_down_exps"), &[experts], block);
            continue;
        }
        header.tensor(&name, &dimensions(tensor, shape, architecture), block);
    }
    rope_factors(&mut header, shape, architecture);
    Ok(header.finish())
}

/// The inventory's one vector beside Gemma 4's router is two tensors: a scale of the input, and one of each expert.
fn gemma4_scales(tensor: &Tensor, shape: &Architecture, architecture: &str) -> Option<(u64, u64)> {
    let both = architecture == "gemma4" && tensor.name.ends_with("ffn_gate_inp.scale");
    both.then(|| (shape.hidden_size, tensor.row_length.saturating_sub(shape.hidden_size)))
}

/// Row length first; AltUp's projections, experts and latent attention's heads have a third dimension, Mamba's scalars and
/// grouped norm a second.
fn dimensions(tensor: &Tensor, shape: &Architecture, architecture: &str) -> Vec<u64> {
    let (part, last) = tensor.name.rsplit_once('.').unwrap_or(("", ""));
    let mamba = shape.family.starts_with("granite");
    let split = |count: u64, times: u64| vec![tensor.row_length, times * tensor.rows / count.max(1), count];
    match tensor.rows {
        rows if last == "bias" && rows > 1 => vec![tensor.row_length, rows],
        1 if mamba && (part.ends_with("ssm_a") || part.ends_with("ssm_d")) => vec![1, tensor.row_length],
        1 if mamba && part.ends_with("ssm_norm") => vec![tensor.row_length, 1],
        1 => vec![tensor.row_length],
        rows if tensor.name.starts_with("altup_") => {
            vec![tensor.row_length, tensor.row_length, rows / tensor.row_length.max(1)]
        }
        _ if part.ends_with("attn_k_b") || part.ends_with("attn_v_b") => {
            let heads = shape.attention_layers().next().map_or(1, |(_, attention)| attention.query_heads);
            split(heads, 1)
        }
        rows => match tensor.active {
            Active::Experts { experts, .. } => {
                split(experts, if names::merges(&tensor.name, architecture) { 2 } else { 1 })
            }
            _ if names::merges(&tensor.name, architecture) => vec![tensor.row_length, 2 * rows],
            // Gemma 3n's converter pads the per-layer table to the token table.
            _ if tensor.role == Role::PleTable => {
                vec![tensor.row_length, rows.max(shape.embeddings.vocab_size)]
            }
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
            if shape.family == "gemma4" {
                expected += 1024;
            }
            assert_eq!(stored.gguf_data_bytes(&read), expected, "{}", shape.name);
            written += 1;
        }
        assert!(written > 38, "{written}");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let refuse = |slug: &str, format: &str| {
            let model = registry::model(slug).unwrap();
            let plan = WeightPlan::new(&model, WeightFormat::parse(format).unwrap()).unwrap();
            gguf_header(&model, &plan).unwrap_err().to_string()
        };
        assert!(
            refuse("lfm3-1.7b", "q4_k_m")
                .contains("`lfm3` has no GGUF writer; expected one of llama, mistral")
        );
        assert!(refuse("llama-3.2-1b", "4").contains("token_embd.weight"));
    }
}
