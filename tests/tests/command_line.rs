//! The command line as a user meets it: answers, formats, exit codes and messages.

use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::registry;
use dhurandhar_core::report::Report;
use dhurandhar_tests::program::run;
use dhurandhar_tests::workspace::{fixture, root};
use snapbox::{file, str};
use std::process::Output;

fn answer(arguments: &[&str]) -> String {
    let output = run(arguments).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output: Output = run(arguments).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty(), "half an answer before the refusal");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn analyze_ple_answers_for_one_device() {
    let text = answer(&["analyze-ple", "--model", "gemma4-e2b", "--device", "high_end_mobile_ufs4"]);
    snapbox::assert_data_eq!(text, file!["snapshots/analyze-gemma4-e2b.txt"]);
}

#[test]
fn a_dossier_is_one_document_in_three_forms() {
    let cases = root().join("content/dossiers/gemma-4-e2b-on-a-6-gb-phone.yaml");
    let cases = cases.to_str().unwrap();
    let measured = root().join("content/measurements");
    let markdown = answer(&["dossier", cases, "--measured", measured.to_str().unwrap()]);
    assert!(markdown.starts_with("# Gemma 4 E2B on a 6 GB phone\n\nQuestion: "), "{markdown}");
    assert!(markdown.contains("| Measured | Weights | Predicted | Result | On | Date |"), "{markdown}");
    // Every command that it prints is one that answers.
    let commands: Vec<&str> = markdown.lines().filter_map(|line| line.strip_prefix("dhurandhar ")).collect();
    assert_eq!(commands.len(), 4);
    for command in commands {
        answer(&command.split(' ').collect::<Vec<_>>());
    }
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("dossier.html");
    answer(&["dossier", cases, "--output", page.to_str().unwrap(), "--site", "https://example.org"]);
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("https://example.org/calculator/?v=1&amp;model=gemma4-e2b"), "{html}");
    let json: serde_json::Value =
        serde_json::from_str(&answer(&["dossier", cases, "--format", "json"])).unwrap();
    assert_eq!(json["schema"], "dhurandhar.dossier/1");
    let nowhere = folder.path().join("dossier.pdf");
    let error = refusal(&["dossier", cases, "--output", nowhere.to_str().unwrap()]);
    assert!(error.contains("expected .html, .md or .json"), "{error}");
}

#[test]
fn every_built_in_model_answers_within_80_columns() {
    for slug in registry::slugs() {
        let text = answer(&["analyze-ple", "--model", slug, "--all-devices"]);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{slug}: {line}");
        }
        assert!(text.contains("Needed for full speed"), "{slug}");
    }
}

#[test]
fn json_is_the_report_of_the_core() {
    let json =
        answer(&["analyze-ple", "--model", "llama-3.2-1b", "--device", "raspberry-pi-5-8gb", "--json"]);
    let model = registry::model("llama-3.2-1b").unwrap();
    let device = dhurandhar_core::device::registry::device("raspberry-pi-5-8gb").unwrap();
    let devices = [device];
    let report = Report::new(&model, &Scenario::for_model(&model), &devices, 0.0).unwrap();
    assert_eq!(json, report.explained(&model, &devices).unwrap().to_json());
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["schema"], "dhurandhar.analysis/2");
    assert_eq!(value["model"]["parameters"]["text"], 1_235_814_400_u64);
}

#[test]
fn the_first_version_of_the_json_is_still_written_on_request() {
    let asked = ["analyze-ple", "--model", "gemma4-e2b", "--device", "pixel-9a", "--json"];
    let parse = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let old = parse(answer(&[&asked[..], &["--json-version", "1"]].concat()));
    assert_eq!(old["schema"], "dhurandhar.analysis/1");
    let new = parse(answer(&asked));
    let (device, check) = (&old["devices"][0], &new["devices"][0]["checks"][0]);
    assert_eq!(device["needed_bytes"], check["needed"]["bytes"]);
    assert_eq!(device["budget_bytes"], check["limit"]["bytes"]);
    assert_eq!(old["footprint"]["hot"], check["runs_from_bytes"]);
    for field in ["terms", "resident", "mmap", "reserved", "hot_mapped", "ple_to_decoder_ratio", "kv_layers"]
    {
        assert!(!old["footprint"][field].is_null(), "{field}");
    }
}

