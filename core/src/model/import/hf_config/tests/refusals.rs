//! Configs of what is no decoder, fields that do not fit, and parts that are named because they are not counted.

use super::*;

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
