//! Files and configs of public models whose reading went wrong somewhere: the right value or the right refusal for each.
//!
//! `fixtures/cases` has the configs whole, and of weights' files the beginning up to the last byte that is not zero;
//! `lengths.csv` says how long they are. Expected caches are those that the runtime named allocates, in MiB.

#![expect(clippy::float_cmp, reason = "caches are whole quarters of a MiB")]
#![expect(clippy::result_large_err, reason = "as the importer returns it")]

use dhurandhar_core::leaf::units::in_mib;
use dhurandhar_core::memory::{KvFormat, Runtime, Scenario, kv_cache};
use dhurandhar_core::model::architecture::{Ffn, Mixer};
use dhurandhar_core::model::import::{ImportError, import, import_with_config};
use dhurandhar_core::model::{Model, Role, registry};
use std::fs;
use std::path::{Path, PathBuf};

#[cfg(test)]
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cases")
}

/// Length of a file as it was published; of a small one that is kept whole, its own.
#[cfg(test)]
fn length(name: &str, kept: usize) -> u64 {
    let lengths = fs::read_to_string(folder().join("lengths.csv")).unwrap();
    let stated = lengths.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(','));
    stated.map_or(kept as u64, |bytes| bytes.parse().unwrap())
}

/// A file's bytes, with the hole behind its beginning filled so far that the importer is content.
#[cfg(test)]
fn read(name: &str) -> (Vec<u8>, u64) {
    let path = folder().join(name);
    let mut bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let length = length(name, bytes.len());
    let padded = usize::try_from(length).unwrap().min(bytes.len() + 4_096);
    bytes.resize(padded, 0);
    (bytes, length)
}

#[cfg(test)]
fn try_load(name: &str) -> Result<Model, ImportError> {
    let (bytes, length) = read(name);
    import(name, &bytes, Some(length))
}

