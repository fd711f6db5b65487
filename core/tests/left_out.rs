//! What classes of transformers fill in for fields that a config leaves out: `tests/scripts/left_out_fields.py` built each.

use dhurandhar_core::model::import;
use serde_json::Value;

#[test]
fn left_out_fields_are_what_the_class_fills_in_or_refused() {
    let text = include_str!("../../tests/fixtures/left-out.json");
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    let (mut equal, mut wrong) = (0, Vec::new());
    for case in &cases {
        let name = format!("{} without {}", case["type"], case["without"]);
        match import::import("config.json", case["config"].to_string().as_bytes(), None) {
            Err(error) => println!("{name}: {error}"),
            Ok(model) => {
                let (found, truth) = (model.parameters().text, case["parameters"].as_u64().unwrap());
                if found == truth {
                    equal += 1;
                } else {
                    wrong.push(format!("{name}: {found}, transformers {truth}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(equal * 10 >= cases.len() * 9, "{equal} of {}", cases.len());
}

/// Parameters of `state-spaces/mamba-2.8b` as transformers builds its own form of it.
#[test]
fn mambas_own_format_is_read() {
    let own = r#"{"d_model": 2560, "n_layer": 64, "vocab_size": 50277, "ssm_cfg": {}, "rms_norm": true,
        "residual_in_fp32": true, "fused_add_norm": true, "pad_vocab_size_multiple": 8}"#;
    let model = import::import("config.json", own.as_bytes(), None).unwrap();
    assert_eq!(model.parameters().text, 2_768_345_600);
    let second = own.replace(r#""ssm_cfg": {}"#, r#""ssm_cfg": {"layer": "Mamba2"}"#);
    let error = import::import("config.json", second.as_bytes(), None).unwrap_err().to_string();
    assert!(error.contains("`ssm_cfg` is a map with layer"), "{error}");
}

/// Lists without which a hybrid's layers are not known.
#[test]
fn hybrids_without_their_lists_are_refused_by_name() {
    let sizes = r#""hidden_size": 320, "intermediate_size": 704, "num_hidden_layers": 6, "num_attention_heads": 8, "vocab_size": 1152"#;
    for (rest, list) in [
        (r#""model_type": "zamba2", "n_mamba_heads": 8"#, "layers_block_type"),
        (r#""model_type": "granitemoehybrid", "mamba_chunk_size": 256"#, "layer_types"),
    ] {
        let config = format!("{{{sizes}, {rest}}}");
        let error = import::import("config.json", config.as_bytes(), None).unwrap_err().to_string();
        assert!(error.contains(&format!("`{list}` is missing")), "{error}");
    }
}

/// A Q-Former and the like have no size here: they are named, and the verdict says "at least".
#[test]
fn parts_of_unknown_size_are_named() {
    let config = r#"{"model_type": "granite_speech", "encoder_config": {"hidden_dim": 1024}, "projector_config": {},
        "text_config": {"model_type": "granite", "hidden_size": 320, "intermediate_size": 704, "num_hidden_layers": 6,
        "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 1152}}"#;
    let model = import::import("config.json", config.as_bytes(), None).unwrap();
    assert_eq!(model.architecture.uncounted, ["speech encoder", "projector"]);
}

/// Towers and parts by their less usual fields.
#[test]
fn towers_without_a_description_are_named() {
    const TEXT: &str = r#"{"model_type": "llama", "hidden_size": 320, "intermediate_size": 704, "num_hidden_layers": 6,
        "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 1152}"#;
    let bare = TEXT.replace(['}', '{'], "");
    for (config, expected) in [
        (
            format!(r#"{{"model_type": "openvla", "timm_model_ids": ["vit"], "text_config": {TEXT}}}"#),
            "vision tower",
        ),
        (
            format!(
                r#"{{"model_type": "ovis", "visual_tokenizer_config": {{"a": 1}}, "llm_config": {TEXT}}}"#
            ),
            "vision tower",
        ),
        (format!(r#"{{{bare}, "audio": {{"n_layer": 32}}}}"#), "audio tower"),
        (format!(r#"{{{bare}, "vision_encoder": "vit_so400m"}}"#), "vision tower"),
        (format!(r#"{{{bare}, "tts_config": {{"a": 1}}}}"#), "speech generator"),
        (
            format!(r#"{{"model_type": "x", "diffusion_head_config": {{"a": 1}}, "text_config": {TEXT}}}"#),
            "diffusion head",
        ),
    ] {
        let model = import::import("config.json", config.as_bytes(), None).unwrap();
        assert_eq!(model.architecture.uncounted, [expected], "{config}");
        assert!(model.architecture.assumptions.iter().any(|said| said.contains(expected)), "{config}");
    }
}

/// Projections of several layers' features, of patches alone, and pictures of one channel (transformers 5.24).
#[test]
fn projections_are_as_wide_as_what_they_join() {
    let vision = |rest: &str| {
        let text = r#"{"model_type": "llama", "hidden_size": 4096, "intermediate_size": 704, "num_hidden_layers": 2,
            "num_attention_heads": 32, "vocab_size": 1152}"#;
        let config = format!(r#"{{{rest}, "text_config": {text}}}"#);
        import::import("config.json", config.as_bytes(), None).unwrap().parameters().vision
    };
    let clip = r#""vision_config": {"model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096,
        "num_hidden_layers": 24, "image_size": 336, "patch_size": 14"#;
    let llava = vision(&format!(r#""model_type": "llava", {clip}}}"#));
    let joined = vision(&format!(r#""model_type": "llava", "vision_feature_layer": [-2, -5], {clip}}}"#));
    assert_eq!(joined - llava, 4_194_304);
    assert_eq!(vision(&format!(r#""model_type": "vipllava", {clip}}}"#)) - llava, 16_787_456);
    let gray = vision(&format!(r#""model_type": "llava", {clip}, "num_channels": 1}}"#));
    assert_eq!(llava - gray, 2 * 14 * 14 * 1024);
    let merged = |side: u64| {
        let pixtral = r#""vision_config": {"model_type": "pixtral", "hidden_size": 1024}"#;
        vision(&format!(r#""model_type": "mistral3", "spatial_merge_size": {side}, {pixtral}"#))
    };
    assert_eq!(merged(4) - merged(2), 12_582_912);
    assert_eq!(vision(r#""model_type": "fuyu""#), 11_063_296);
}