/// What a runtime refuses, and choices that exclude each other, are refused with the reason and what was expected.
#[test]
fn choices_that_cannot_be_are_refused_in_words() {
    let base = ["analyze-ple", "--model", "llama-3.2-1b", "--device", "pixel-9a"];
    let refused = |more: &[&str]| refusal(&[&base[..], more].concat());
    for (more, expected) in [
        (&["--v-bits", "q4_0", "--no-flash-attention"][..], "need flash attention"),
        (&["--slots", "0"], "0 slots; expected 1 to 256"),
        (
            &["--slots", "256", "--context-tokens", "131072", "--unified-kv", "false", "--ubatch", "0"],
            "ubatch of 0",
        ),
        (&["--context-tokens", "131073"], "expected 1 to 131072"),
        (&["--runtime", "vllm", "--load", "copy"], "a load mode with vllm"),
        (&["--prompt-cache-mib", "100"], "a prompt cache with llama-cpp"),
        (&["--load", "copy", "--lazy", "on"], "needs the file mapped"),
        (&["--memory-limit-mib", "0"], "invalid value '0'"),
        (&["--load", "mlock", "--no-mmap"], "cannot be used with"),
    ] {
        let message = refused(more);
        assert!(message.contains(expected), "{more:?}: {message}");
    }
    let config = fixture("configs/s-granite-4.1-3b-headdim80.json");
    let message = refusal(&[
        "analyze-ple",
        "--model",
        config.to_str().unwrap(),
        "--k-bits",
        "q8_0",
        "--v-bits",
        "q8_0",
        "--device",
        "pixel-9a",
    ]);
    assert!(message.contains("multiple of 32 channels") && message.contains("80"), "{message}");
}

/// Everybody runs it there: on the GPU, without a packed copy.
#[test]
fn a_mixture_of_thirty_billion_runs_on_a_mac_of_36_gb() {
    let config = fixture("configs/qwen3-30b-a3b.json");
    let asked = ["analyze-ple", "--model", config.to_str().unwrap(), "--device", "macbook-pro-m4-max-36gb"];
    let text = answer(&asked);
    assert!(text.contains("RESIDENT") && text.contains("Metal's working set"), "{text}");
    assert!(text.contains("8 of 128 experts") && !text.contains("Packed weight copy"), "{text}");
}

/// A server's slots take memory that a command line does not, and a container's limit is one limit more.
#[test]
fn slots_and_a_containers_limit_count() {
    let parse = |more: &[&str]| {
        let asked = ["analyze-ple", "--model", "gemma3-4b", "--context-tokens", "32768", "--json"];
        let device = ["--device", "raspberry-pi-5-16gb"];
        serde_json::from_str::<serde_json::Value>(&answer(&[&asked[..], &device, more].concat())).unwrap()
    };
    let cache = |report: &serde_json::Value| -> u64 {
        let parts = report["placement"]["parts"].as_array().unwrap();
        let found = parts.iter().find(|part| part["component"] == "kv_cache").unwrap();
        found["bytes"].as_u64().unwrap() >> 20
    };
    // llama-server without options: 4 slots, window cells for each (measured: 1,162 MiB).
    assert_eq!(cache(&parse(&["--runtime", "llama-server"])), 1162);
    let limited = parse(&["--memory-limit-mib", "600"]);
    let first = &limited["devices"][0]["checks"][0];
    assert_eq!((first["limit"]["id"].as_str(), first["outcome"].as_str()), (Some("cgroup"), Some("fails")));
}

