//! Codecs of the KV cache.

use dhurandhar_tests::program::{answer, refusal};

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
