//! `train-lora` on SmolLM2-135M as users run it: a short run, an interruption, a resumption, bad input.

use dhurandhar_core::measurement::{Measurement, TrainingRun};
use dhurandhar_tests::{checkpoints, program, workspace};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// A run of three short steps on two example pairs a pass.
const SHORT: [&str; 10] = [
    "--max-steps",
    "3",
    "--backend",
    "cpu",
    "--set",
    "training.per_device_train_batch_size=2",
    "--set",
    "eval_fraction=0.02",
    "--set",
    "training.warmup_steps=0",
];

fn train(out: &Path, more: &[&str]) -> Output {
    let model = checkpoints::smollm2().unwrap();
    let mut command = program::dhurandhar().unwrap();
    command.current_dir(workspace::root()).args([
        "train-lora",
        "--config",
        "profiles/lora/smollm2-135m.yaml",
    ]);
    command.args(["--checkpoint".as_ref(), model.as_os_str(), "--out".as_ref(), out.as_os_str()]);
    command.args(SHORT).args(more).output().unwrap()
}

fn metrics(out: &Path, key: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter_map(|row| row[key].as_f64()).collect()
}

#[test]
fn three_steps_lower_the_loss_and_leave_an_adapter() {
    let folder = tempfile::tempdir().unwrap();
    let output = train(folder.path(), &["--gguf-lora", "--merge"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let evals = metrics(folder.path(), "eval_loss");
    assert_eq!(evals.len(), 2);
    assert!(evals[1] < evals[0] - 0.05, "{evals:?}");
    assert_eq!(metrics(folder.path(), "learning_rate").len(), 3);
    for file in
        ["adapter_model.safetensors", "adapter_config.json", "adapter.gguf", "merged.gguf", "README.md"]
    {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let text = std::fs::read_to_string(folder.path().join("measurement.json")).unwrap();
    let measurement: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(measurement["parameters"]["trainable"], 4_884_480);
    let error = TrainingRun::read(&text).unwrap().plan_error().unwrap();
    assert!(error.abs() < 0.3, "planned {error} more than was measured");
    // The adapter changes what the model says.
    let model = checkpoints::smollm2().unwrap();
    let say = |model: &Path, adapter: &[&str]| {
        let mut command = program::dhurandhar().unwrap();
        command.args([
            "generate",
            "--backend",
            "cpu",
            "--chat",
            "--limit",
            "12",
            "--prompt",
            "What is a moss lift?",
        ]);
        command.arg("--checkpoint").arg(model).args(adapter).output().unwrap()
    };
    let adapted = say(&model, &["--adapter", &folder.path().display().to_string()]);
    assert!(adapted.status.success(), "{}", String::from_utf8_lossy(&adapted.stderr));
    assert_ne!(adapted.stdout, say(&model, &[]).stdout);
    assert_eq!(adapted.stdout, say(&folder.path().join("merged.gguf"), &[]).stdout);
    // A folder with a run in it is not written over by accident.
    let again = train(folder.path(), &[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--resume"));
}

#[test]
fn bad_input_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.jsonl");
    let out = folder.path().join("out");
    let refused = |lines: &str, more: &[&str], wanted: &str| {
        std::fs::write(&data, lines).unwrap();
        let path = data.display().to_string();
        let output = train(&out, &[&["--data", &path], more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
        assert!(!out.exists(), "{said}");
    };
    let good = "{\"prompt\": \"a\", \"completion\": \"b\"}\n";
    refused(&format!("{good}{{\"prompt\": 1}}\n"), &[], "data.jsonl:2: an object with prompt; expected");
    refused(&format!("{good}\n{{\"prompt\": \n"), &[], "data.jsonl:3: not JSON");
    refused("", &[], "no example is left");
    refused("{\"messages\": [{\"role\": \"king\", \"content\": \"x\"}]}\n", &[], "role \"king\"");
    refused("{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}\n", &[], "nothing to learn");
    let long = format!("{{\"prompt\": \"a\", \"completion\": \"{}\"}}\n", "word ".repeat(300));
    refused(&format!("{good}{long}"), &[], "data.jsonl:2: 3");
    refused(good, &["--set", "lora.r=0"], "`lora.r` is 0");
    refused(good, &["--set", "lora.r=500"], "`r` is 500; expected at most 192");
    refused(good, &["--set", "lora.target_modules=[qproj]"], "did you mean `q_proj`?");
    refused(good, &["--set", "lora.target_modules=model.nothing"], "matches no projection");
    refused(good, &["--set", "training.lerning_rate=1"], "did you mean `learning_rate`?");
    refused(good, &["--vram-gb", "0.05"], "does not fit");
    refused(good, &["--resume"], "no checkpoint");
}

#[test]
fn a_missing_data_file_and_a_missing_adapter_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let absent = folder.path().join("absent.jsonl").display().to_string();
    let output = train(&out, &["--data", &absent]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&absent), "{said}");
    // Without drivers there is nothing but the processor; the CPU is never taken in a GPU's place unasked.
    let mut command = program::dhurandhar().unwrap();
    command.current_dir(workspace::root()).args([
        "train-lora",
        "--config",
        "profiles/lora/smollm2-135m.yaml",
    ]);
    command.arg("--checkpoint").arg(checkpoints::smollm2().unwrap()).arg("--out").arg(&out);
    let none = [("VK_DRIVER_FILES", "/dev/null"), ("VK_ICD_FILENAMES", "/dev/null"), ("XDG_RUNTIME_DIR", "")];
    let output = command.args(["--backend", "wgpu"]).envs(none).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no graphics adapter found") && said.contains("--backend cpu"), "{said}");
    assert!(!out.exists());
}

#[test]
fn a_dry_run_needs_no_weights_and_its_verdict_is_the_exit_code() {
    let run = |gigabytes: &str| {
        let config = "profiles/lora/gemma4-e2b.yaml";
        program::run(&["train-lora", "--config", config, "--dry-run", "--vram-gb", gigabytes]).unwrap()
    };
    let fits = run("8");
    let text = String::from_utf8_lossy(&fits.stdout);
    assert!(fits.status.success(), "{text}");
    assert!(text.contains("not loaded: audio tower, 307,184,384 parameters"), "{text}");
    assert!(text.contains("4,628,569,344"), "{text}");
    let tight = run("0.1");
    assert_eq!(tight.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&tight.stdout).contains("does not fit"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_exits_130_and_goes_on() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let model = checkpoints::smollm2().unwrap();
    let mut command = program::dhurandhar().unwrap();
    command.current_dir(workspace::root()).args([
        "train-lora",
        "--config",
        "profiles/lora/smollm2-135m.yaml",
    ]);
    command.args(["--checkpoint".as_ref(), model.as_os_str(), "--out".as_ref(), folder.path().as_os_str()]);
    command.args(SHORT).args(["--set", "eval_fraction=0", "--set", "training.logging_steps=1"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    for line in lines {
        if line.unwrap().starts_with("step 1/3") {
            let id = child.id().to_string();
            std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let done = metrics(folder.path(), "learning_rate").len();
    assert!((1..3).contains(&done), "{done}");
    let output = train(folder.path(), &["--resume", "--set", "eval_fraction=0"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(metrics(folder.path(), "learning_rate").len(), 3);
}

/// A limit on the size of files stands for a disk that is full: the write fails in the middle all the same.
#[cfg(unix)]
#[test]
fn a_checkpoint_that_does_not_fit_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let program = program::path("dhurandhar").unwrap();
    let mut command = std::process::Command::new("sh");
    command.current_dir(workspace::root()).args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$@\"", "sh"]);
    command
        .arg(program)
        .args(["train-lora", "--config", "profiles/lora/smollm2-135m.yaml", "--out"])
        .arg(&out);
    command.arg("--checkpoint").arg(checkpoints::smollm2().unwrap()).args(SHORT);
    let output =
        command.args(["--set", "eval_fraction=0", "--set", "training.save_steps=1"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("adapter_model.safetensors"), "{said}");
    assert_eq!(metrics(&out, "loss").len(), 1, "{said}");
    let mut left =
        std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(left.all(|name| name == "metrics.jsonl"), "{said}");
}

/// A llama of 75 MB in bf16, nearly all of it in FFNs, with a tokenizer of a few words.
fn write_model(folder: &Path) {
    let (width, ffn, layers, vocab) = (256_usize, 8192, 6, 64);
    let config = serde_json::json!({
        "model_type": "llama", "hidden_size": width, "intermediate_size": ffn, "num_hidden_layers": layers,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": vocab, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 256, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true,
        "attention_bias": false, "mlp_bias": false, "bos_token_id": 1, "eos_token_id": 2,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let vocab_map: serde_json::Map<String, Value> =
        (0..vocab).map(|id| (format!("w{id}"), id.into())).collect();
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null, "decoder": null,
        "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": vocab_map, "unk_token": "w0"},
    });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let mut shapes =
        vec![("model.embed_tokens".to_owned(), vec![vocab, width]), ("model.norm".to_owned(), vec![width])];
    for layer in 0..layers {
        let own = [
            ("input_layernorm", vec![width]),
            ("post_attention_layernorm", vec![width]),
            ("self_attn.q_proj", vec![256, width]),
            ("self_attn.k_proj", vec![128, width]),
            ("self_attn.v_proj", vec![128, width]),
            ("self_attn.o_proj", vec![width, 256]),
            ("mlp.gate_proj", vec![ffn, width]),
            ("mlp.up_proj", vec![ffn, width]),
            ("mlp.down_proj", vec![width, ffn]),
        ];
        shapes.extend(own.map(|(name, shape)| (format!("model.layers.{layer}.{name}"), shape)));
    }
    let (mut header, mut data, mut state) = (serde_json::Map::new(), Vec::<u8>::new(), 1_u32);
    for (name, shape) in shapes {
        let start = data.len();
        for _ in 0..shape.iter().product::<usize>() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Random signs and fractions at about 1/32; norms are one.
            let bits = if shape.len() == 1 { 0x3f80 } else { 0x3d00 | (state >> 16 & 0x807f) };
            data.extend(u16::try_from(bits).unwrap().to_le_bytes());
        }
        let entry = serde_json::json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(format!("{name}.weight"), entry);
    }
    let mut text = Value::Object(header).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let bytes = [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &data].concat();
    std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
}

/// The plan has no line for merging, because it works a few rows at a time.
#[cfg(target_os = "linux")]
#[test]
fn merging_takes_no_more_memory_than_is_planned() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path());
    let data = folder.path().join("data.jsonl");
    std::fs::write(&data, "{\"prompt\": \"w3 w4 w5\", \"completion\": \"w6 w7\"}\n".repeat(4)).unwrap();
    let run = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let mut command = program::dhurandhar().unwrap();
        command.args(["train-lora", "--backend", "cpu", "--max-steps", "2", "--set", "lora.r=2"]).args(more);
        command.arg("--checkpoint").arg(folder.path()).arg("--data").arg(&data).arg("--out").arg(&out);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(out.join("measurement.json")).unwrap();
        let memory = TrainingRun::read(&text).unwrap().memory;
        (memory.planned.total_bytes(), memory.measured_peak_bytes.unwrap())
    };
    let weights =
        |path: &str| std::fs::metadata(folder.path().join(path).join("model.safetensors")).unwrap().len();
    for base in ["--set=quantization.load_in_4bit=true", "--set=quantization.load_in_4bit=false"] {
        let (alone, merging) = (base.len().to_string(), format!("{}-merged", base.len()));
        let (planned, without) = run(&alone, &[base]);
        let (_, with) = run(&merging, &[base, "--merge"]);
        assert_eq!(weights(&format!("{merging}/merged")), weights("."));
        let mib = |bytes: u64| bytes >> 20;
        assert!(with < without + (24 << 20), "{base}: {} MiB, {} without", mib(with), mib(without));
        assert!(with < planned + planned / 5, "{base}: {} MiB, {} planned", mib(with), mib(planned));
    }
}
