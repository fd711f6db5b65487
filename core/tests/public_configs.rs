//! Configs and GGUF headers of public models, held to what transformers builds from the configs on its meta device.
//!
//! `tests/fixtures/public/README.md` says where they are from. What is read is right, or it is refused with a reason; what is
//! known to differ is listed here with its reason, and a difference that went away must leave the list.

use dhurandhar_core::memory::{KvFormat, Runtime, Scenario, kv_cache, state as states};
use dhurandhar_core::model::{Model, import};
use dhurandhar_core::weights::WeightFormat;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What differs from transformers, and why that is right or known.
const DIFFERENT: [(&str, &str); 11] = [
    ("default-llava-onevision", "a picture's line end, one vector, is counted with the text there"),
    ("default-minicpmv4-7", "the merger of its pictures is counted with the text there"),
    ("default-mllama", "cross-attention layers hold a picture's tokens; there was no picture"),
    ("default-qwen2-5-omni", "its text part says that the head is tied; the class does not tie it"),
    ("magistral-small-2509", "transformers 5 ties the head by default; the checkpoint has one"),
    ("mimo-7b", "built as a class without biases on queries, keys and values"),
    ("ministral-8b", "a window as long as the longest context, of which transformers keeps one token less"),
    ("mlc-deepseek", "built as DeepSeek V2, which has latent attention"),
    ("mlc-minicpm-moe-8x2b", "built as MiniCPM without experts"),
    ("mlc-orion", "built as Llama, whose norms have no biases"),
    ("step-3.7-flash", "its fields stand outside the part where the class looks for them"),
];

#[cfg(test)]
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/public")
}

#[cfg(test)]
fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[cfg(test)]
fn scenario(model: &Model, runtime: Runtime, context_tokens: u64) -> Scenario {
    // All were built in 16 bits, whatever the checkpoint's type.
    let (f16, weights) = (KvFormat::F16, WeightFormat::Bits(16));
    Scenario { context_tokens, k: f16, v: f16, weights, runtime, ..Scenario::for_model(model) }
}

/// Bytes that a token adds in windowed layers that keep a cache: transformers keeps one token less than the window.
#[cfg(test)]
fn last_of_windows(model: &Model) -> u64 {
    let owners = model.architecture.attention_layers().filter(|(_, a)| a.owns_cache() && a.window.is_some());
    owners.map(|(_, a)| a.cached_channels()).map(|(keys, values)| 2 * (keys + values)).sum()
}

/// transformers 5.24 keeps latent attention compressed; the rule for that runtime is of the versions before, which keep whole
/// heads. Compared is the compressed form.
#[cfg(test)]
fn runtime(model: &Model) -> Runtime {
    let latent = model.architecture.attention_layers().any(|(_, attention)| attention.expanded.is_some());
    if latent { Runtime::Ideal } else { Runtime::Transformers }
}

/// Is it said with the model that something in it is not known or not counted?
#[cfg(test)]
fn is_said(model: &Model) -> bool {
    let words = ["is not listed", "not taken into account", "left out of account", "took the text part's"];
    model.architecture.assumptions.iter().any(|said| words.iter().any(|word| said.contains(word)))
}

/// What is wrong with `model` against an entry of `truth.json`; nothing if it is right.
#[cfg(test)]
fn difference(model: &Model, entry: &Value) -> Option<String> {
    let text = entry["text"].as_u64()?;
    let found = model.parameters().text;
    if found != text {
        return Some(format!("{found} parameters, transformers {text}"));
    }
    for (context, bytes) in entry["kv_bytes"].as_object().into_iter().flatten() {
        let (context, bytes): (u64, u64) = (context.parse().unwrap(), bytes.as_u64().unwrap());
        if context > model.architecture.max_context_tokens {
            continue;
        }
        let ours = kv_cache::total(&model.architecture, &scenario(model, runtime(model), context));
        let window = last_of_windows(model);
        if ours != bytes && ours.checked_sub(bytes) != Some(window) {
            return Some(format!("cache at {context}: {ours} bytes, transformers {bytes}"));
        }
    }
    if let Some(state) = entry["state_bytes"].as_u64() {
        let ours = states::bytes(&model.architecture, &scenario(model, Runtime::Transformers, 4_096));
        if ours != state {
            return Some(format!("state of {ours} bytes, transformers {state}"));
        }
    }
    None
}

