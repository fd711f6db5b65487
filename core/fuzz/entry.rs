//! What a fuzz target does with its bytes. `core/tests/fuzz_smoke.rs` runs the same functions in `cargo test`.

use dhurandhar_core::Model;
use dhurandhar_core::model::import::{ImportError, gguf_joined, gguf_part, import, import_with_config};

/// A target by its name.
pub(crate) fn run(target: &str, data: &[u8]) {
    match target {
        "gguf" => gguf(data),
        "safetensors" => safetensors(data),
        _ => config(data),
    }
}

/// The bytes as a GGUF file.
fn gguf(data: &[u8]) {
    both("file.gguf", data);
    // As parts of a split file, twice the same among them.
    if let Ok(part) = gguf_part("file-00001-of-00002.gguf", data, None) {
        for parts in [vec![part.clone()], vec![part.clone(), part]] {
            check(gguf_joined("file-00001-of-00002.gguf", parts), data);
        }
    }
}

/// The bytes as a safetensors file, alone and beside a config.
fn safetensors(data: &[u8]) {
    both("model.safetensors", data);
    const CONFIG: &[u8] = br#"{"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 100, "quantization_config": {"bits": 4}}"#;
    check(import_with_config("model.safetensors", data, None, CONFIG), data);
    check(import_with_config("model.safetensors.index.json", data, None, CONFIG), data);
}

/// The bytes as a `config.json`.
fn config(data: &[u8]) {
    both("config.json", data);
}

/// As a whole file, and as a prefix of a file of unknown length.
fn both(name: &str, data: &[u8]) {
    check(import(name, data, Some(data.len() as u64)), data);
    check(import(name, data, None), data);
}

/// Everything that comes back must be usable: counts add up, requests for more make headway.
fn check(outcome: Result<Model, ImportError>, data: &[u8]) {
    match outcome {
        Ok(model) => {
            let counts = model.parameters();
            assert!(counts.total >= counts.text);
            let _ = model.architecture.state_bytes();
        }
        Err(ImportError::NeedMore { at_least }) => assert!(at_least > data.len() as u64),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
