//! `publish`: a measured result checked, stripped of what names a person or machine, and filed for the site.

use crate::BadInput;
use crate::cli::{files, output};
use anyhow::{Context, Result, bail};
use dhurandhar_core::leaf::mix64;
use dhurandhar_core::measurement::{About, Kind, MeasurementError};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// File measured results of any kind for the report site
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// Files to publish
    #[arg(required = true, value_name = "RESULT")]
    results: Vec<PathBuf>,
    /// Folder from which the site takes measurements
    #[arg(long, default_value = "content/measurements", value_name = "DIR")]
    to: PathBuf,
    /// Keep the host's name, the user's name and paths
    #[arg(long)]
    keep_host: bool,
}

/// Fields that name a machine or a person.
const PERSONAL: [&str; 2] = ["hostname", "user"];
/// Beginnings of paths that lead into somebody's files.
const HOMES: [&str; 5] = ["/home/", "/Users/", "/root/", "\\Users\\", "/data/data/"];

impl PublishArgs {
    /// Checks every result before the first is written.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let ready: Result<Vec<(String, String)>> =
            self.results.iter().map(|path| self.prepare(path)).collect();
        let ready = ready?;
        std::fs::create_dir_all(&self.to).with_context(|| format!("cannot make {}", self.to.display()))?;
        for (name, text) in ready {
            let target = self.to.join(name);
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot make {}", folder.display()))?;
            }
            let new = files::write_new(&target, text.as_bytes());
            let new = new.with_context(|| format!("cannot write {}", target.display()))?;
            let state = if new { "" } else { " (already there)" };
            output::print(&format!("{}{state}\n", target.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// File name and text of a result.
    fn prepare(&self, path: &Path) -> Result<(String, String)> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| BadInput(format!("cannot read {shown}: {error}")))?;
        let (kind, about) = filed(&text).map_err(|error| BadInput(format!("{shown}: {error}")))?;
        // The untyped form keeps fields of a newer minor version.
        let mut value: Value = serde_json::from_str(&text)?;
        if !self.keep_host {
            let names = strip(&mut value);
            if let Some(found) = personal(&value, &names, &mut Vec::new()) {
                bail!(BadInput(format!(
                    "{shown}: {found} names a person or machine; --keep-host publishes it"
                )));
            }
        }
        let text = format!("{value}\n");
        Ok((name(kind, &about, &text), text))
    }
}

/// Removes the personal fields and returns what they said.
fn strip(value: &mut Value) -> Vec<String> {
    let mut said = Vec::new();
    match value {
        Value::Object(fields) => {
            for name in PERSONAL {
                if let Some(Value::String(text)) = fields.remove(name) {
                    said.push(text);
                }
            }
            fields.values_mut().for_each(|field| said.extend(strip(field)));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| said.extend(strip(item))),
        _ => {}
    }
    said
}

/// Path and text of the first string that still leads to somebody.
fn personal(value: &Value, names: &[String], path: &mut Vec<String>) -> Option<String> {
    match value {
        Value::String(text) => {
            let repeats = |name: &&String| {
                // Short or everyday names ("vm", "root") would match innocent words.
                name.len() >= 5
                    && text.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == **name)
            };
            let leads =
                HOMES.iter().any(|home| text.contains(home)) || names.iter().any(|name| repeats(&name));
            leads.then(|| format!("field {} ({text:?})", path.join(".")))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| {
            path.push(at.to_string());
            let found = personal(item, names, path);
            path.pop();
            found
        }),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            path.push(name.clone());
            let found = personal(field, names, path);
            path.pop();
            found
        }),
        _ => None,
    }
}

/// Checks a result of any kind by its own reader: its kind, and what its name is made of.
fn filed(text: &str) -> Result<(Kind, About), MeasurementError> {
    let kind = Kind::of(text)?;
    Ok((kind, (kind.check)(text)?))
}

