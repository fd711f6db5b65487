//! Predictions: tables, JSON, documents.

use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::registry;
use dhurandhar_core::report::Report;
use dhurandhar_tests::program::{answer, refusal, run};
use dhurandhar_tests::workspace::{fixture, root};
use snapbox::file;

#[test]
fn analyze_ple_answers_for_one_device() {
    let text = answer(&["analyze-ple", "--model", "gemma4-e2b", "--device", "high_end_mobile_ufs4"]);
    snapbox::assert_data_eq!(text, file!["../snapshots/analyze-gemma4-e2b.txt"]);
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
fn an_infeasible_device_can_fail_a_pipeline() {
    let arguments = ["analyze-ple", "--device", "low_tier_mobile_emmc", "--fail-if-infeasible"];
    assert_eq!(run(&arguments).unwrap().status.code(), Some(1));
    let arguments = ["analyze-ple", "--device", "laptop_nvme", "--fail-if-infeasible"];
    assert_eq!(run(&arguments).unwrap().status.code(), Some(0));
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
fn completions_and_manual_come_from_the_options() {
    assert!(answer(&["completions", "bash"]).contains("analyze-ple"));
    assert!(answer(&["man"]).contains(".TH dhurandhar"));
    assert!(answer(&["--version"]).starts_with("dhurandhar "));
}