#[test]
fn configs_are_read_as_transformers_builds_them_or_refused() {
    let truth = json(&folder().join("truth.json"));
    let models = truth["models"].as_object().unwrap();
    assert!(models.len() >= 200, "{}", models.len());
    let (mut equal, mut states, mut unknown) = (0, 0, 0);
    let (mut refused, mut said, mut wrong) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (name, entry) in models {
        let bytes = std::fs::read(folder().join("configs").join(format!("{name}.json"))).unwrap();
        match import::import("config.json", &bytes, None) {
            Err(error) => refused.push(format!("{name}: {error}")),
            Ok(_) if entry["text"].is_null() => unknown += 1,
            Ok(model) => match difference(&model, entry) {
                None => {
                    equal += 1;
                    states += u32::from(model.architecture.state_bytes() > 0);
                }
                Some(words) if is_said(&model) => said.push(format!("{name}: {words}")),
                Some(words) => {
                    if !DIFFERENT.iter().any(|(known, _)| known == name) {
                        println!("{name}: {words}");
                    }
                    wrong.insert(name.as_str());
                }
            },
        }
    }
    println!(
        "{equal} equal, {states} of them with states, {} refused, {} different and said so, {} different, {unknown} that transformers does not build",
        refused.len(),
        said.len(),
        wrong.len()
    );
    for words in refused.iter().chain(&said) {
        println!("  {words}");
    }
    assert!(equal >= 225 && states >= 30, "{equal}, {states}");
    let known: BTreeSet<&str> = DIFFERENT.iter().map(|(name, _)| *name).collect();
    assert_eq!(wrong, known);
}

/// A GGUF file's header from its keys and tensors as `gguf/*.json` holds them.
#[cfg(test)]
mod header {
    use dhurandhar_core::leaf::cast::to_f32;
    use serde_json::Value;

    fn string(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }

    fn value(out: &mut Vec<u8>, kind: &str, value: &Value) {
        match kind {
            "STRING" => string(out, value.as_str().unwrap()),
            "BOOL" => out.push(u8::from(value.as_bool().unwrap())),
            "FLOAT32" => out.extend(to_f32(value.as_f64().unwrap()).to_le_bytes()),
            "UINT32" | "INT32" => out.extend(u32::try_from(value.as_u64().unwrap()).unwrap().to_le_bytes()),
            other => panic!("{other}"),
        }
    }

    const fn code(kind: &str) -> u32 {
        match kind.as_bytes() {
            b"UINT32" => 4,
            b"INT32" => 5,
            b"FLOAT32" => 6,
            b"BOOL" => 7,
            b"STRING" => 8,
            _ => 0,
        }
    }

    /// Number, elements of a block, bytes of a block.
    fn tensor(kind: &str) -> (u32, u64, u64) {
        match kind {
            "F32" => (0, 1, 4),
            "F16" => (1, 1, 2),
            "Q4_0" => (2, 32, 18),
            "Q5_0" => (6, 32, 22),
            "Q5_1" => (7, 32, 24),
            "Q8_0" => (8, 32, 34),
            "Q4_K" => (12, 256, 144),
            "Q5_K" => (13, 256, 176),
            "Q6_K" => (14, 256, 210),
            "BF16" => (30, 1, 2),
            "MXFP4" => (39, 32, 17),
            other => panic!("{other}"),
        }
    }

