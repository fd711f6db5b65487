//! Configs of public checkpoints against their published counts and caches, and the traps that configs hold.

use super::super::super::architecture::{Attention, KvSource, Mixer};
use super::*;
use std::fs;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/../tests/fixtures/configs/{name}.json", env!("CARGO_MANIFEST_DIR"));
    fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn load(name: &str) -> Model {
    parse(&format!("{name}.json"), &fixture(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn error(json: &str) -> String {
    parse("config.json", json.as_bytes()).unwrap_err().to_string()
}

/// A small config with `extra` fields.
fn small(extra: &str) -> Model {
    let text = small_text(extra);
    parse("config.json", text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn small_text(extra: &str) -> String {
    format!(
        r#"{{"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 512, "vocab_size": 1000, "max_position_embeddings": 8192{extra}}}"#
    )
}

fn attention(model: &Model, layer: usize) -> &Attention {
    model.architecture.layers[layer].attention().unwrap()
}

/// Bytes of bf16 KV per token as (full, sliding) layers.
fn kv_bytes(model: &Model) -> (u64, u64) {
    model.architecture.attention_layers().fold((0, 0), |(full, sliding), (_, attention)| {
        let (k, v) = attention.cached_channels();
        let bytes = 2 * (k + v);
        if attention.window.is_some() { (full, sliding + bytes) } else { (full + bytes, sliding) }
    })
}

/// Checkpoint, parameters of the text model as published, bf16 KV in KiB per token: full layers, sliding layers.
const PUBLISHED: &[(&str, u64, f64, f64)] = &[
    ("gemma4-e2b", 4_628_569_344, 6.0, 12.0),
    ("gemma4-e4b", 7_463_013_376, 16.0, 40.0),
    ("gemma4-12b", 11_907_350_272, 16.0, 320.0),
    ("gemma4-26b-a4b", 25_233_141_760, 20.0, 200.0),
    ("gemma4-31b", 30_697_345_280, 80.0, 800.0),
    ("gemma3n-e2b", 4_435_182_688, 8.0, 32.0),
    ("gemma3n-e4b", 6_835_235_568, 8.0, 32.0),
    ("gemma3-270m", 268_098_176, 3.0, 15.0),
    ("gemma3-1b", 999_885_952, 4.0, 22.0),
    ("gemma3-4b", 3_880_263_168, 20.0, 116.0),
    ("gemma2-2b", 2_614_341_888, 52.0, 52.0),
    ("gemma-2b", 2_506_172_416, 18.0, 0.0),
    ("qwen2.5-0.5b", 494_032_768, 12.0, 0.0),
    ("qwen2.5-1.5b", 1_543_714_304, 28.0, 0.0),
    ("qwen2.5-3b", 3_085_938_688, 36.0, 0.0),
    ("deepseek-r1-distill-qwen-1.5b", 1_777_088_000, 28.0, 0.0),
    ("qwen1.5-moe-a2.7b", 14_315_784_192, 192.0, 0.0),
    ("qwen3-0.6b", 596_049_920, 112.0, 0.0),
    ("qwen3-1.7b", 1_720_574_976, 112.0, 0.0),
    ("qwen3-4b", 4_022_468_096, 144.0, 0.0),
    ("qwen3-30b-a3b", 30_532_122_624, 96.0, 0.0),
    ("qwen3.5-0.8b", 752_393_024, 12.0, 0.0),
    ("qwen3.5-2b", 1_881_825_088, 12.0, 0.0),
    ("qwen3.5-4b", 4_205_751_296, 32.0, 0.0),
    ("llama-3.2-1b", 1_235_814_400, 32.0, 0.0),
    ("llama-3.2-3b", 3_212_749_824, 112.0, 0.0),
    ("llama-3.1-8b", 8_030_261_248, 128.0, 0.0),
    ("phi-3.5-mini", 3_821_079_552, 384.0, 0.0),
    ("phi-4-mini", 3_836_021_760, 128.0, 0.0),
    ("smollm2-135m", 134_515_008, 22.5, 0.0),
    ("smollm2-360m", 361_821_120, 40.0, 0.0),
    ("smollm2-1.7b", 1_711_376_384, 192.0, 0.0),
    ("smollm3-3b", 3_075_098_624, 72.0, 0.0),
    ("ministral-3-3b", 3_429_006_336, 104.0, 0.0),
    ("mistral-7b-v0.1", 7_241_732_096, 0.0, 128.0),
    ("mixtral-8x7b", 46_702_792_704, 128.0, 0.0),
    ("lfm2-350m", 354_483_968, 12.0, 0.0),
    ("lfm2-700m", 742_489_344, 12.0, 0.0),
    ("lfm2-1.2b", 1_170_340_608, 12.0, 0.0),
    ("lfm2-2.6b", 2_569_272_320, 16.0, 0.0),
    ("lfm2-8b-a1b", 8_339_929_856, 12.0, 0.0),
    ("granite-3.3-2b", 2_533_539_840, 80.0, 0.0),
    ("granite-3.1-1b-a400m", 1_334_628_352, 48.0, 0.0),
    ("granite-4.0-350m", 352_379_904, 28.0, 0.0),
    ("granite-4.0-1b", 1_631_750_144, 80.0, 0.0),
    ("gpt-oss-20b", 20_914_757_184, 24.0, 24.0),
    ("deepseek-v2-lite", 15_706_484_224, 30.375, 0.0),
];

#[test]
fn parameters_and_cache_of_public_checkpoints() {
    let mut wrong = Vec::new();
    for (name, parameters, full, sliding) in PUBLISHED {
        let model = load(name);
        let found = model.parameters().text;
        let (found_full, found_sliding) = kv_bytes(&model);
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        if found != *parameters || kib(found_full) != *full || kib(found_sliding) != *sliding {
            wrong.push(format!(
                "{name}: {found} parameters, expected {parameters} ({:+}); KV {} + {} KiB, expected {full} + {sliding}",
                i128::from(found) - i128::from(*parameters),
                kib(found_full),
                kib(found_sliding)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
