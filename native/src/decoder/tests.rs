//! Logits of tiny random models against those of `transformers`, with and without the cache.

mod gguf_file;
mod variants;

use super::*;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

const TOLERANCE: f32 = 1e-4;
const MODELS: [&str; 8] =
    ["llama", "llama-scaled", "qwen2", "qwen3", "granite", "gemma3", "gemma3n", "gemma4"];

struct Case {
    decoder: Decoder,
    tokens: Vec<u32>,
    logits: Vec<f32>,
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/parity").join(name)
}

fn case(name: &str, backend: Backend) -> Case {
    case_of(name, &folder(name), backend)
}

/// The expected logits of `name` beside the checkpoint in `weights`.
fn case_of(name: &str, weights: &Path, backend: Backend) -> Case {
    let bytes = std::fs::read(folder(name).join("expected.safetensors")).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let words = |name: &str| {
        let at = |index: usize| {
            8 + length + usize::try_from(header[name]["data_offsets"][index].as_u64().unwrap()).unwrap()
        };
        bytes[at(0)..at(1)].as_chunks::<4>().0.to_vec()
    };
    let checkpoint = Arc::new(Checkpoint::open(weights).unwrap());
    Case {
        decoder: Decoder::load(&checkpoint, backend).unwrap(),
        tokens: words("tokens").into_iter().map(u32::from_le_bytes).collect(),
        logits: words("logits").into_iter().map(f32::from_le_bytes).collect(),
    }
}

impl Case {
    /// Largest difference when the tokens are run in pieces of these lengths (the last one repeats).
    fn difference(&self, pieces: &[usize]) -> f32 {
        let mut cache = self.decoder.new_cache();
        let mut at = 0;
        let mut worst = 0.0_f32;
        let vocab = self.decoder.vocab();
        let mut lengths = pieces.iter().copied().chain(std::iter::repeat(pieces[pieces.len() - 1]));
        while at < self.tokens.len() {
            let end = (at + lengths.next().unwrap()).min(self.tokens.len());
            let hidden = self.decoder.forward(&self.tokens[at..end], &mut cache, None).unwrap();
            let logits = self.decoder.backend().host(self.decoder.logits(&hidden)).unwrap();
            for (value, wanted) in logits.iter().zip(&self.logits[at * vocab..end * vocab]) {
                assert!(value.is_finite());
                worst = worst.max((value - wanted).abs());
            }
            at = end;
        }
        worst
    }
}

#[test]
fn logits_equal_the_reference_on_the_cpu() {
    for name in MODELS {
        let case = case(name, Backend::cpu());
        assert_eq!(case.logits.len(), case.tokens.len() * case.decoder.vocab());
        for pieces in [&[40][..], &[11, 1], &[1], &[5, 17, 3]] {
            let worst = case.difference(pieces);
            assert!(worst <= TOLERANCE, "{name} in {pieces:?}: {worst:e}");
        }
    }
}

#[test]
fn logits_equal_the_reference_on_wgpu() {
    // Any adapter will do, a software driver too (Debian: mesa-vulkan-drivers).
    let backend = Backend::open(BackendChoice::Wgpu).unwrap();
    for name in MODELS {
        let case = case(name, backend.clone());
        for pieces in [&[40][..], &[39, 1]] {
            let worst = case.difference(pieces);
            assert!(worst <= TOLERANCE, "{name} in {pieces:?} on {}: {worst:e}", backend.name);
        }
    }
}

#[test]
fn half_precision_stays_near_the_reference() {
    let backend = Backend::open(BackendChoice::Wgpu).unwrap().in_half_precision();
    if backend.half.is_none() {
        println!("{} computes in f32 only", backend.name);
        return;
    }
    for name in ["llama", "gemma4"] {
        let case = case(name, backend.clone());
        let largest = case.logits.iter().fold(0.0_f32, |most, logit| most.max(logit.abs()));
        let worst = case.difference(&[40]) / largest;
        // Ten bits of mantissa; not so near that nothing was rounded.
        assert!((1e-6..2e-2).contains(&worst), "{name} on {}: {worst:e} of {largest}", backend.name);
    }
}

/// Cuts a checkpoint into shards, a tensor to each in turn, as large checkpoints are published.
fn shard(from: &Path, to: &Path, shards: usize) {
    let bytes = std::fs::read(from.join("model.safetensors")).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut parts: Vec<(Map<String, Value>, Vec<u8>)> = vec![(Map::new(), Vec::new()); shards];
    let mut places = Map::new();
    for (at, (name, fields)) in header.iter().filter(|(name, _)| *name != "__metadata__").enumerate() {
        let offset =
            |end: usize| 8 + length + usize::try_from(fields["data_offsets"][end].as_u64().unwrap()).unwrap();
        let (tensors, data) = &mut parts[at % shards];
        let start = data.len();
        data.extend_from_slice(&bytes[offset(0)..offset(1)]);
        let mut fields = fields.clone();
        fields["data_offsets"] = json!([start, data.len()]);
        tensors.insert(name.clone(), fields);
        places
            .insert(name.clone(), json!(format!("model-{:05}-of-{shards:05}.safetensors", at % shards + 1)));
    }
    for (at, (tensors, data)) in parts.iter().enumerate() {
        let header = serde_json::to_vec(tensors).unwrap();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header);
        file.extend(data);
        std::fs::write(to.join(format!("model-{:05}-of-{shards:05}.safetensors", at + 1)), file).unwrap();
    }
    let index = json!({ "metadata": { "total_size": bytes.len() - 8 - length }, "weight_map": places });
    std::fs::write(to.join("model.safetensors.index.json"), index.to_string()).unwrap();
    std::fs::copy(from.join("config.json"), to.join("config.json")).unwrap();
}

#[test]
fn shards_give_the_same_logits_and_a_missing_one_is_named() {
    for name in ["llama", "gemma4"] {
        let cut = tempfile::tempdir().unwrap();
        shard(&folder(name), cut.path(), 3);
        let worst = case_of(name, cut.path(), Backend::cpu()).difference(&[40]);
        assert!(worst <= TOLERANCE, "{name}: {worst:e}");
        let second = cut.path().join("model-00002-of-00003.safetensors");
        let whole = std::fs::read(&second).unwrap();
        std::fs::write(&second, &whole[..whole.len() - 7]).unwrap();
        let truncated = Checkpoint::open(cut.path()).unwrap_err().to_string();
        assert!(truncated.contains("model-00002-of-00003.safetensors"), "{truncated}");
        std::fs::remove_file(&second).unwrap();
        let missing = Checkpoint::open(cut.path()).unwrap_err().to_string();
        assert!(missing.contains("model-00002-of-00003.safetensors"), "{missing}");
    }
}
