//! Logits of tiny random models against those of `transformers`, with and without the cache.

use super::*;
use std::path::PathBuf;

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
    let bytes = std::fs::read(folder(name).join("expected.safetensors")).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let words = |name: &str| {
        let at = |index: usize| {
            8 + length + usize::try_from(header[name]["data_offsets"][index].as_u64().unwrap()).unwrap()
        };
        bytes[at(0)..at(1)].as_chunks::<4>().0.to_vec()
    };
    let checkpoint = Arc::new(Checkpoint::open(&folder(name)).unwrap());
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