#[test]
fn json_out_writes_the_same_report_beside_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let device = ["--device", "pixel-9a"];
    let asked = ["analyze-ple", "--model", "qwen3-0.6b", "--output", path.to_str().unwrap()];
    let text = answer(&[&asked[..], &device].concat());
    assert!(text.contains("KV cache"));
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        answer(&[&["analyze-ple", "--model", "qwen3-0.6b", "--json"][..], &device].concat())
    );
}

#[test]
fn the_schema_names_every_field_of_the_report() {
    let schema: serde_json::Value = serde_json::from_str(&answer(&["schema"])).unwrap();
    let report: serde_json::Value = serde_json::from_str(&answer(&["analyze-ple", "--json"])).unwrap();
    for field in report.as_object().unwrap().keys() {
        assert!(schema["properties"].get(field).is_some(), "{field}");
    }
}

#[test]
fn codec_reports_have_schemas_that_name_their_fields() {
    let asked: [(&str, &[&str]); 2] = [
        ("codec-comparison", &["compare-codecs", "--tokens", "16", "--bits", "4", "--json"]),
        ("kv-benchmark", &["benchmark-kv", "--samples", "16", "--json"]),
    ];
    for (name, command) in asked {
        let schema: serde_json::Value = serde_json::from_str(&answer(&["schema", name])).unwrap();
        let report: serde_json::Value = serde_json::from_str(&answer(command)).unwrap();
        for field in report.as_object().unwrap().keys() {
            assert!(schema["properties"].get(field).is_some(), "{name} {field}");
        }
        let row = &schema["$defs"]["SweepRow"]["properties"];
        for field in report["quality"][0].as_object().unwrap().keys() {
            assert!(row.get(field).is_some(), "{name} {field}");
        }
    }
}

#[test]
fn the_seeds_table_comes_out_of_the_seeds_constants() {
    let profile = fixture("seed/gemma4-e2b.yaml");
    let text = answer(&[
        "analyze-ple",
        "--method",
        "seed",
        "--model",
        profile.to_str().unwrap(),
        "--device",
        "low_tier_mobile_emmc",
        "--device",
        "high_end_mobile_ufs4",
        "--device",
        "laptop_nvme",
    ]);
    // The seed's published table, where its code agrees with it: activations are 32 and the resident total 2,404.
    for figure in ["809 MB", "1147 MB", "138 MB", "150 MB", "32 MB", "2404 MB", "1321 MB"] {
        assert!(text.contains(figure), "{figure} in\n{text}");
    }
    assert!(text.contains("Short by 297 MB"), "{text}");
    assert!(text.contains("727 MB headroom"), "{text}");
    assert!(text.contains("Fits resident with 5788 MB headroom"), "{text}");
}

#[test]
fn choices_that_would_have_no_effect_are_refused() {
    for (arguments, named) in [
        (&["--method", "seed", "--slots", "2"][..], "--slots"),
        (&["--method", "seed", "--load", "copy"], "--load"),
        (&["--runtime", "vllm", "--no-repack"], "packed copies"),
        (&["--json-version", "1"], "--output"),
        (&["--context-tokens", "-1"], "'-1'"),
    ] {
        let error = refusal(&[&["analyze-ple"], arguments].concat());
        assert!(error.contains(named), "{arguments:?}: {error}");
    }
}

#[test]
fn the_seeds_own_example_profile_loads_unchanged() {
    let profile = fixture("seed/my_model.yaml");
    let text = answer(&["analyze-ple", "--model", profile.to_str().unwrap(), "--context-tokens", "4096"]);
    assert!(text.contains("phi-3-mini-4k"), "{text}");
}

