//! Configs of public checkpoints against their published counts and caches, and the traps that configs hold.

mod ffn;
mod layers;
mod refusals;

use super::*;
use crate::model::architecture::{Attention, Ffn, KvSource, Mixer};
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
    ("llama-4-scout", 107_769_861_120, 48.0, 144.0),
    ("qwen3-next-80b-a3b", 79_674_391_296, 24.0, 0.0),
    ("falcon-7b", 6_921_720_704, 8.0, 0.0),
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
        let differ = |bytes: u64, expected: f64| (kib(bytes) - expected).abs() > 1e-9;
        if found != *parameters || differ(found_full, *full) || differ(found_sliding, *sliding) {
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

/// Shared layers' weights, which transformers no longer builds, are counted apart.
#[test]
fn parameters_of_many_types_are_those_that_transformers_builds() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/parameter-counts.json");
    let golden: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 100, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let text = case["config"].to_string();
        let expected = case["parameters"].as_u64();
        match parse("config.json", text.as_bytes()) {
            Err(error) => wrong.push(format!("{error}: {text}")),
            Ok(model) if Some(model.parameters().text) != expected => {
                wrong.push(format!("{} for {expected:?}: {text}", model.parameters().text));
            }
            Ok(model) => {
                let said = model.architecture.assumptions.join("; ");
                for part in ["is not listed", "not taken into account"] {
                    if said.contains(part) {
                        wrong.push(format!("{said}: {text}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Towers with their projections, small, as transformers builds them.
#[test]
fn towers_are_as_large_as_transformers_builds_them() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tower-counts.json");
    let golden: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 15, "{} cases", cases.len());
    for case in cases {
        let text = case["config"].to_string();
        let model = parse("config.json", text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(Some(model.parameters().vision), case["vision"].as_u64(), "{text}");
    }
}

#[test]
fn whole_gemma4_e2b_is_the_published_header() {
    let model = load("gemma4-e2b");
    let counts = model.parameters();
    // Language, audio and vision towers, and their projections, as in the published safetensors header.
    assert_eq!(counts.total, 5_123_178_979);
    assert_eq!(counts.unused, 18_880_512);
    assert_eq!(counts.ple_table, 2_348_810_240);
    assert_eq!(counts.vision + counts.audio, 304_825_088 + 167_365_056 + 3_538_944);
    assert_eq!(model.architecture.cache_owners(), (3, 12));
    assert_eq!(load("gemma3-4b").parameters().total, 4_300_079_472);
}

#[test]
fn tying_follows_the_text_part_then_the_whole_then_the_class() {
    let tied = |extra| small(extra).architecture.embeddings.tied;
    assert!(!tied(r#", "model_type": "llama""#));
    assert!(tied(r#", "model_type": "gemma""#));
    assert!(tied(r#", "model_type": "lfm2", "conv_L_cache": 3, "full_attn_idxs": [0, 1, 2, 3]"#));
    assert!(!tied(
        r#", "model_type": "lfm2", "conv_L_cache": 3, "full_attn_idxs": [0, 1, 2, 3], "tie_embedding": false"#
    ));
    let nested = format!(
        r#"{{"model_type": "mistral3", "tie_word_embeddings": true, "text_config": {}}}"#,
        small_text(r#", "model_type": "mistral""#)
    );
    assert!(parse("config.json", nested.as_bytes()).unwrap().architecture.embeddings.tied);
    let at_odds = nested
        .replace(r#""model_type": "mistral""#, r#""tie_word_embeddings": false, "model_type": "mistral""#);
    let model = parse("config.json", at_odds.as_bytes()).unwrap();
    assert!(!model.architecture.embeddings.tied);
    let alone_text = at_odds.replace(r#""tie_word_embeddings": true, "#, "");
    let alone = parse("config.json", alone_text.as_bytes()).unwrap().architecture;
    let of_class = |said: &String| said.contains("the class default of `mistral3`");
    assert!(alone.embeddings.tied && alone.assumptions.iter().any(of_class), "{:?}", alone.assumptions);
    let said = |a: &String| a.contains("true for the whole and false for the text part");
    assert!(model.architecture.assumptions.iter().any(said), "{:?}", model.architecture.assumptions);
    assert!(
        small(r#", "model_type": "llama""#)
            .architecture
            .assumptions
            .iter()
            .any(|a| a.contains("tie_word_embeddings"))
    );
}

#[test]
fn drafting_heads_are_left_out_and_named() {
    let model = load("qwen3.5-0.8b");
    assert!(model.architecture.assumptions.iter().any(|a| a.contains("multi-token-prediction")));
}

#[test]
fn unlisted_types_work_and_say_what_was_assumed() {
    let model = small(r#", "model_type": "zebra", "sliding_window": 512"#);
    assert_eq!(model.architecture.family, "zebra");
    let said = model.architecture.assumptions.join("\n");
    for part in ["`zebra` is not listed", "`sliding_window` 512", "tie_word_embeddings"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(small("").architecture.assumptions.iter().any(|a| a.contains("is not given")));
    let gpt2 = parse("config.json", br#"{"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "n_positions": 1024, "vocab_size": 50257, "attn_pdrop": 0.1, "num_key_value_heads": 12}"#).unwrap();
    assert_eq!(gpt2.parameters().text, 124_439_808);
}

#[test]
fn older_families_count_their_biases_and_tables() {
    let count = |json: &str| parse("config.json", json.as_bytes()).unwrap().parameters().text;
    // Published: falcon-rw-1b, gpt-neo-1.3B.
    let falcon = r#"{"model_type": "falcon", "hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 32,
        "vocab_size": 50304, "bias": true, "alibi": true, "parallel_attn": false, "multi_query": false,
        "new_decoder_architecture": false}"#;
    assert_eq!(count(falcon), 1_311_625_216);
    let neo = r#"{"model_type": "gpt_neo", "hidden_size": 2048, "num_layers": 24, "num_heads": 16, "vocab_size": 50257,
        "intermediate_size": null, "max_position_embeddings": 2048, "window_size": 256,
        "attention_types": [[["global", "local"], 12]]}"#;
    assert_eq!(count(neo), 1_315_575_808);
    // opt-350m, as transformers builds it.
    let opt = r#"{"model_type": "opt", "hidden_size": 1024, "word_embed_proj_dim": 512, "num_hidden_layers": 24,
        "num_attention_heads": 16, "ffn_dim": 4096, "vocab_size": 50272, "max_position_embeddings": 2048,
        "do_layer_norm_before": false, "_remove_final_layer_norm": false}"#;
    assert_eq!(count(opt), 331_196_416);
}

#[test]
fn a_classifier_has_no_output_head() {
    let decoder = small(r#", "model_type": "llama", "tie_word_embeddings": false"#);
    let classifier = small(
        r#", "model_type": "llama", "tie_word_embeddings": false, "architectures": ["LlamaForSequenceClassification"],
        "id2label": {"0": "bad", "1": "fair", "2": "good"}"#,
    );
    let head = 1000 * 256;
    assert_eq!(classifier.parameters().text, decoder.parameters().text - head + 3 * 256);
    assert!(classifier.architecture.assumptions.iter().any(|said| said.contains("3 labels")));
}

/// Embedding models are published under the class without a head (e5-mistral, gte-Qwen2); ChatGLM's class of that name has one.
#[test]
fn a_base_class_has_no_output_head() {
    let count = |extra: &str| small(extra).parameters().text;
    let untied = r#", "model_type": "qwen2", "tie_word_embeddings": false"#;
    let base = format!(r#"{untied}, "architectures": ["Qwen2Model"]"#);
    assert_eq!(count(&base), count(untied) - 1000 * 256);
    for class in ["Qwen2ForCausalLM", "QWenLMHeadModel", "PEagleDraftModel"] {
        let whole = format!(r#"{untied}, "architectures": ["{class}"]"#);
        assert_eq!(count(&whole), count(untied), "{class}");
    }
}

/// MiniMax-M2 states `use_qk_norm`, and its norms span all heads; Command R+ has weights for every head where it says so.
#[test]
fn norms_of_queries_and_keys_are_counted_once() {
    let count = |extra: &str| small(extra).parameters().text;
    let minimax =
        r#", "model_type": "minimax_m2", "num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 64"#;
    assert_eq!(count(&format!(r#"{minimax}, "use_qk_norm": true"#)), count(minimax));
    let cohere = r#", "model_type": "cohere""#;
    let widths = 4 * (4 + 2) * 64;
    assert_eq!(count(&format!(r#"{cohere}, "use_qk_norm": true"#)), count(cohere) + widths);
}
