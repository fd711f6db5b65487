//! What mixes tokens in each layer: kinds, windows, heads, states.

use super::*;

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
fn query_heads_may_differ_from_layer_to_layer() {
    let model = small(
        r#", "model_type": "laguna", "head_dim": 64, "gating": "per-head", "num_attention_heads_per_layer": [4, 2, 4, 2]"#,
    );
    let heads: Vec<_> = (0..4).map(|layer| attention(&model, layer).query_heads).collect();
    assert_eq!(heads, [4, 2, 4, 2]);
    assert!(model.architecture.extras.head_gate);
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