#[test]
fn the_options_of_the_first_release_are_all_there() {
    let text = answer(&[
        "analyze-ple",
        "--model",
        "gemma4-e2b",
        "--context-tokens",
        "32768",
        "--quant-bits",
        "4",
        "--kv-bits",
        "4",
        "--keep-audio",
        "--device",
        "laptop_nvme",
        "--target-decode-tps",
        "15",
    ]);
    // 32,768 tokens of 15 caches at 4 bits: 49.5 MiB logical, 51 in llama.cpp's cells.
    assert!(text.contains("4bit weights (4.00 bits per weight)"), "{text}");
    assert!(text.contains("51.0"), "{text}");
    assert!(answer(&["analyze-ple", "--strip-audio"]).contains("left out"));
}

#[test]
fn an_infeasible_device_can_fail_a_pipeline() {
    let arguments = ["analyze-ple", "--device", "low_tier_mobile_emmc", "--fail-if-infeasible"];
    assert_eq!(run(&arguments).unwrap().status.code(), Some(1));
    let arguments = ["analyze-ple", "--device", "laptop_nvme", "--fail-if-infeasible"];
    assert_eq!(run(&arguments).unwrap().status.code(), Some(0));
}

#[test]
fn limits_are_listed_by_device_by_system_and_whole() {
    let phone = answer(&["limits", "--os", "android-17", "--ram", "8"]);
    assert!(
        phone.contains("google-play               2,304    1,536       1,536  anonymous memory"),
        "{phone}"
    );
    assert!(answer(&["limits", "--device", "iphone-15-pro"]).contains("jetsam"));
    assert!(answer(&["limits", "google-play"]).contains("2.25 GiB"));
    let list = answer(&["limits", "--list"]);
    assert!(list.lines().count() > 20 && list.lines().all(|line| line.len() <= 80), "{list}");
    let json = answer(&["limits", "--os", "android-17", "--ram", "6", "--state", "service", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["limits"][0]["bytes"], 1280 << 20);
    for (arguments, message) in [
        (vec!["limits"], "nothing to show"),
        (vec!["limits", "--os", "androd-17", "--ram", "8"], "no system `androd`; nearest: android"),
        (vec!["limits", "--os", "android-19", "--ram", "8"], "nearest: android-17"),
        (vec!["limits", "--os", "android-17", "--ram", "0"], "`--ram 0`: expected GB of memory"),
        (vec!["limits", "--os", "android-17"], "expected --ram GB"),
        (vec!["limits", "--device", "iphone-15-pro", "--state", "service"], "iOS has no state `service`"),
        (vec!["limits", "google-pley"], "nearest: google-play"),
        (
            vec!["analyze-ple", "--device", "macbook-air-m4", "--state", "service"],
            "macOS has no state `service`",
        ),
    ] {
        assert!(refusal(&arguments).contains(message), "{arguments:?}");
    }
}

#[test]
fn programs_are_listed_and_choose_for_each_device() {
    let list = answer(&["programs"]);
    assert!(list.contains("pocketpal") && list.lines().all(|line| line.len() <= 80), "{list}");
    let one = answer(&["programs", "ollama"]);
    assert!(
        one.contains("With a graphics card, from 4097 tokens on: micro-batch of 1024")
            && one.contains("https://github.com/ollama/ollama"),
        "{one}"
    );
    let ask = |more: &[&str]| {
        let arguments = ["analyze-ple", "--model", "llama-3.2-3b", "--program", "pocketpal", "--json"];
        let json = answer(&[&arguments[..], more].concat());
        serde_json::from_str::<serde_json::Value>(&json).unwrap()
    };
    let both = ask(&["--device", "pixel-9a", "--device", "iphone-16-pro"]);
    let on = &both["program"]["on"];
    assert_eq!((&on["pixel-9a"]["load"], &on["iphone-16-pro"]["load"]), (&"copy".into(), &"mmap".into()));
    assert_eq!(both["devices"][1]["context_tokens"], 2048);
    let said = ask(&["--device", "pixel-9a", "--load", "mmap", "--context-tokens", "4096"]);
    assert_eq!(
        (&said["scenario"]["load"], &said["scenario"]["context_tokens"]),
        (&"mmap".into(), &4096.into())
    );
    assert_eq!(said["scenario"]["flash_attention"], false);
    for (arguments, message) in [
        (vec!["programs", "olama"], "nearest: ollama"),
        (vec!["analyze-ple", "--program", "mlx-lm", "--device", "pixel-9a"], "expected a device with macOS"),
        (vec!["analyze-ple", "--program", "ollama", "--runtime", "vllm"], "cannot be used with"),
        (
            vec!["analyze-ple", "--program", "mlx-lm", "--device", "macbook-air-m4", "--load", "copy"],
            "a load mode with mlx",
        ),
    ] {
        assert!(refusal(&arguments).contains(message), "{arguments:?}");
    }
}

#[test]
fn a_gpu_in_the_hosts_memory_takes_any_number_of_layers() {
    for (option, said) in [
        (["--gpu-layers", "10"], "10 of 49 layers"),
        (["--cpu-moe-layers", "4"], "experts of the first 4 with the processor"),
    ] {
        let arguments = ["analyze-ple", "--model", "qwen3-30b-a3b", "--device", "strix-halo-64gb"];
        let text = answer(&[&arguments[..], &option].concat());
        assert!(text.contains("On the GPU:") && text.contains(said), "{text}");
    }
    assert!(refusal(&["analyze-ple", "--gpu", "rtx-4090", "--cpu-only"]).contains("cannot be used with"));
    // A card that is larger than half of the computer's memory is as large as it is.
    let text = answer(&[
        "analyze-ple",
        "--model",
        "qwen3-30b-a3b",
        "--device",
        "desktop-rtx-3060-12gb",
        "--gpu",
        "RTX-4090",
    ]);
    assert!(text.contains("Verdict:        RESIDENT") && !text.contains("shared GPU memory"), "{text}");
}

#[test]
fn a_store_that_shows_an_app_less_does_not_end_it_and_says_what_would_pass() {
    let arguments = ["analyze-ple", "--model", "gemma4-e2b", "--weights", "q4_0", "--context-tokens", "8192"];
    let ask = |state| {
        let json =
            answer(&[&arguments[..], &["--device", "pixel-10-pro", "--state", state, "--json"]].concat());
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["devices"][0].clone()
    };
    let (front, service) = (ask("foreground"), ask("service"));
    assert_eq!((&front["mode"], &service["mode"]), (&"resident".into(), &"resident".into()));
    assert_eq!(front["flagged"], serde_json::json!([]));
    let check = |verdict: &serde_json::Value| {
        let checks = verdict["checks"].as_array().unwrap();
        checks.iter().find(|check| check["limit"]["id"] == "google-play").unwrap().clone()
    };
    assert_eq!(check(&front)["limit"]["bytes"], 4352_u64 << 20);
    assert_eq!(check(&service)["limit"]["bytes"], 2048_u64 << 20);
    let copied =
        [&arguments[..], &["--device", "pixel-10-pro", "--state", "service", "--load", "copy"]].concat();
    let text = answer(&copied);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("google-play in a foreground service if: map the file"), "{flat}");
}

