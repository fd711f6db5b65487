//! A GGUF header for a model that exists as a description only: llama.cpp's own key and tensor names, true shapes and
//! types, a made-up vocabulary of the true size.
//!
//! With zeros for weights behind it (a hole costs no disk) a runtime loads it and takes the memory the real file would
//! take, since no size depends on a weight's value. Where weights must be read from storage, [`Placed::fill`] makes blocks
//! of small finite values instead.

mod blocks;
mod metadata;
mod names;
mod vocabulary;

pub use blocks::Placed;

use crate::format::gguf::{Header, WrittenTensor};
use crate::leaf::BlockType;
use crate::model::architecture::{Architecture, Tokenizer};
use crate::model::family;
use crate::model::family::{Family, FileForm};
use crate::model::tensor::{Active, Role};
use crate::model::{Model, Tensor};
use crate::weights::{StockType, WeightFormat, WeightPlan};

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
    let (_, family, _) = form(&model.architecture)?;
    let name = |tensor: &Tensor| {
        let tower = tensor.role.is_tower();
        (!tower).then(|| names::file_name(&tensor.name, family))
    };
    Ok(model.tensors.iter().map(name).collect())
}

/// The kind of tokenizer in a model's files.
pub fn tokenizer(shape: &Architecture) -> Tokenizer {
    shape.conduct.tokenizer
}

/// The architecture's name in GGUF files, its family, and what its files have beside the usual.
fn form(shape: &Architecture) -> Result<(&'static str, &'static Family, &'static FileForm), ExportError> {
    let family = family::family(&shape.family);
    let found = family.and_then(|family| Some((*family.gguf.first()?, family, family.file.as_ref()?)));
    let (name, family, form) = found.ok_or_else(|| {
        let written = family::families().filter(|family| family.file.is_some());
        let expected: Vec<&str> = written.map(|family| family.name).collect();
        ExportError::Family { found: shape.family.clone(), expected: expected.join(", ") }
    })?;
    // Converters call a hybrid without recurrent layers by its attention-only name.
    let experts =
        shape.layers.iter().any(|layer| matches!(layer.ffn, crate::model::architecture::Ffn::Experts { .. }));
    let plain = form.without_state.filter(|_| shape.state_bytes() == 0 && !experts);
    Ok((plain.unwrap_or(name), family, form))
}

fn write(
    model: &Model,
    block: impl Fn(usize, &Tensor) -> Result<BlockType, ExportError>,
) -> Result<GgufHeader, ExportError> {
    let shape = &model.architecture;
    let (architecture, family, form) = form(shape)?;
    let tokenizer = shape.conduct.tokenizer;
    let vocab = shape.embeddings.vocab_size;
    let mut header = Header::default();
    metadata::write(&mut header, model, (architecture, form), vocab);
    vocabulary::write(&mut header, tokenizer, vocab);
    for (index, tensor) in model.tensors.iter().enumerate() {
        if tensor.role.is_tower() || names::is_merged(&tensor.name, family) {
            continue;
        }
        let block = block(index, tensor)?;
        let name = names::file_name(&tensor.name, family);
        if let Some((scale, experts)) = scales_apart(tensor, shape, form) {
            header.tensor(&name, &[scale], block);
            header.tensor(&name.replace("ffn_gate_inp", "ffn_down_exps"), &[experts], block);
            continue;
        }
        header.tensor(&name, &dimensions(tensor, shape, family, form), block);
    }
    if form.rope_factors {
        rope_factors(&mut header, shape);
    }
    let written = header.finish();
    let placed = |tensor: &WrittenTensor| Placed {
        offset: tensor.offset,
        bytes: tensor.bytes,
        block: tensor.block,
        vector: tensor.rows == 1,
        tokens: tensor.name == "token_embd.weight",
    };
    let tensors = written.tensors.iter().map(placed).collect();
    Ok(GgufHeader { bytes: written.bytes, file_bytes: written.file_bytes, tensors })
}

/// The inventory's one vector beside a router is two tensors in some files: a scale of the input, and one of each expert.
fn scales_apart(tensor: &Tensor, shape: &Architecture, form: &FileForm) -> Option<(u64, u64)> {
    let both = form.scales_apart && tensor.name.ends_with("ffn_gate_inp.scale");
    both.then(|| (shape.hidden_size, tensor.row_length.saturating_sub(shape.hidden_size)))
}

/// Row length first; AltUp's projections, experts and latent attention's heads have a third dimension, Mamba's scalars and
/// grouped norm a second.
fn dimensions(tensor: &Tensor, shape: &Architecture, family: &Family, form: &FileForm) -> Vec<u64> {
    let (part, last) = tensor.name.rsplit_once('.').unwrap_or(("", ""));
    let mamba = form.mamba_columns;
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
                split(experts, if names::merges(&tensor.name, family) { 2 } else { 1 })
            }
            _ if names::merges(&tensor.name, family) => vec![tensor.row_length, 2 * rows],
            // Gemma 3n's converter pads the per-layer table to the token table.
            _ if tensor.role == Role::PleTable => {
                vec![tensor.row_length, rows.max(shape.embeddings.vocab_size)]
            }
            _ => vec![tensor.row_length, rows],
        },
    }
}

/// A proportional rotary embedding is a tensor of factors for the full-attention layers.
fn rope_factors(header: &mut Header, shape: &Architecture) {
    let full = shape.attention_layers().find(|(_, attention)| attention.window.is_none());
    if let Some((_, attention)) = full {
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
            // A file says nothing of windows that llama.cpp does not know of.
            let owners = |model: &Architecture| match model.cache_owners() {
                (full, sliding) if shape.conduct.llama_cpp_ignores_windows => (full + sliding, 0),
                owners => owners,
            };
            assert_eq!(owners(&read.architecture), owners(shape), "{}", shape.name);
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