#[cfg(test)]
fn load(name: &str) -> Model {
    try_load(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[cfg(test)]
fn refusal(name: &str) -> String {
    match try_load(name) {
        Ok(model) => panic!("{name} was read as {}", model.architecture.family),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
fn fixture(name: &str) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/configs").join(name);
    import(name, &fs::read(path).unwrap(), None).unwrap()
}

/// The cache in MiB under a runtime as it starts when nothing is said.
#[cfg(test)]
fn cache(model: &Model, runtime: Runtime, context_tokens: u64) -> f64 {
    let scenario = Scenario { context_tokens, ..Scenario::for_model(model).run_by(runtime) };
    scenario.check(model).unwrap_or_else(|error| panic!("{error}"));
    in_mib(kv_cache::total(&model.architecture, &scenario))
}

#[cfg(test)]
fn llama_cpp(name: &str, context_tokens: u64) -> f64 {
    cache(&load(name), Runtime::LlamaCpp, context_tokens)
}

#[cfg(test)]
fn assumptions(model: &Model) -> String {
    model.architecture.assumptions.join("\n")
}

#[cfg(test)]
fn billions(model: &Model) -> f64 {
    model.parameters().total as f64 / 1e9
}

#[test]
fn server_slots_need_a_window_each() {
    let model = registry::model("gemma3-4b").unwrap();
    assert_eq!(cache(&model, Runtime::LlamaServer, 32_768), 1_162.0);
}

#[test]
fn windows_that_the_runtime_ignores() {
    let mistral = fixture("mistral-7b-v0.1.json");
    assert_eq!(cache(&mistral, Runtime::LlamaCpp, 32_768), 4_096.0);
    assert_eq!(cache(&mistral, Runtime::Transformers, 32_768), 512.0);
    assert_eq!(llama_cpp("configs/qwen2-use-sliding.json", 32_768), 1_792.0);
    let model = load("configs/qwen2-use-sliding.json");
    assert_eq!(cache(&model, Runtime::Transformers, 32_768), 224.0);
}

#[test]
fn latent_attention_by_runtime() {
    for name in ["configs/minicpm3-4b.json", "gguf/minicpm3-4b.gguf"] {
        assert_eq!(llama_cpp(name, 32_768), 24_800.0, "{name}");
    }
    let lite = fixture("deepseek-v2-lite.json");
    assert_eq!(cache(&lite, Runtime::Transformers, 8_192), 2_160.0);
    assert_eq!(cache(&lite, Runtime::LlamaCpp, 8_192), 243.0);
    assert_eq!(llama_cpp("configs/glm-4.7-flash.json", 32_768), 1_692.0);
}

#[test]
fn looped_layers_have_a_cache_for_each_pass() {
    for name in ["configs/nanbeige4.2-3b.json", "gguf/nanbeige4.2-3b.gguf"] {
        assert_eq!(llama_cpp(name, 32_768), 5_632.0, "{name}");
    }
}

#[test]
fn windows_by_architecture() {
    assert_eq!(llama_cpp("gguf/afmoe-trinity-mini.gguf", 32_768), 632.0);
    assert_eq!(llama_cpp("gguf/gptoss-ollama-type39.gguf", 32_768), 786.0);
    assert_eq!(llama_cpp("gguf/gptoss-ollama-type4.gguf", 32_768), 786.0);
    assert_eq!(llama_cpp("gguf/llama4-scout.gguf", 32_768), 2_760.0);
}

#[test]
fn what_the_runtime_refuses_is_refused_and_never_offered() {
    use dhurandhar_core::device::registry::device;
    use dhurandhar_core::feasibility::{Change, assess};
    use dhurandhar_core::weights::WeightPlan;
    let model = load("configs/s-granite-4.1-3b-headdim80.json");
    let quantised = Scenario { k: KvFormat::Q8_0, v: KvFormat::Q8_0, ..Scenario::for_model(&model) };
    let why = quantised.check(&model).unwrap_err().to_string();
    assert!(why.contains("llama.cpp makes no context") && why.contains("80"), "{why}");
    let llama = registry::model("llama-3.2-1b").unwrap();
    let scenario = Scenario { v: KvFormat::Q4_0, flash_attention: false, ..Scenario::for_model(&llama) };
    assert!(scenario.check(&llama).unwrap_err().to_string().contains("flash attention"));
    let long = Scenario { context_tokens: 131_072, ..Scenario::for_model(&model) };
    let plan = WeightPlan::new(&model, long.weights).unwrap();
    let answer = assess(&model, &plan, &long, &device("raspberry-pi-5-8gb").unwrap(), 0.0).unwrap();
    let offered = answer.inverse.fixes.iter().map(|fix| fix.change).chain(answer.inverse.together);
    assert!(offered.into_iter().all(|change| !matches!(change, Change::KvQ8 | Change::KvQ4)));
}

#[test]
fn hybrids_that_no_list_of_kinds_shows() {
    let minimax = load("configs/minimax-text-01.json");
    assert_eq!(cache(&minimax, Runtime::LlamaCpp, 32_768), 1_280.0);
    // 70 layers of 64 heads with 128 x 128 numbers.
    assert_eq!(minimax.architecture.state_bytes(), 70 * 64 * 128 * 128 * 4);
    let qwen = load("configs/qwen3.8-27b.json");
    assert_eq!(cache(&qwen, Runtime::LlamaCpp, 32_768), 2_048.0);
    assert!((in_mib(qwen.architecture.state_bytes()) - 149.6).abs() < 0.1);
}

#[test]
fn synonyms_of_kv_heads() {
    assert_eq!(llama_cpp("configs/chatglm3-6b.json", 8_192), 224.0);
    assert_eq!(llama_cpp("configs/mpt-mqa.json", 4_096), 512.0);
}

#[test]
fn lists_with_drafting_layers_and_kinds_with_heads_of_their_own() {
    for name in ["step-3.5-flash", "step-3.5-flash-45kinds", "step-3.5-flash-45kinds-topk"] {
        assert_eq!(llama_cpp(&format!("configs/{name}.json"), 32_768), 1_668.0, "{name}");
    }
    assert_eq!(llama_cpp("configs/mimo-v2-flash.json", 32_768), 866.25);
}

#[test]
fn caches_shared_between_layers() {
    assert_eq!(llama_cpp("configs/hunyuan-large-cla.json", 32_768), 4_096.0);
}

#[test]
fn lists_where_numbers_are_usual() {
    let model = load("configs/hunyuan-a13b.json");
    assert!((billions(&model) - 80.39).abs() < 0.01, "{}", billions(&model));
    assert!(matches!(model.architecture.layers[3].ffn, Ffn::Experts { active: 8, shared_width: 3_072, .. }));
}

#[test]
fn numbers_as_python_writes_them() {
    let model = load("configs/granite-4.0-h-tiny-infinity.json");
    assert_eq!(model.parameters().text, fixture("granite-4.0-h-tiny.json").parameters().text);
}

#[test]
fn class_defaults_of_nested_parts_are_said() {
    let llava = load("configs/llava-1.5-7b-hf.json");
    assert_eq!((llava.architecture.layers.len(), llava.architecture.hidden_size), (32, 4_096));
    assert!((billions(&llava) - 7.06).abs() < 0.01, "{}", billions(&llava));
    assert!(assumptions(&llava).contains("`intermediate_size` not given: llama's class default 11008"));
    let deepseek = load("configs/deepseek-vl-7b.json");
    assert_eq!((deepseek.architecture.layers.len(), deepseek.architecture.hidden_size), (30, 4_096));
    assert!(assumptions(&deepseek).contains("class default"));
    assert_eq!(deepseek.architecture.uncounted, ["vision tower"]);
    let paligemma = load("configs/paligemma-3b.json");
    assert!((billions(&paligemma) - 2.92).abs() < 0.01, "{}", billions(&paligemma));
}

#[test]
fn fused_widths() {
    assert!((billions(&load("configs/qwen-7b.json")) - 7.72).abs() < 0.01);
}

#[test]
fn cross_attention_caches_the_picture() {
    let found = llama_cpp("configs/llama-3.2-11b-vision.json", 32_768);
    assert!((found - 4_296.0).abs() < 5.0, "{found}");
}

#[test]
fn fields_of_mixtures_for_devices_and_older_forms() {
    let thinker = load("configs/smallthinker-21b.json");
    assert!((billions(&thinker) - 21.5).abs() < 0.1, "{}", billions(&thinker));
    assert_eq!(thinker.architecture.cache_owners(), (13, 39));
    assert!(matches!(thinker.architecture.layers[0].ffn, Ffn::Experts { experts: 64, active: 6, .. }));
    let elm = load("configs/openelm-270m.json");
    assert!((billions(&elm) - 0.2715).abs() < 0.0005, "{}", billions(&elm));
    let bloom = load("configs/bloom-560m.json");
    assert!((billions(&bloom) - 0.559).abs() < 0.001, "{}", billions(&bloom));
    let params = refusal("configs/params-mistral.json");
    assert!(params.contains("a params.json") && params.contains("config.json"), "{params}");
}

#[test]
fn tensor_types() {
    let small = load("gguf/type42.gguf");
    let stored = |model: &Model, role| {
        model.tensors.iter().find(|tensor| tensor.role == role).unwrap().stored.unwrap()
    };
    let table = stored(&small, Role::TokenEmbedding);
    assert_eq!((table.block.name(), table.bytes), ("q2_0", 151_936 * 2_048 / 64 * 18));
    let ollama = load("gguf/gptoss-ollama-type4.gguf");
    let experts = stored(&ollama, Role::ExpertGate);
    assert_eq!((experts.block.name(), experts.bytes), ("mxfp4", 2_880 * 2_880 * 32 / 32 * 17));
}

#[test]
fn towers_inside_one_file() {
    let model = load("gguf/ollama-deepseekocr.gguf");
    let tower: u64 = model
        .tensors
        .iter()
        .filter(|tensor| tensor.name.starts_with("s.") && tensor.role == Role::Vision)
        .map(|tensor| tensor.stored.unwrap().bytes)
        .sum();
    assert_eq!(in_mib(tower).round(), 162.0);
    assert!(
        model.tensors.iter().filter(|tensor| tensor.name.starts_with("blk.")).all(|t| t.role != Role::Vision)
    );
}

#[test]
fn encoders_under_a_decoders_name() {
    let why = refusal("gguf/ollama-embeddinggemma.gguf");
    assert!(why.contains("an encoder under a decoder's name"), "{why}");
}

#[cfg(test)]
fn with_config(folder_name: &str, name: &str) -> Model {
    let (bytes, length) = read(&format!("safetensors/{folder_name}/{name}"));
    let config = fs::read(folder().join(format!("safetensors/{folder_name}/config.json"))).unwrap();
    import_with_config(name, &bytes, Some(length), &config).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn checkpoints_of_other_writers() {
    let index = with_config("index-no-metadata", "model.safetensors.index.json");
    assert_eq!(index.architecture.layers.len(), 2);
    let f4 = with_config("f4", "model.safetensors");
    let odd = f4.tensors.iter().find(|tensor| tensor.name.ends_with("extra_f4")).unwrap();
    assert_eq!((odd.elements(), odd.stored.unwrap().bytes), (256, 128));
    let mixed = with_config("mlx-mixed-4-8", "model.safetensors");
    assert!((mixed.parameters().text as f64 / 1e6 - 1.437).abs() < 0.001, "{}", mixed.parameters().text);
}

#[test]
fn scaled_positions_raise_the_context() {
    for name in ["configs/qwen2.5-7b-yarn.json", "gguf/qwen2.5-yarn.gguf"] {
        let model = load(name);
        assert_eq!(model.architecture.max_context_tokens, 131_072, "{name}");
        assert_eq!(cache(&model, Runtime::LlamaCpp, 131_072), 7_168.0, "{name}");
    }
}

#[test]
fn an_indexer_caches_keys_of_its_own() {
    assert_eq!(llama_cpp("gguf/glm-dsa.gguf", 32_768), 264.0);
}

#[test]
fn one_tensor_an_expert_is_refused_by_name() {
    let why = refusal("gguf/mixtral-old-experts.gguf");
    assert!(why.contains("one tensor an expert") && why.contains("convert"), "{why}");
}

#[test]
fn attention_beside_a_recurrence() {
    let model = load("gguf/falcon-h1.gguf");
    assert_eq!(model.architecture.cache_owners(), (4, 0));
    assert!(model.architecture.layers.iter().all(|layer| matches!(layer.mixer, Mixer::Both(..))));
    assert!(model.architecture.state_bytes() > 0);
}

#[test]
fn a_tower_is_counted_or_named() {
    let model = load("configs/qwen2.5-vl-3b.json");
    let tower = model.architecture.vision.as_ref().unwrap();
    assert!((tower.parameters as f64 / 1e6 - 668.7).abs() < 0.1, "{}", tower.parameters);
    assert_eq!(model.architecture.uncounted, Vec::<String>::new());
}

#[test]
fn wrong_files_are_named() {
    let says = |found: String, part: &str| assert!(found.contains(part), "{part}: {found}");
    says(refusal("safetensors/adapter/adapter_model.safetensors"), "a LoRA adapter");
    says(refusal("safetensors/adapter/adapter_config.json"), "a LoRA adapter's config");
    says(refusal("gguf/imatrix.gguf"), "an importance matrix");
    says(refusal("gguf/control-vector.gguf"), "a control vector");
    let named =
        |name: &str, bytes: &[u8]| import(name, bytes, Some(bytes.len() as u64)).unwrap_err().to_string();
    says(named("model.gguf", b"<!DOCTYPE html>\n<html><head>"), "an HTML page");
    says(
        named("model.gguf", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
        "a Git LFS pointer",
    );
    says(
        named("tokenizer_config.json", br#"{"tokenizer_class": "X", "model_max_length": 5}"#),
        "a tokenizer's config",
    );
    says(
        named("generation_config.json", br#"{"do_sample": true, "transformers_version": "5"}"#),
        "a generation config",
    );
    says(
        named("model_index.json", br#"{"_class_name": "FluxPipeline", "_diffusers_version": "1"}"#),
        "a diffusion model",
    );
}

#[test]
fn hybrids_by_config() {
    let falcon = load("configs/falcon-h1-0.5b.json");
    assert_eq!(falcon.parameters().text, 521_411_104);
    assert_eq!(falcon.architecture.cache_owners(), (36, 0));
    let nemotron = load("configs/nemotron-nano-9b-v2.json");
    assert_eq!(nemotron.parameters().text, 8_888_227_328);
    assert_eq!(nemotron.architecture.cache_owners(), (4, 0));
}

#[test]
fn a_split_model_names_what_is_missing() {
    let why = refusal("gguf/split-00001-of-00003.gguf");
    assert!(why.contains("part 1 of 3"), "{why}");
}

#[test]
fn a_part_that_is_not_counted_leaves_doubt() {
    use dhurandhar_core::device::registry::device;
    use dhurandhar_core::feasibility::{Certainty, Mode, assess};
    use dhurandhar_core::weights::WeightPlan;
    let model = load("configs/deepseek-vl-7b.json");
    let scenario = Scenario::for_model(&model);
    let plan = WeightPlan::new(&model, scenario.weights).unwrap();
    let answer = assess(&model, &plan, &scenario, &device("macbook-air-m4").unwrap(), 0.0).unwrap();
    assert_ne!(answer.mode, Mode::Infeasible, "{}", answer.reason);
    assert_ne!(answer.certainty, Certainty::Certain);
    assert!(answer.reason.ends_with("At least: the vision tower is not counted."), "{}", answer.reason);
}

/// A small config of an unlisted type with `extra` fields.
#[cfg(test)]
fn unlisted(extra: &str) -> Result<Model, ImportError> {
    let text = format!(
        r#"{{"model_type": "zork", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000, {extra}}}"#
    );
    import("config.json", text.as_bytes(), None)
}

#[test]
fn fields_that_nothing_accounts_for_are_named_or_stop_the_guess() {
    let model = unlisted(r#""local_window_size": 512, "attention_dropout": 0.1, "use_cache": true"#).unwrap();
    let said = assumptions(&model);
    assert!(said.contains("could change memory: `local_window_size`"), "{said}");
    assert!(!said.contains("dropout") && !said.contains("use_cache"), "{said}");
    for extra in [
        r#""mb_per_layer": 2"#,
        r#""attn_type_list": [0, 1, 0, 1]"#,
        r#""layer_group_size": 4"#,
        r#""full_attention_interval": 4"#,
        r#""linear_head_dim": 64"#,
        r#""mamba_d_state": 16"#,
        r#""ssm_cfg": {"layer": "Mamba2"}"#,
        r#""mean_recurrence": 32"#,
        r#""layer_types": ["warp_attention", "full_attention", "full_attention", "full_attention"]"#,
    ] {
        let field = extra.split('"').nth(1).unwrap();
        let why = unlisted(extra).unwrap_err().to_string();
        let named = if field == "full_attention_interval" { "recurrent layers" } else { field };
        assert!(why.contains(named), "{field}: {why}");
    }
}
