//! Adapters for llama.cpp: a GGUF file of type `adapter` with a `lora_a` and a `lora_b` for each matrix.
//!
//! llama.cpp divides `adapter.lora.alpha` by the rank itself. Where its converters interleave the rows of queries and
//! keys, the rows of `B` are interleaved alike.

use super::TrainError;
use super::params::{Pair, Parameters};
use super::write_whole;
use dhurandhar_core::leaf::cast::to_f32;
use dhurandhar_core::model::Architecture;
use dhurandhar_core::training::Target;
use std::path::Path;

/// Alignment of the tensors' data.
const ALIGNMENT: usize = 32;
const TYPE_F32: u32 = 6;
const TYPE_TEXT: u32 = 8;

/// Write the file.
pub(crate) fn save(
    path: &Path,
    parameters: &Parameters,
    architecture: &Architecture,
) -> Result<(), TrainError> {
    if parameters.pairs.iter().any(Pair::is_dora) {
        let problem = "llama.cpp has no DoRA; merge the adapter into the base instead".to_owned();
        return Err(TrainError::Data { path: path.to_owned(), problem });
    }
    write_whole(path, &bytes(parameters, architecture))
}

fn bytes(parameters: &Parameters, architecture: &Architecture) -> Vec<u8> {
    let tensors: Vec<(String, [usize; 2], Vec<f32>)> = parameters
        .pairs
        .iter()
        .flat_map(|pair| {
            let name = format!("blk.{}.{}.weight", pair.layer, pair.target.tensor());
            let b = rows_of_b(pair, architecture);
            [
                (format!("{name}.lora_a"), [pair.inputs, pair.rank], pair.factors[0].clone()),
                (format!("{name}.lora_b"), [pair.rank, pair.outputs], b),
            ]
        })
        .collect();
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(4_u64.to_le_bytes());
    for (key, value) in [
        ("general.type", "adapter"),
        ("general.architecture", family(architecture)),
        ("adapter.type", "lora"),
    ] {
        text(&mut out, key);
        out.extend(TYPE_TEXT.to_le_bytes());
        text(&mut out, value);
    }
    text(&mut out, "adapter.lora.alpha");
    out.extend(TYPE_F32.to_le_bytes());
    out.extend(alpha(parameters).to_le_bytes());
    let mut offset = 0;
    for (name, shape, values) in &tensors {
        text(&mut out, name);
        out.extend(2_u32.to_le_bytes());
        out.extend(shape.iter().flat_map(|side| (*side as u64).to_le_bytes()));
        out.extend(0_u32.to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        offset += (values.len() * size_of::<f32>()).next_multiple_of(ALIGNMENT);
    }
    for (.., values) in &tensors {
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    out
}

/// The numerator that gives this scale at this rank, whatever the rule was; all pairs of a run have the same.
fn alpha(parameters: &Parameters) -> f32 {
    to_f32(parameters.pairs.first().map_or(0.0, |pair| pair.scale * pair.rank as f64))
}

/// llama.cpp's name of the family: that of its converters.
fn family(architecture: &Architecture) -> &str {
    match architecture.family.as_str() {
        "mistral" => "llama",
        other => other,
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// `B` with its rows in the order of llama.cpp's files.
fn rows_of_b(pair: &Pair, architecture: &Architecture) -> Vec<f32> {
    let rows: Vec<&[f32]> = pair.factors[1].chunks_exact(pair.rank).collect();
    (0..pair.outputs).flat_map(|at| rows[source_row(pair, architecture, at)].iter().copied()).collect()
}

/// The row that llama.cpp's files have at `at`: `i + j d/2` of a head at `2i + j`, in families whose queries and keys
/// are interleaved.
pub(super) fn source_row(pair: &Pair, architecture: &Architecture, at: usize) -> usize {
    let interleaved = crate::decoder::interleaves(&architecture.family)
        && matches!(pair.target, Target::Query | Target::Key);
    let attention = architecture.layers.get(pair.layer).and_then(|layer| layer.attention());
    let Some(attention) = attention.filter(|_| interleaved) else { return at };
    let head_dim = crate::decoder::word(attention.k_head_dim);
    let (head, index) = (at / head_dim, at % head_dim);
    head * head_dim + (index % 2) * (head_dim / 2) + index / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::model::import::gguf::parse_gguf;
    use dhurandhar_core::model::registry;
    use dhurandhar_core::training::AdapterPlan;

    #[test]
    fn the_file_parses_and_rows_are_interleaved() {
        let model = registry::model("smollm2-135m").unwrap();
        let plan = AdapterPlan::new(&model, 2, |layer, _| layer == 0).unwrap();
        let mut parameters = Parameters::initial(&plan, 3.0, 1);
        let key = parameters.pairs.iter_mut().find(|pair| pair.target == Target::Key).unwrap();
        for (row, part) in key.factors[1].chunks_exact_mut(2).enumerate() {
            part.fill(f32::from(u16::try_from(row).unwrap()));
        }
        let key = key.clone();
        let bytes = bytes(&parameters, &model.architecture);
        let gguf = parse_gguf(&bytes, Some(bytes.len() as u64)).unwrap();
        assert_eq!(gguf.tensors.len(), 14);
        assert_eq!(gguf.metadata.text("general.type"), Some("adapter"));
        let b = gguf.tensors.iter().find(|tensor| tensor.name == "blk.0.attn_k.weight.lora_b").unwrap();
        assert_eq!((b.row_length, b.rows), (2, 192));
        let start = usize::try_from(gguf.data_offset + b.offset).unwrap();
        let first = |row: usize| {
            let at = start + row * 8;
            f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
        };
        // Heads of 64: stored rows 0, 1, 2 are rows 0, 32, 1; row 65 is row 96.
        assert_eq!(
            [0, 1, 2, 65].map(|row| first(row).to_bits()),
            [0.0_f32, 32.0, 1.0, 96.0].map(f32::to_bits)
        );
        assert_eq!(rows_of_b(&parameters.pairs[4], &model.architecture), parameters.pairs[4].factors[1]);
        assert_eq!(key.outputs, 192);
        let magnitudes = Parameters::initial(&plan.with_magnitudes(), 3.0, 1);
        let refused =
            save(Path::new("adapter.gguf"), &magnitudes, &model.architecture).unwrap_err().to_string();
        assert!(refused.contains("llama.cpp has no DoRA"), "{refused}");
    }

    /// llama.cpp's words with this file are in `tests/fixtures/smollm2-lora/llama-cpp.json`, and tests compare ours.
    #[test]
    fn the_file_is_the_one_that_llama_cpp_was_given() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/smollm2-lora");
        let model = registry::model("smollm2-135m").unwrap();
        let parameters = crate::train::peft::load(&folder, &model).unwrap();
        let given = std::fs::read(folder.join("adapter.gguf")).unwrap();
        assert!(bytes(&parameters, &model.architecture) == given);
    }
}
