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