    /// The header, and the length of the whole file.
    pub(super) fn of(json: &Value) -> (Vec<u8>, u64) {
        let mut body = Vec::new();
        let pairs = json["kv"].as_array().unwrap();
        for pair in pairs {
            let (name, kind) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
            string(&mut body, name);
            if let Some(of) = kind.strip_prefix("ARRAY:") {
                let items = pair[2].as_array().unwrap();
                let large = items.iter().any(|item| item.as_u64().is_some_and(|item| item > i32::MAX as u64));
                body.extend(9_u32.to_le_bytes());
                body.extend((if large { code("UINT32") } else { code(of) }).to_le_bytes());
                body.extend((items.len() as u64).to_le_bytes());
                for item in items {
                    value(&mut body, of, item);
                }
            } else {
                body.extend(code(kind).to_le_bytes());
                value(&mut body, kind, &pair[2]);
            }
        }
        let mut count = pairs.len() as u64;
        if let Some(vocabulary) = json["vocabulary"].as_u64() {
            string(&mut body, "tokenizer.ggml.tokens");
            body.extend(9_u32.to_le_bytes());
            body.extend(8_u32.to_le_bytes());
            body.extend(vocabulary.to_le_bytes());
            body.extend(std::iter::repeat_n(0, usize::try_from(8 * vocabulary).unwrap()));
            count += 1;
        }
        let tensors = json["tensors"].as_array().unwrap();
        let mut at = 0;
        for entry in tensors {
            string(&mut body, entry[0].as_str().unwrap());
            let sides: Vec<u64> =
                entry[2].as_array().unwrap().iter().map(|side| side.as_u64().unwrap()).collect();
            let (number, block, bytes) = tensor(entry[1].as_str().unwrap());
            body.extend(u32::try_from(sides.len()).unwrap().to_le_bytes());
            for side in &sides {
                body.extend(side.to_le_bytes());
            }
            body.extend(number.to_le_bytes());
            body.extend(u64::to_le_bytes(at));
            at += (sides.iter().product::<u64>() / block * bytes).next_multiple_of(32);
        }
        let mut out = b"GGUF".to_vec();
        out.extend(3_u32.to_le_bytes());
        out.extend((tensors.len() as u64).to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(body);
        out.resize(out.len().next_multiple_of(32), 0);
        let length = out.len() as u64 + at;
        (out, length)
    }
}

/// Elements of the tensors in a header that are not a tower's own file.
#[cfg(test)]
fn elements(json: &Value) -> u64 {
    let tensors = json["tensors"].as_array().unwrap().iter();
    tensors
        .map(|tensor| {
            tensor[2].as_array().unwrap().iter().map(|side| side.as_u64().unwrap()).product::<u64>()
        })
        .sum()
}

#[test]
fn headers_are_read_like_the_configs_they_were_made_from() {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder().join("gguf")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let (mut equal, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for path in files {
        let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if file == "index" {
            continue;
        }
        let json = json(&path);
        let (bytes, length) = header::of(&json);
        let model = match import::import(&format!("{file}.gguf"), &bytes, Some(length)) {
            Ok(model) => model,
            Err(error) => {
                refused.push(format!("{file}: {error}"));
                continue;
            }
        };
        let counts = model.parameters();
        if counts.total != elements(&json) {
            wrong.push(format!("{file}: {} parameters of {}", counts.total, elements(&json)));
            continue;
        }
        let config = file.rsplit_once('.').map_or(file.as_str(), |(name, _)| name);
        let config = folder().join("configs").join(format!("{config}.json"));
        let other =
            std::fs::read(config).ok().and_then(|bytes| import::import("config.json", &bytes, None).ok());
        if let Some(other) = other {
            let both = model.architecture.max_context_tokens.min(other.architecture.max_context_tokens);
            let cache = |model: &Model, tokens| {
                kv_cache::total(&model.architecture, &scenario(model, Runtime::LlamaCpp, tokens))
            };
            let tokens = both.min(32_768);
            let (file_bytes, config_bytes) = (cache(&model, tokens), cache(&other, tokens));
            // As llama.cpp keeps states, and as transformers does.
            let states = [Runtime::LlamaCpp, Runtime::Transformers].map(|runtime| {
                [&model, &other].map(|of| states::bytes(&of.architecture, &scenario(of, runtime, tokens)))
            });
            if file_bytes != config_bytes || states.iter().any(|[file, config]| file != config) {
                wrong.push(format!(
                    "{file}: cache at {tokens} {file_bytes}, of the config {config_bytes}; states {states:?}"
                ));
                continue;
            }
        }
        equal += 1;
    }
    println!("{equal} equal, {} refused, {} different", refused.len(), wrong.len());
    for words in refused.iter().chain(&wrong) {
        println!("{words}");
    }
    assert!(wrong.is_empty());
}
