//! Caches and states that transformers allocates in small models: `tests/scripts/transformers_caches.py` ran each.

use dhurandhar_core::memory::{Runtime, Scenario, kv_cache, state};
use dhurandhar_core::model::import;
use dhurandhar_core::placement::{Component, Machine, Placement};
use dhurandhar_core::weights::WeightPlan;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn caches_and_states_are_those_that_transformers_allocates() {
    let text = include_str!("../../tests/fixtures/transformers-caches.json");
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    let (mut recurrent, mut wrong) = (BTreeSet::new(), Vec::new());
    for case in &cases {
        let name = format!("{} in {}", case["type"], case["dtype"]);
        let number = |field: &str| case[field].as_u64().unwrap();
        let model = import::import("config.json", case["config"].to_string().as_bytes(), None).unwrap();
        let architecture = &model.architecture;
        let mut scenario = Scenario::for_model(&model).run_by(Runtime::Transformers);
        scenario.context_tokens = number("tokens");
        let states = state::bytes(architecture, &scenario);
        // The rule for latent attention is of versions that keep whole heads; these keep the compressed form.
        if architecture.assumptions.iter().any(|said| said.starts_with("latent attention")) {
            (scenario.k, scenario.v) = kv_cache::formats(architecture, &scenario);
            scenario.runtime = Runtime::Ideal;
        }
        let keys = kv_cache::total(architecture, &scenario);
        scenario.context_tokens = number("prompt");
        (scenario.turn.prompt_tokens, scenario.turn.answer_tokens) = (number("prompt"), 0);
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let placed = Placement::of(&model, &plan, &scenario, Machine::X86);
        let prompt = placed.of_component(Component::KvCache).map(|part| part.size.high).sum();
        for (what, found, truth) in [
            ("cache", keys, number("kv_bytes")),
            ("cache after the prompt", prompt, number("prompt_kv_bytes")),
            ("state", states, number("state_bytes")),
        ] {
            if found != truth {
                wrong.push(format!("{name}: {what} of {found} bytes, transformers {truth}"));
            }
        }
        if states > 0 {
            recurrent.insert(case["type"].as_str().unwrap());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(recurrent.len() >= 18, "{recurrent:?}");
}

/// PLaMo 2's own cache keeps the last `attention_window_size` tokens in every attention layer that `full_attention_idx` does not
/// name (`update_attention` of its code): 8 layers x 2,048 tokens x 2 x 128 channels x 2 bytes; with one named, its whole context.
/// Under llama.cpp, which knows no such window, all keep 32,768.
#[test]
fn plamo2_slides_where_no_list_names_the_layer() {
    let config = r#"{"model_type": "plamo2", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 16,
        "num_key_value_heads": 1, "hidden_size_per_head": 128, "attention_window_size": 2048, "full_attention_idx": [],
        "mamba_num_heads": 32, "mamba_step": 2, "intermediate_size": 8192, "vocab_size": 100000,
        "max_position_embeddings": 10485760}"#;
    let total = |text: &str, runtime| {
        let model = import::import("config.json", text.as_bytes(), None).unwrap();
        let scenario = Scenario { context_tokens: 32_768, ..Scenario::for_model(&model).run_by(runtime) };
        kv_cache::total(&model.architecture, &scenario)
    };
    let token = 2 * 128 * 2;
    assert_eq!(total(config, Runtime::Transformers), 8 * 2_048 * token);
    assert_eq!(total(config, Runtime::LlamaCpp), 8 * 32_768 * token);
    let one = config.replace("[]", "[7]");
    assert_eq!(total(&one, Runtime::Transformers), (7 * 2_048 + 32_768) * token);
}

/// The rule for latent attention is of versions up to 5.14, and the answer says so, whatever file the model is from.
#[test]
fn whole_heads_of_latent_attention_are_said() {
    let text = include_str!("../../tests/fixtures/transformers-caches.json");
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    let note = |kind: &str| {
        let case = cases.iter().find(|case| case["type"] == kind).unwrap();
        let model = import::import("config.json", case["config"].to_string().as_bytes(), None).unwrap();
        let scenario = Scenario::for_model(&model).run_by(Runtime::Transformers);
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let placed = Placement::of(&model, &plan, &scenario, Machine::X86);
        placed.of_component(Component::KvCache).map(|part| part.note.clone()).collect::<String>()
    };
    assert!(note("deepseek_v3").contains("as up to version 5.14"));
    assert!(!note("llama").contains("5.14"));
}