/// `device-date-hash.json`, or the model or the runtime in place of the device; the same result always gets the same name.
fn name(kind: Kind, about: &About, text: &str) -> String {
    let slug: String = about
        .subject
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let mut words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).take(8).collect();
    if words.is_empty() {
        words.push("device");
    }
    let date: String = about.started.chars().take(10).filter(|c| c.is_ascii_digit() || *c == '-').collect();
    words.extend((!date.is_empty()).then_some(&*date));
    let hash = text.bytes().fold(mix64(0), |state, byte| mix64(state ^ u64::from(byte)));
    format!("{}{}-{:08x}.json", kind.folder, words.join("-"), hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::{PublishArgs, filed, name, personal, strip};
    use serde_json::json;

    #[test]
    fn host_and_user_go_and_what_repeats_them_is_found() {
        let mut value = json!({"os": {"hostname": "annes-laptop", "user": "anne5"}, "name": "desk"});
        let names = strip(&mut value);
        assert_eq!(value, json!({"os": {}, "name": "desk"}));
        assert_eq!(personal(&value, &names, &mut Vec::new()), None);
        value["name"] = json!("annes-laptop, 8 cores");
        assert!(personal(&value, &names, &mut Vec::new()).unwrap().starts_with("field name"));
        let path = json!({"notes": [{"reason": "no /home/anne/x"}]});
        assert!(personal(&path, &[], &mut Vec::new()).unwrap().starts_with("field notes.0.reason"));
    }

    #[test]
    fn every_kind_goes_to_its_folder() {
        let kv = json!({
            "schema": "dhurandhar/kv-quality/1.0", "tool": {"name": "a", "version": "1", "target": "b"},
            "started": "2026-11-23T01:02:03Z", "model": "smollm2-135m", "checkpoint": "a.gguf", "backend": "cpu",
            "text": "text.txt", "text_fingerprint": "00", "window": 8, "windows": 1, "unscored": 1,
            "calibrated_on_other_text": true, "seed": 1, "key_to_value_norms": [], "settings": []
        });
        let text = kv.to_string();
        let (kind, about) = filed(&text).unwrap();
        let name = name(kind, &about, &text);
        assert!(name.starts_with("kv-quality/smollm2-135m-2026-11-23-"), "{name}");
        let newer = text.replace("quality/1.0", "quality/2.0");
        assert!(filed(&newer).err().unwrap().to_string().contains("major version 2"));
        assert!(filed("{}").err().unwrap().to_string().contains("schema is missing"));
    }

    /// A training run as `train-lora` leaves it.
    fn training() -> serde_json::Value {
        let evaluation =
            |step: u64, loss: f64| json!({"step": step, "eval_loss": loss, "eval_perplexity": loss.exp()});
        json!({
            "schema": "dhurandhar/train-lora/1.0", "tool": {"name": "dhurandhar", "version": "1", "target": "b"},
            "started": "2026-11-23T01:02:03Z", "arguments": ["train-lora", "--checkpoint", "model.gguf"],
            "device": {"name": "desk", "os": {"hostname": "annes-laptop"}}, "model": "smollm2-135m",
            "checkpoint": "model.gguf", "backend": "cpu", "threads": 2, "ending": "complete",
            "settings": {
                "base": "nf4_double", "mode": "layer_wise", "r": 16, "alpha": 32.0, "dropout": 0.05,
                "use_rslora": false, "batch": 8, "accumulation": 1, "max_seq_length": 256, "packing": false,
                "schedule": {"kind": "cosine", "peak": 0.001, "warmup": 4, "steps": 1}, "weight_decay": 0.0,
                "max_grad_norm": 1.0, "seed": 42
            },
            "data": {"name": "data.jsonl", "fingerprint": "00", "train_examples": 8, "eval_examples": 2},
            "parameters": {"matrices": 210, "trainable": 4_884_480, "frozen": 134_515_008, "trainable_percent": 3.5},
            "memory": {
                "planned": {"components": [], "device_bytes": 1, "host_bytes": 2, "mapped_bytes": 3},
                "measured_peak_bytes": null, "packed_base_bytes": 4
            },
            "tokens": 600, "seconds": 9.5,
            "steps": [{"step": 1, "epoch": 0.1, "loss": 4.9, "learning_rate": 0.0, "grad_norm": 1.3, "tokens": 600,
                "trained_tokens": 300, "seconds": 9.5}],
            "evaluations": [evaluation(0, 4.9), evaluation(1, 3.4)]
        })
    }

    #[test]
    fn a_training_run_is_checked_stripped_and_named_by_device_and_date() {
        let folder = tempfile::tempdir().unwrap();
        let publish = |value: &serde_json::Value| {
            let path = folder.path().join("measurement.json");
            std::fs::write(&path, value.to_string()).unwrap();
            PublishArgs { results: vec![path.clone()], to: folder.path().join("filed"), keep_host: false }
                .prepare(&path)
        };
        let (name, text) = publish(&training()).unwrap();
        assert!(name.starts_with("training/desk-2026-11-23-"), "{name}");
        assert!(!text.contains("annes-laptop"), "{text}");
        let refused = |change: fn(&mut serde_json::Value), wanted: &str| {
            let mut value = training();
            change(&mut value);
            let error = publish(&value).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        };
        refused(|run| run["arguments"][2] = json!("/home/anne/model.gguf"), "field arguments.2");
        refused(
            |run| run["samples"] = json!([{"prompt": "a", "before": "annes-laptop", "after": ""}]),
            "samples.0",
        );
        refused(|run| run["steps"][0]["loss"] = json!(-1.0), "field steps.0.loss is -1");
        refused(|run| run["ending"] = json!("exploded"), "field ending");
        refused(|run| run["schema"] = json!("dhurandhar/train-lora/2.0"), "major version 2");
    }
}