#[test]
fn a_device_of_ones_own_is_a_yaml_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phone.yaml");
    std::fs::write(&path, "name: phone\nram_budget_mb: 3072\nflash_read_gbps: 4.5\n").unwrap();
    let text = answer(&["analyze-ple", "--device", path.to_str().unwrap()]);
    let words: Vec<&str> = text.split_whitespace().collect();
    let flat = words.join(" ");
    assert!(flat.contains("the stated budget: needs") && flat.contains("3,072 allowed"), "{text}");
    std::fs::write(&path, "name: phone\nram_budget_mb: -5\nflash_read_gbps: 4.5\n").unwrap();
    let message = refusal(&["analyze-ple", "--device", path.to_str().unwrap()]);
    assert!(message.contains("phone.yaml:2: field `ram_budget_mb` is -5"), "{message}");
}

#[test]
fn bad_input_names_what_was_wrong_and_what_was_expected() {
    snapbox::assert_data_eq!(
        refusal(&["analyze-ple", "--model", "gemma4-e2"]),
        str![[r#"
error: no built-in model `gemma4-e2`; nearest: gemma4-e2b, gemma4-e4b, gemma4-12b; `dhurandhar models` lists them

"#]]
    );
    snapbox::assert_data_eq!(
        refusal(&["analyze-ple", "--context-tokens", "0"]),
        str![[r#"
error: context of 0 tokens; expected 1 to 131072, the longest that `gemma4-e2b` declares

"#]]
    );
    let far = refusal(&["analyze-ple", "--context-tokens", "1000000000000"]);
    assert!(far.contains("expected 1 to 131072"), "{far}");
    for (arguments, part) in [
        (vec!["analyze-ple", "--weight-bits", "0"], "--weight-bits"),
        (vec!["analyze-ple", "--weight-bits", "1000"], "--weight-bits"),
        (vec!["analyze-ple", "--kv-bits", "-4"], "-4"),
        (vec!["analyze-ple", "--weights", "q9"], "unknown weight format `q9`"),
        (vec!["analyze-ple", "--k-bits", "turbo9"], "unknown KV format `turbo9`"),
        (vec!["analyze-ple", "--runtime", "tgi"], "unknown runtime `tgi`"),
        (vec!["analyze-ple", "--device", "pixel-9"], "pixel-9a"),
        (vec!["analyze-ple", "--target-decode-tps", "nan"], "target of NaN tok/s"),
        (vec!["analyze-ple", "--ple-cache-hit", "2"], "expected 0 to 1"),
        (vec!["analyze-ple", "--model", "nowhere.yaml"], "no file at nowhere.yaml"),
        (vec!["analyze-ple", "--weights", "as_stored"], "needs a GGUF or safetensors file"),
    ] {
        let message = refusal(&arguments);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}

#[test]
fn a_profile_with_a_mistake_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    let good = std::fs::read_to_string(root().join("profiles/models/llama-3.2-1b.yaml")).unwrap();
    for (from, to, expected) in [
        (
            "hidden_size: 2048",
            "hidden_size: 2048\nhead_dims: 64",
            "unknown field `head_dims`; did you mean `head_dim`?",
        ),
        ("num_hidden_layers: 16", "num_hidden_layers: -16", "expected a whole number from 1 to 4096"),
        ("head_dim: 64", "", "field `head_dim` is missing"),
        ("vocab_size: 128256", "vocab_size: many", "field `vocab_size` is \"many\""),
        ("head_dim: 64", "head_dim: 64\nhead_dim: 64", "field `head_dim` is given twice"),
        ("family: llama", "family: [llama", "mine.yaml:"),
    ] {
        assert!(good.contains(from), "{from}");
        std::fs::write(&path, good.replace(from, to)).unwrap();
        let message = refusal(&["analyze-ple", "--model", path.to_str().unwrap()]);
        assert!(message.contains(expected), "{from} -> {to}: {message}");
        assert!(message.contains("mine.yaml:"), "{message}");
    }
}

#[test]
fn a_path_that_is_not_there_is_bad_input_and_is_named() {
    for arguments in [
        ["analyze-ple", "--output", "/nowhere/file.json"],
        ["analyze-ple", "--calibrate", "/nowhere/file.json"],
        ["dossier", "--format=json", "/nowhere/file.json"],
    ] {
        let output = run(&arguments).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/file.json"));
    }
}

#[test]
fn completions_and_manual_come_from_the_options() {
    assert!(answer(&["completions", "bash"]).contains("analyze-ple"));
    assert!(answer(&["man"]).contains(".TH dhurandhar"));
    assert!(answer(&["--version"]).starts_with("dhurandhar "));
}

#[test]
fn a_config_json_is_a_model() {
    let config = fixture("configs/qwen3-0.6b.json");
    let text =
        answer(&["analyze-ple", "--model", config.to_str().unwrap(), "--device", "raspberry-pi-5-8gb"]);
    assert!(text.contains("596,049,920 text parameters"), "{text}");
    let summary: serde_json::Value =
        serde_json::from_str(&answer(&["import", config.to_str().unwrap(), "--json"])).unwrap();
    assert_eq!(summary["summary"]["parameters"]["text"], 596_049_920);
    let encoder = fixture("configs/bert-base-uncased.json");
    let message = refusal(&["analyze-ple", "--model", encoder.to_str().unwrap()]);
    assert!(message.contains("`bert` is an encoder without a decoder"), "{message}");
}

#[test]
fn compare_codecs_reproduces_the_seeds_published_quality_at_true_bits() {
    let report: serde_json::Value = serde_json::from_str(&answer(&["compare-codecs", "--json"])).unwrap();
    let row = |codec: &str, bits: u64| {
        let rows = report["quality"].as_array().unwrap();
        rows.iter().find(|row| row["codec"] == codec && row["bits"] == bits).unwrap().clone()
    };
    for (codec, cosine) in [("seed-turbo", 0.997_194_05), ("seed-rotor", 0.970_754_33)] {
        let found = row(codec, 4)["quality"]["cosine"].as_f64().unwrap();
        assert!((found / cosine - 1.0).abs() < 1e-5, "{codec}: {found}");
    }
    let seed = row("seed-turbo", 4);
    assert_eq!(seed["published_label"], "3.5 bits");
    assert!(seed["true_bits"].as_f64().unwrap() > 5.0);
}

#[test]
fn attention_on_real_keys_prefers_centring_and_sinks() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../content/data/smollm2-135m-layer-9.safetensors");
    let compare = |more: &[&str]| {
        let mut arguments =
            vec!["compare-codecs", "--input", sample, "--tensor", "layer.9.keys", "--bits", "4"];
        arguments.extend(["--codec", "turboquant,centred-keys,rotorquant", "--sinks", "4", "--json"]);
        arguments.extend(more);
        arguments.iter().map(ToString::to_string).collect::<Vec<String>>()
    };
    let whole = compare(&["--queries", "layer.9.queries", "--values", "layer.9.values"]);
    let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
    let report: serde_json::Value = serde_json::from_str(&answer(&whole)).unwrap();
    let kl = |at: usize| report["attention"][at]["attention"]["kl"].as_f64().unwrap();
    assert_eq!(report["attention"].as_array().unwrap().len(), 3);
    assert!(kl(1) < 0.7 * kl(0) && kl(2) > 3.0 * kl(0), "{} {} {}", kl(0), kl(1), kl(2));
    for (more, part) in [
        (
            ["--queries", "layer.9.keys", "--values", "layer.9.queries"],
            "values: tensor `layer.9.queries` has shape [9, 256, 64]; expected [3, 256, 64]",
        ),
        (["--queries", "nothing", "--values", "layer.9.values"], "no tensor `nothing`"),
    ] {
        let arguments = compare(&more);
        let message = refusal(&arguments.iter().map(String::as_str).collect::<Vec<&str>>());
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn benchmark_kv_counts_windows_and_shared_layers() {
    let arguments = ["benchmark-kv", "--model", "gemma4-e2b", "--samples", "256", "--json"];
    let report: serde_json::Value = serde_json::from_str(&answer(&arguments)).unwrap();
    assert_eq!(report["kv_cache"][0]["memory"]["bf16_bytes"], 198 << 20);
    for (arguments, part) in [
        (vec!["benchmark-kv", "--residual-bits", "9"], "9"),
        (vec!["benchmark-kv", "--head-dim", "0"], "0"),
        (vec!["compare-codecs", "--residual-bits", "2,x"], "`x` is not a width"),
        (vec!["compare-codecs", "--codec", "zip"], "invalid value 'zip'"),
        (vec!["compare-codecs", "--head-dim", "9000"], "9000"),
    ] {
        let message = refusal(&arguments);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}
