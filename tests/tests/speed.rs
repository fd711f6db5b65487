//! Speeds as a user meets them: predicted, narrowed by a measurement, held to published ones; and the script that fits the law.

use dhurandhar_tests::program::{answer, refusal};
use dhurandhar_tests::workspace::root;
use std::process::Command;

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&answer(&[arguments, &["--json"]].concat())).unwrap()
}

const BENCH: &str = r#"[{"cpu_info": "Cortex-A76", "model_filename": "q.gguf", "model_type": "qwen3 0.6B Q4_0", "model_size": 1,
    "model_n_params": 596049920, "n_gpu_layers": 0, "type_k": "f16", "type_v": "f16", "n_prompt": 0, "n_gen": 128,
    "n_depth": 0, "avg_ts": 21.5, "stddev_ts": 0.1}]"#;

#[test]
fn a_turn_is_told_with_its_wait_and_longer_prompts_wait_longer() {
    let of = |tokens: &str| {
        let value = json(&[
            "analyze-ple",
            "--model",
            "llama-3.2-3b",
            "--device",
            "pixel-10-pro",
            "--prompt-tokens",
            tokens,
        ]);
        value["devices"][0]["speed"].clone()
    };
    let (short, long) = (of("100"), of("2000"));
    let wait = |speed: &serde_json::Value| speed["turn"]["first_token_s"]["expected"].as_f64().unwrap();
    assert!(wait(&long) > 15.0 * wait(&short), "{short} {long}");
    assert_eq!(long["turn"]["prompt_tokens"], 2000);
    assert_eq!(short["uses"].as_array().unwrap().len(), 3);
    // Each interval says how many published runs of its class it holds.
    let decode = &short["standings"][0]["decode"];
    let count = |of: &str| decode[of].as_u64().unwrap();
    assert!(
        count("held") <= count("rows") && count("chips") <= count("rows") && count("chips") > 0,
        "{short}"
    );
    let depths = short["by_depth"].as_array().unwrap();
    let speeds: Vec<f64> = depths.iter().map(|at| at["tokens_per_s"]["expected"].as_f64().unwrap()).collect();
    assert!(speeds.windows(2).all(|pair| pair[0] >= pair[1]), "{speeds:?}");
    let text = answer(&["analyze-ple", "--model", "llama-3.2-3b", "--device", "pixel-10-pro"]);
    for part in [
        "Speed:",
        "A token's time:",
        "weights and cache at",
        "A turn:",
        "first token after",
        "By depth:",
        "Usable for:",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let error = refusal(&[
        "analyze-ple",
        "--model",
        "llama-3.2-3b",
        "--context-tokens",
        "1000",
        "--prompt-tokens",
        "1500",
    ]);
    assert!(error.contains("in a context of 1000; expected at most that"), "{error}");
}

#[test]
fn one_measured_speed_narrows_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.json");
    std::fs::write(&file, BENCH).unwrap();
    let file = file.to_str().unwrap();
    let base =
        ["analyze-ple", "--model", "llama-3.2-1b", "--weights", "q4_0", "--device", "raspberry-pi-5-8gb"];
    let width = |value: &serde_json::Value| {
        let decode = &value["devices"][0]["speed"]["decode_tokens_per_s"];
        decode["high"].as_f64().unwrap() / decode["low"].as_f64().unwrap()
    };
    let measured = json(&[&base[..], &["--calibrate", file]].concat());
    assert!(width(&measured) < 0.75 * width(&json(&base)), "{measured}");
    let text = answer(&[&base[..], &["--calibrate", file]].concat());
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("decoding narrowed by one measured speed, prompts not"), "{text}");
    let error = refusal(&["analyze-ple", "--model", "llama-3.2-1b", "--all-devices", "--calibrate", file]);
    assert!(error.contains("without one device"), "{error}");
    std::fs::write(file, BENCH.replace("596049920", "7")).unwrap();
    let error = refusal(&[&base[..], &["--calibrate", file]].concat());
    assert!(error.contains("no built-in model has 7 parameters"), "{error}");
    std::fs::write(file, b"\xff\xfe").unwrap();
    assert!(refusal(&[&base[..], &["--calibrate", file]].concat()).contains("not text in UTF-8"));
    std::fs::write(file, "<html>").unwrap();
    assert!(refusal(&[&base[..], &["--calibrate", file]].concat()).contains("not the JSON of llama-bench"));
}

#[test]
fn the_law_is_held_to_published_measurements_and_one_is_told_term_by_term() {
    let text = answer(&["validate-speed"]);
    for part in [
        "Decode, tokens a second",
        "Prompt, tokens a second",
        "NVIDIA card, CUDA",
        "without its family of chips",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let one = answer(&["validate-speed", "--row", "r1306"]);
    assert!(
        one.contains("RTX 4090")
            && one.contains("weights over the bandwidth")
            && one.contains("188.96 measured"),
        "{one}"
    );
    assert!(refusal(&["validate-speed", "--row", "nothing"]).contains("no row `nothing`"));
    let worst = answer(&["validate-speed", "--worst", "3"]);
    assert_eq!(worst.lines().count(), 4, "{worst}");
}

/// Fits the law again from the committed rows and compares the coefficients with those that are used.
#[test]
fn the_committed_coefficients_are_what_the_script_fits() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str| {
        let to = folder.path().join(from);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(root().join(from), to).unwrap();
    };
    for file in ["tests/scripts/fit_speed.py", "profiles/speed/published.csv", "profiles/speed/hardware.csv"]
    {
        copy(file);
    }
    std::fs::create_dir_all(folder.path().join("core/tests/speed")).unwrap();
    let ran = Command::new("python3")
        .args([
            "tests/scripts/fit_speed.py",
            "--rows",
            "profiles/speed/published.csv",
            "--hardware",
            "profiles/speed/hardware.csv",
        ])
        .current_dir(folder.path())
        .output()
        .expect("python3 is installed by tests/run");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let (new, used) = (
        read(folder.path().join("profiles/speed/classes.yaml")),
        read(root().join("profiles/speed/classes.yaml")),
    );
    let mut compared = 0;
    for (new, used) in new.lines().zip(used.lines()) {
        let value = |line: &str| line.rsplit_once(": ").and_then(|(_, value)| value.parse::<f64>().ok());
        match (value(new), value(used)) {
            // Libraries of mathematics differ in the last bit, and the fit stops within a ten-thousandth.
            (Some(new), Some(used)) => {
                assert!((new - used).abs() <= 2e-3 * used.abs().max(1e-3), "{new} {used}");
                compared += 1;
            }
            _ => assert_eq!(new, used),
        }
    }
    assert!(compared > 300, "{compared}");
}
