//! Configs of public checkpoints against their published counts and caches, and the traps that configs hold.

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

/// SmolLM3: layers without positions slide where it is asked for, as a list says them before an interval does; listed kinds slide
/// whatever is asked for.
#[test]
fn layers_without_positions_slide() {
    let windows = |extra: &str| {
        let config = format!(
            r#"{{"model_type": "smollm3", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "vocab_size": 100,
                "intermediate_size": 128, "sliding_window": 16, "max_position_embeddings": 1024{extra}}}"#
        );
        let model = parse("config.json", config.as_bytes()).unwrap();
        model
            .architecture
            .attention_layers()
            .map(|(_, attention)| attention.window.is_some())
            .collect::<Vec<_>>()
    };
    let asked = r#", "use_sliding_window": true"#;
    assert_eq!(windows(asked), [false, false, false, true]);
    assert_eq!(windows(&format!(r#"{asked}, "no_rope_layers": [0, 1, 1, 1]"#)), [true, false, false, false]);
    assert_eq!(windows(r#", "no_rope_layers": [0, 1, 1, 1]"#), [false; 4]);
    let kinds =
        r#", "layer_types": ["sliding_attention", "full_attention", "full_attention", "full_attention"]"#;
    assert_eq!(windows(&format!(r#"{kinds}, "use_sliding_window": false"#)), [true, false, false, false]);
}

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
fn kinds_of_blocks_are_read_layer_by_layer() {
    let experts = r#", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 96"#;
    let kinds = |kinds: &str| format!(r#"{experts}, "mlp_layer_types": {kinds}"#);
    let model = small(&kinds(r#"["dense", "sparse", "dense", "sparse"]"#));
    let sparse: Vec<bool> =
        model.architecture.layers.iter().map(|layer| matches!(layer.ffn, Ffn::Experts { .. })).collect();
    assert_eq!(sparse, [false, true, false, true]);
    let short = error(&small_text(&kinds(r#"["dense"]"#)));
    assert!(short.contains("one entry for each of 4 layers"), "{short}");
    let odd = error(&small_text(&kinds(r#"["dense", "sparse", "thin", "sparse"]"#)));
    assert!(odd.contains("thin") && odd.contains("dense or sparse"), "{odd}");
}

#[test]
fn a_tower_that_is_not_counted_may_state_its_size_in_any_form() {
    let text = format!(
        r#"{{"model_type": "internvl", "text_config": {}, "vision_config": {{"image_size": [448, 448], "hidden_size": "x"}}}}"#,
        small_text(r#", "model_type": "qwen2""#)
    );
    let model = parse("config.json", text.as_bytes()).unwrap();
    assert!(model.architecture.assumptions.iter().any(|sentence| sentence.contains("vision tower")));
}

#[test]
fn an_unlisted_type_with_squared_relu_has_two_matrices_a_block() {
    let model = small(r#", "model_type": "novel", "hidden_act": "relu2""#);
    assert_eq!(model.architecture.layers[0].ffn, Ffn::Dense { width: 512, gated: false });
    assert!(
        model.architecture.assumptions[0].contains("two matrices"),
        "{:?}",
        model.architecture.assumptions
    );
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
fn double_wide_blocks_stand_where_kv_is_shared() {
    let model = load("gemma4-e2b");
    let width = |layer: usize| match model.architecture.layers[layer].ffn {
        Ffn::Dense { width, .. } => width,
        ref other => panic!("{other:?}"),
    };
    assert_eq!((width(0), width(14), width(15), width(34)), (6_144, 6_144, 12_288, 12_288));
    let donor = |layer| match attention(&model, layer).kv {
        KvSource::Shared { donor, .. } => donor,
        KvSource::Own => panic!("layer {layer} owns its cache"),
    };
    // The last sliding and the last full layer that still keep a cache.
    assert_eq!((donor(15), donor(19)), (13, 14));
    assert_eq!((attention(&model, 13).k_head_dim, attention(&model, 14).k_head_dim), (256, 512));
}

#[test]
fn head_dim_is_derived_only_when_absent() {
    assert_eq!(attention(&load("llama-3.1-8b"), 0).k_head_dim, 128);
    assert_eq!(attention(&load("qwen3-0.6b"), 0).k_head_dim, 128);
    assert_eq!(attention(&load("ministral-3-3b"), 0).k_head_dim, 128);
    assert_eq!(attention(&load("gemma3-4b"), 0).k_head_dim, 256);
    assert_eq!(attention(&small(r#", "head_dim": null"#), 0).k_head_dim, 64);
    let text = small_text("").replace("256", "255");
    assert!(error(&text).contains("`head_dim` is missing"), "{}", error(&text));
}

#[test]
fn layer_types_win_over_a_period() {
    let model = small(
        r#", "model_type": "gemma3_text", "sliding_window": 512, "sliding_window_pattern": 2,
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention", "sliding_attention"]"#,
    );
    let windows: Vec<_> = (0..4).map(|layer| attention(&model, layer).window).collect();
    assert_eq!(windows, [None, Some(512), Some(512), Some(512)]);
    let period =
        small(r#", "model_type": "gemma3_text", "sliding_window": 512, "sliding_window_pattern": 2"#);
    let windows: Vec<_> = (0..4).map(|layer| attention(&period, layer).window).collect();
    assert_eq!(windows, [Some(512), None, Some(512), None]);
}

#[test]
fn gemma4_forces_its_last_layer_to_full_attention() {
    let model = small(
        r#", "model_type": "gemma4_text", "sliding_window": 512,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"]"#,
    );
    assert_eq!(attention(&model, 3).window, None);
    assert_eq!(attention(&model, 2).window, Some(512));
}

#[test]
fn full_layers_may_be_stated_one_by_one() {
    let types =
        r#""layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]"#;
    let config = |more: &str| {
        format!(r#", "model_type": "gemma4_text", "head_dim": 64, "sliding_window": 512, {types}, {more}"#)
    };
    let model = small(&config(r#""per_layer_config": {"1": {"head_dim": 128}, "3": {"head_dim": 128}}"#));
    let widths: Vec<u64> = (0..4).map(|layer| attention(&model, layer).k_head_dim).collect();
    assert_eq!(widths, [64, 128, 64, 128]);
    let same = small(&config(r#""global_head_dim": 128"#));
    assert_eq!(model.parameters().total, same.parameters().total);
    for (stated, part) in [
        (r#"{"1": {"head_dim": 128}}"#, "one value for all full layers"),
        (r#"{"0": {"head_dim": 128}}"#, "one value for all full layers"),
        (r#"{"7": {"head_dim": 128}}"#, "layers 0 to 3"),
        (r#"{"1": {"head_dime": 128}}"#, "per_layer_config.1.head_dime"),
        (r#"{"1": {"head_dim": -1}}"#, "per_layer_config.1.head_dim"),
    ] {
        let message = error(&small_text(&config(&format!(r#""per_layer_config": {stated}"#))));
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn inert_windows_are_no_windows() {
    for name in ["qwen2.5-0.5b", "deepseek-r1-distill-qwen-1.5b", "phi-3.5-mini", "smollm3-3b"] {
        assert!(load(name).architecture.attention_layers().all(|(_, a)| a.window.is_none()), "{name}");
    }
    let opted_in = small(
        r#", "model_type": "qwen2", "use_sliding_window": true, "sliding_window": 1024, "max_window_layers": 2"#,
    );
    assert_eq!(opted_in.architecture.cache_owners(), (2, 2));
    let everywhere = small(r#", "model_type": "mistral", "sliding_window": 1024"#);
    assert_eq!(everywhere.architecture.cache_owners(), (0, 4));
    // Left out, `MistralConfig` fills in 4,096; null says that there is none.
    let left_out = small(r#", "model_type": "mistral""#);
    assert_eq!(left_out.architecture.cache_owners(), (0, 4));
    // The class has eight key-value heads; null says as many as there are heads.
    let heads = |extra: &str| {
        let text = r#"{"model_type": "mistral", "hidden_size": 512, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 16, "vocab_size": 100, "max_position_embeddings": 1024"#;
        let model =
            crate::model::import::import("config.json", format!("{text}{extra}}}").as_bytes(), None).unwrap();
        model.architecture.attention_layers().next().map(|(_, attention)| attention.kv_heads)
    };
    assert_eq!((heads(""), heads(r#", "num_key_value_heads": null"#)), (Some(8), Some(16)));
    let none = small(r#", "model_type": "mistral", "sliding_window": null"#);
    assert_eq!(none.architecture.cache_owners(), (4, 0));
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
    let alone = at_odds.replace(r#""tie_word_embeddings": true, "#, "");
    let alone = parse("config.json", alone.as_bytes()).unwrap().architecture;
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
fn hybrids_keep_a_state_of_fixed_size() {
    use crate::leaf::units::in_mib;
    let state = |name: &str| in_mib(load(name).architecture.state_bytes());
    assert!((state("qwen3.5-0.8b") - 19.3).abs() < 0.05, "{}", state("qwen3.5-0.8b"));
    assert!((state("qwen3.5-4b") - 50.3).abs() < 0.05, "{}", state("qwen3.5-4b"));
    // Ten convolutions of two past columns each, in f32.
    assert_eq!(load("lfm2-1.2b").architecture.state_bytes(), 10 * 2 * 2_048 * 4);
    let granite = load("granite-4.0-h-350m");
    assert_eq!(granite.architecture.cache_owners(), (4, 0));
    assert_eq!(
        granite.architecture.layers.iter().filter(|layer| matches!(layer.mixer, Mixer::Recurrent(_))).count(),
        28
    );
    assert!((340_000_000..341_000_000).contains(&granite.parameters().text), "{}", granite.parameters().text);
}

#[test]
fn experts_are_resident_but_few_are_read() {
    let counts = load("qwen3-30b-a3b").parameters();
    assert!((3.0e9..3.4e9).contains(&(counts.active_per_token as f64)), "{}", counts.active_per_token);
    let tiny = load("granite-4.0-h-tiny").parameters();
    assert!((6.8e9..7.0e9).contains(&(tiny.text as f64)), "{}", tiny.text);
    let sparse = small(
        r#", "model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "decoder_sparse_step": 2"#,
    );
    let dense = |layer: usize| matches!(sparse.architecture.layers[layer].ffn, Ffn::Dense { width: 512, .. });
    assert_eq!((0..4).map(dense).collect::<Vec<_>>(), [true, false, true, false]);
    let listed = small(
        r#", "model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "mlp_only_layers": [2]"#,
    );
    assert!(matches!(listed.architecture.layers[2].ffn, Ffn::Dense { .. }));
    assert!(matches!(listed.architecture.layers[3].ffn, Ffn::Experts { experts: 8, .. }));
}

#[test]
fn drafting_heads_are_left_out_and_named() {
    let model = load("qwen3.5-0.8b");
    assert!(model.architecture.assumptions.iter().any(|a| a.contains("multi-token-prediction")));
}

#[test]
fn latent_attention_caches_one_vector() {
    let model = load("deepseek-v2-lite");
    assert_eq!(attention(&model, 5).cached_channels(), (576, 0));
    let sum: u64 = model
        .tensors
        .iter()
        .filter(|t| t.layer == Some(3))
        .filter(|t| ["attn_kv", "attn_k_b", "attn_v_b"].iter().any(|part| t.name.contains(part)))
        .map(crate::model::Tensor::elements)
        .sum();
    assert_eq!(sum, 576 * 2_048 + 512 + 16 * 256 * 512);
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
fn encoders_are_refused_by_name_and_by_field() {
    let refused = |name: &str| parse(&format!("{name}.json"), &fixture(name)).unwrap_err().to_string();
    assert_eq!(
        refused("bert-base-uncased"),
        "bert-base-uncased.json: `bert` is an encoder without a decoder; expected a decoder-only language model"
    );
    assert!(refused("t5-small").contains("`t5` is an encoder-decoder model"));
    assert!(
        error(&small_text(r#", "model_type": "newbert", "type_vocab_size": 2"#))
            .contains("encoder without a decoder")
    );
    assert!(error(r#"{"model_type": "xlstm"}"#).contains("xLSTM blocks"));
}

#[test]
fn broken_fields_are_named() {
    assert!(error("[1]").contains("a list"), "{}", error("[1]"));
    assert!(error("{}").contains("`num_hidden_layers` is missing"));
    assert!(
        error(&small_text("").replace("\"hidden_size\": 256", "\"hidden_size\": -1"))
            .contains("`hidden_size` is -1")
    );
    assert!(
        error(&small_text(r#", "layer_types": ["full_attention"]"#))
            .contains("`layer_types` is a list of 1; expected one entry for each of 4 layers")
    );
    assert!(
        error(&small_text(r#", "layer_types": ["full_attention", "warp", "conv", "conv"]"#))
            .contains("\"warp\" at layer 1")
    );
    assert!(
        error(&small_text("").replace("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3"))
            .contains("a divisor of num_attention_heads (4)")
    );
    let absurd = small_text("")
        .replace("\"vocab_size\": 1000", "\"vocab_size\": 99999999")
        .replace("256", "9999744")
        .replace("512", "9999999");
    assert!(parse("config.json", absurd.as_bytes()).is_ok(), "each field alone is within bounds");
    let beyond = small_text(r#", "num_experts": 65536, "num_experts_per_tok": 1"#)
        .replace("256", "9999744")
        .replace("512", "9999999");
    assert!(error(&beyond).contains("more than any model has"), "{}", error(&beyond));
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

#[test]
fn diffusion_over_tokens_and_speech_decoders_are_refused_by_name() {
    for (model_type, words) in [
        ("Dream", "without a cache"),
        ("llada2_moe", "diffusion"),
        ("csm", "second transformer"),
        ("rwkv6", "RWKV-6"),
        ("codeshell", "GPT-2's blocks"),
    ] {
        let text = format!(r#"{{"model_type": "{model_type}", "hidden_size": 64, "num_hidden_layers": 2}}"#);
        let error = parse("config.json", text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn parts_that_speak_or_see_beside_a_text_model_are_named() {
    let said = |extra: &str| small(extra).architecture.assumptions.join(" ");
    let phi = said(r#", "model_type": "phi3", "img_processor": {"name": "clip"}, "speech_lora": {"r": 320}"#);
    assert!(phi.contains("a vision tower whose size") && phi.contains("a LoRA for sounds"), "{phi}");
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

#[test]
fn fields_of_undescribed_tensors_are_refused_whatever_the_layers() {
    let layers = r#", "model_type": "novel", "layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"]"#;
    for (name, field) in [("index_head_dim", "128"), ("kv_source_layers", "[0, 0, 1, 1]"), ("hc_mult", "4")] {
        let text = small_text(&format!(r#"{layers}, "{name}": {field}"#));
        assert!(error(&text).contains(&format!("`{name}` is")), "{}", error(&text));
    }
    let hybrid = r#", "model_type": "bamba", "mamba_n_heads": 8, "mamba_d_state": 16, "mamba_n_groups": 1, "mamba_d_conv": 4, "mamba_expand": 2"#;
    assert!(parse("config.json", small_text(hybrid).as_bytes()).is_ok());
    let text = small_text(&format!(r#"{hybrid}, "mamba_conv_bias": false"#));
    assert!(error(&text).contains("`mamba_conv_bias` is false; expected true"), "{}", error(&text));
}

#[test]
fn query_heads_may_differ_from_layer_to_layer() {
    let model = small(
        r#", "model_type": "laguna", "head_dim": 64, "gating": "per-head", "num_attention_heads_per_layer": [4, 2, 4, 2]"#,
    );
    let heads: Vec<_> = (0..4).map(|layer| attention(&model, layer).query_heads).collect();
    assert_eq!(heads, [4, 2, 4, 2]);
    assert!(model.architecture.extras.head_gate);
}

/// Checkpoints of ERNIE state -1 for the last layer.
#[test]
fn experts_may_end_before_the_last_layer() {
    let sparse = |end: &str| {
        let model = small(&format!(
            r#", "model_type": "ernie4_5_moe", "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 64,
            "moe_layer_start_index": 1, "moe_layer_end_index": {end}"#
        ));
        let layers = &model.architecture.layers;
        layers.iter().map(|layer| matches!(layer.ffn, Ffn::Experts { .. })).collect::<Vec<_>>()
    };
    assert_eq!(sparse("-1"), [false, true, true, true]);
    assert_eq!(sparse("2"), [false, true, true, false]);
}

/// What a mixture's class fills in is not what a dense block has.
#[test]
fn experts_left_out_are_those_of_the_class() {
    let model = small(
        r#", "model_type": "exaone_moe", "sliding_window": 512, "num_experts": 8, "num_experts_per_tok": 2"#,
    );
    let said = model.architecture.assumptions.join("; ");
    for field in ["moe_intermediate_size", "num_shared_experts", "first_k_dense_replace"] {
        assert!(said.contains(&format!("`{field}` not given: exaone_moe's class default")), "{said}");
    }
    let layers = &model.architecture.layers;
    assert_eq!(layers[0].ffn, Ffn::Dense { width: 512, gated: true });
    assert!(
        matches!(layers[1].ffn, Ffn::Experts { width: 1_024, shared_width: 1_024, .. }),
        "{:?}",
        layers[1].ffn
    );
    let none = small(
        r#", "model_type": "exaone_moe", "sliding_window": 512, "num_experts": 8, "num_experts_per_tok": 2,
        "num_shared_experts": null"#,
    );
    assert!(matches!(none.architecture.layers[1].ffn, Ffn::Experts { shared_width: 0, .. }));
}

/// llama.cpp gives EXAONE 4 windows at 64 layers only; a config says them at any depth.
#[test]
fn windows_of_a_depth_are_no_windows_at_another() {
    use crate::memory::Runtime;
    use crate::memory::kv_cache::window;
    let text = |layers: usize| {
        small_text(r#", "model_type": "exaone4", "sliding_window": 512, "sliding_window_pattern": "LLLG""#)
            .replace(r#""num_hidden_layers": 4"#, &format!(r#""num_hidden_layers": {layers}"#))
    };
    for (layers, windows) in [(8, 0), (64, 48)] {
        let model = parse("config.json", text(layers).as_bytes()).unwrap();
        let of = |runtime| {
            let slides = |(_, attention): &(usize, &Attention)| {
                window(&model.architecture, attention, runtime).is_some()
            };
            model.architecture.attention_layers().filter(slides).count()
        };
        assert_eq!((of(Runtime::LlamaCpp), of(Runtime::Vllm)), (windows, layers / 4 * 3));
    }
}
