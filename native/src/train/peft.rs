//! Adapters as Hugging Face PEFT stores them: `adapter_model.safetensors` and `adapter_config.json`.

use super::TrainError;
use super::config::{LoraConfig, Targets};
use super::params::{Pair, Parameters};
use super::tensors::{Stored, TensorFile};
use super::write_whole;
use crate::decoder::{Adapters, Decoder};
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::training::{AdapterPlan, AdapterShape, Target};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// File of the factors.
pub(crate) const TENSORS: &str = "adapter_model.safetensors";
/// File of the settings.
pub(crate) const CONFIG: &str = "adapter_config.json";
/// How PEFT's names of the factors end.
const ENDINGS: [&str; 3] = ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"];
/// What PEFT puts before a module's path.
const PREFIX: &str = "base_model.model.";

/// Path of a module in the Hugging Face implementation, `model.layers.3.self_attn.q_proj`.
pub(crate) fn module(root: &str, layer: usize, target: Target) -> String {
    format!("{root}.layers.{layer}.{}", target.path())
}

/// Write both files into a folder.
pub(crate) fn save(
    folder: &Path,
    parameters: &Parameters,
    settings: &LoraConfig,
    base: &str,
    root: &str,
) -> Result<(), TrainError> {
    let config = adapter_config(parameters, settings, base);
    write_whole(&folder.join(TENSORS), &tensor_file(parameters, root).bytes()?)?;
    write_whole(&folder.join(CONFIG), format!("{config:#}\n").as_bytes())
}

/// The factors under PEFT's names.
pub(crate) fn tensor_file(parameters: &Parameters, root: &str) -> TensorFile {
    let mut file = TensorFile::default();
    file.metadata.insert("format".into(), "pt".into());
    for pair in &parameters.pairs {
        let name = format!("{PREFIX}{}", module(root, pair.layer, pair.target));
        for ((ending, shape), values) in ENDINGS.iter().zip(pair.shapes()).zip(&pair.factors) {
            file.push(format!("{name}.{ending}"), shape, values);
        }
    }
    file
}

fn adapter_config(parameters: &Parameters, settings: &LoraConfig, base: &str) -> Value {
    let targets = match &settings.targets {
        Targets::Pattern(pattern) => json!(pattern),
        Targets::Names(_) => {
            let names: BTreeSet<&str> = parameters.pairs.iter().map(|pair| pair.target.module()).collect();
            json!(names)
        }
    };
    json!({
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "layers_to_transform": settings.layers,
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": settings.r,
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_dora": settings.use_dora,
        "use_rslora": settings.use_rslora,
    })
}

/// Read an adapter for a model: every tensor must have its place and its shape.
pub(crate) fn load(folder: &Path, model: &dhurandhar_core::Model) -> Result<Parameters, TrainError> {
    let path = folder.join(CONFIG);
    let wrong = |problem: String| TrainError::AdapterFile { path: path.clone(), problem };
    if !path.is_file() && folder.join("config.json").is_file() {
        return Err(wrong(
            "not there, and the folder has a model's config.json; expected an adapter's folder".into(),
        ));
    }
    if !folder.join(TENSORS).is_file() && folder.join("adapter_model.bin").is_file() {
        return Err(wrong(
            "next to pickled factors (adapter_model.bin); expected them saved as safetensors".into(),
        ));
    }
    let text = std::fs::read(&path).map_err(TrainError::io(&path))?;
    let config: Value = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let kind = config.get("peft_type").and_then(Value::as_str).unwrap_or("none");
    if kind != "LORA" {
        return Err(wrong(format!("peft_type is {kind}; expected LORA")));
    }
    if let Some(problem) = unread(&config) {
        return Err(wrong(problem));
    }
    let rank = config.get("r").and_then(Value::as_u64).filter(|rank| *rank > 0);
    let rules = Rules {
        rank: rank.ok_or_else(|| wrong("`r` is missing or 0; expected a rank of at least 1".into()))?,
        alpha: match config.get("lora_alpha") {
            None => 8.0,
            Some(stated) => stated
                .as_f64()
                .ok_or_else(|| wrong(format!("`lora_alpha` is {stated}; expected a number")))?,
        },
        rslora: config.get("use_rslora").and_then(Value::as_bool).unwrap_or(false),
        dora: config.get("use_dora").and_then(Value::as_bool).unwrap_or(false),
        ranks: patterns(&config, "rank_pattern").map_err(&wrong)?,
        alphas: patterns(&config, "alpha_pattern").map_err(&wrong)?,
    };
    let file = TensorFile::read(&folder.join(TENSORS))?;
    from_tensors(&folder.join(TENSORS), &file, model, &rules)
}

/// Settings that change what an adapter computes, or the base beneath it, and are not read here: unless they are left out, null,
/// false or empty.
const CHANGES: [&str; 14] = [
    "alora_invocation_tokens",
    "arrow_config",
    "corda_config",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "lora_ga_config",
    "megatron_config",
    "modules_to_save",
    "monteclora_config",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_qalora",
];

/// What of an adapter's settings is not read here, in a sentence.
fn unread(config: &Value) -> Option<String> {
    let says_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let found =
        CHANGES.iter().find_map(|key| Some((*key, config.get(*key).filter(|value| !says_nothing(value))?)));
    if let Some((key, value)) = found {
        return Some(format!("`{key}` is {value}, which is not read here; expected none"));
    }
    for key in ["use_rslora", "use_dora"] {
        if let Some(value) = config.get(key).filter(|value| !value.is_boolean() && !value.is_null()) {
            return Some(format!("`{key}` is {value}; expected true or false"));
        }
    }
    if let Some(bias) = config.get("bias").and_then(Value::as_str).filter(|bias| *bias != "none") {
        return Some(format!("`bias` is {bias}; expected none"));
    }
    // These take their first product out of the base's weights (PEFT, `tuners/lora/layer.py`).
    let start = config.get("init_lora_weights").and_then(Value::as_str).unwrap_or_default();
    ["pissa", "olora", "corda", "loftq", "lora_ga"].iter().find(|kind| start.starts_with(**kind)).map(|kind| {
        format!(
            "`init_lora_weights` is {start}: {kind} changes the base's weights, which this adapter needs; expected one converted to plain LoRA \
             (PEFT's path_initial_model_for_weight_conversion)"
        )
    })
}

/// `alpha / r`, or `alpha / sqrt(r)`.
pub(crate) fn scale(alpha: f64, rank: u64, rslora: bool) -> f64 {
    let rank = rank as f64;
    alpha / if rslora { rank.sqrt() } else { rank }
}

/// Settings that decide the shapes and scales of an adapter's pairs.
struct Rules {
    rank: u64,
    alpha: f64,
    rslora: bool,
    dora: bool,
    /// Ranks of the modules whose paths end in a match.
    ranks: Vec<(Regex, f64)>,
    alphas: Vec<(Regex, f64)>,
}

impl Rules {
    /// A pair of zeros; the first pattern that fits a module's path decides, as in PEFT.
    fn pair(&self, shape: &AdapterShape) -> Result<Pair, String> {
        let path = module("model", shape.layer, shape.target);
        let of =
            |list: &[(Regex, f64)]| list.iter().find(|(key, _)| key.is_match(&path)).map(|(_, value)| *value);
        let rank = match of(&self.ranks) {
            Some(rank) => {
                whole(rank).ok_or_else(|| format!("`rank_pattern` gives {path} the rank {rank}"))?
            }
            None => self.rank,
        };
        let scale = scale(of(&self.alphas).unwrap_or(self.alpha), rank, self.rslora);
        Ok(Pair::new(shape, rank, scale, self.dora))
    }
}

/// A rank of at least one.
fn whole(rank: f64) -> Option<u64> {
    ((1.0..=65_536.0).contains(&rank) && rank.fract() == 0.0).then_some(to_u64(rank))
}

/// Module patterns with their numbers: PEFT matches `^(.*\.)?(key)$`.
fn patterns(config: &Value, field: &str) -> Result<Vec<(Regex, f64)>, String> {
    let entries = config.get(field).and_then(Value::as_object).into_iter().flatten();
    let pattern = |(key, value): (&String, &Value)| {
        let value = value.as_f64().ok_or_else(|| format!("`{field}.{key}` is {value}; expected a number"))?;
        let regex =
            Regex::new(&format!("^(.*\\.)?({key})$")).map_err(|error| format!("`{field}`: {error}"))?;
        Ok((regex, value))
    };
    entries.map(pattern).collect()
}

fn from_tensors(
    path: &Path,
    file: &TensorFile,
    model: &dhurandhar_core::Model,
    rules: &Rules,
) -> Result<Parameters, TrainError> {
    let wrong = |problem: String| TrainError::AdapterFile { path: path.to_owned(), problem };
    let mut places = BTreeSet::new();
    for name in file.tensors.keys() {
        let place =
            place(name).ok_or_else(|| wrong(format!("`{name}` is no factor of a known projection")))?;
        places.insert(place);
    }
    let plan = AdapterPlan::new(model, 1, |layer, target| places.contains(&(layer, target)))?;
    if plan.shapes.len() < places.len() {
        let there = |place: &&(usize, Target)| {
            !plan.shapes.iter().any(|shape| (shape.layer, shape.target) == **place)
        };
        let missing = places
            .iter()
            .find(there)
            .map_or(String::new(), |(layer, target)| format!("{} in layer {layer}", target.module()));
        return Err(wrong(format!(
            "{} has no {missing}: the adapter is for another model",
            model.architecture.name
        )));
    }
    let pairs = plan.shapes.iter().map(|shape| rules.pair(shape)).collect::<Result<Vec<Pair>, String>>();
    let mut pairs = pairs.map_err(&wrong)?;
    for pair in &mut pairs {
        for (at, shape) in pair.shapes().into_iter().enumerate() {
            let ending = format!(".layers.{}.{}.{}", pair.layer, pair.target.path(), ENDINGS[at]);
            let found = file.tensors.iter().find(|(name, _)| bare(name).ends_with(&ending));
            let (name, stored) = found.ok_or_else(|| wrong(format!("`…{ending}` is missing")))?;
            pair.factors[at] = fitting(name, stored, &shape).map_err(&wrong)?;
        }
    }
    Ok(Parameters { pairs })
}

/// A name as PEFT writes it; its modules call the magnitudes a weight.
fn bare(name: &str) -> &str {
    name.strip_suffix("lora_magnitude_vector.weight").map_or(name, |_| &name[..name.len() - ".weight".len()])
}

fn fitting(name: &str, stored: &Stored, shape: &[usize]) -> Result<Vec<f32>, String> {
    if stored.shape != shape {
        return Err(format!(
            "`{name}` has shape {:?}; expected {shape:?}: the adapter is for another model or rank",
            stored.shape
        ));
    }
    if stored.values.iter().any(|value| !value.is_finite()) {
        return Err(format!("`{name}` holds values that are not finite"));
    }
    Ok(stored.values.clone())
}

/// Layer and projection that a tensor's name means.
fn place(name: &str) -> Option<(usize, Target)> {
    let rest = name.rsplit_once(".layers.")?.1;
    let (layer, rest) = rest.split_once('.')?;
    let path = ENDINGS.iter().find_map(|ending| bare(rest).strip_suffix(ending)?.strip_suffix('.'))?;
    let target = Target::ALL.into_iter().find(|target| target.path() == path)?;
    Some((layer.parse().ok()?, target))
}

/// An adapter folder as additions for a decoder.
pub(super) fn adapters(
    folder: &Path,
    model: &dhurandhar_core::Model,
    decoder: &Decoder,
) -> Result<Adapters, TrainError> {
    Ok(load(folder, model)?.on_device(decoder).plain(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::model::registry;

    fn parameters() -> (Parameters, LoraConfig) {
        let model = registry::model("smollm2-135m").unwrap();
        let plan = AdapterPlan::new(&model, 4, |layer, target| layer < 2 && target != Target::Down).unwrap();
        let targets = Targets::Names(vec!["q_proj".into()]);
        let settings = LoraConfig {
            r: 4,
            alpha: 8.0,
            dropout: 0.0,
            use_rslora: false,
            use_dora: false,
            targets,
            layers: None,
        };
        let mut parameters = Parameters::initial(&plan, 2.0, 5);
        parameters.pairs[0].factors[1][1] = 0.25;
        (parameters, settings)
    }

    #[test]
    fn an_adapter_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let (parameters, settings) = parameters();
        save(folder.path(), &parameters, &settings, "base", "model").unwrap();
        let model = registry::model("smollm2-135m").unwrap();
        assert_eq!(load(folder.path(), &model).unwrap(), parameters);
        let names: Vec<String> = tensor_file(&parameters, "model").tensors.into_keys().collect();
        assert!(names.contains(&"base_model.model.model.layers.1.mlp.up_proj.lora_B.weight".to_owned()));
    }

    #[test]
    fn modules_may_have_ranks_and_scales_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let model = registry::model("smollm2-135m").unwrap();
        let plan = AdapterPlan::new(&model, 1, |layer, target| layer < 2 && target == Target::Query).unwrap();
        let pair = |at: usize, rank| Pair { layer: at, ..Pair::new(&plan.shapes[at], rank, 1.0, false) };
        let parameters = Parameters { pairs: vec![pair(0, 4), pair(1, 2)] };
        let (_, settings) = self::parameters();
        save(folder.path(), &parameters, &settings, "base", "model").unwrap();
        let write = |more: &str| {
            let text = format!("{{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, {more}}}");
            std::fs::write(folder.path().join(CONFIG), text).unwrap();
        };
        write(
            "\"rank_pattern\": {\"layers.1.self_attn.q_proj\": 2}, \"alpha_pattern\": {\"layers\\\\.1\\\\..*\": 3}",
        );
        let found = load(folder.path(), &model).unwrap();
        let of = |pair: &Pair| (pair.rank, pair.scale);
        assert_eq!(found.pairs.iter().map(of).collect::<Vec<_>>(), [(4, 2.0), (2, 1.5)]);
        for (more, wanted) in [
            ("\"rank_pattern\": {\"q_proj\": 0}", "the rank 0"),
            ("\"rank_pattern\": {\"(\": 2}", "`rank_pattern`"),
            ("\"alpha_pattern\": {\"q_proj\": \"x\"}", "expected a number"),
            ("\"use_dora\": true", "lora_magnitude_vector` is missing"),
            ("\"rank_pattern\": {}", "another model or rank"),
            ("\"init_lora_weights\": \"pissa_niter_4\"", "changes the base's weights"),
            ("\"alora_invocation_tokens\": [1]", "`alora_invocation_tokens` is [1]"),
            ("\"use_rslora\": \"true\"", "expected true or false"),
            ("\"bias\": \"all\"", "`bias` is all"),
        ] {
            write(more);
            let error = load(folder.path(), &model).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn an_adapter_for_another_model_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (parameters, settings) = parameters();
        save(folder.path(), &parameters, &settings, "base", "model").unwrap();
        let other = registry::model("qwen2.5-0.5b").unwrap();
        let error = load(folder.path(), &other).unwrap_err().to_string();
        assert!(error.contains("for another model"), "{error}");
        std::fs::write(folder.path().join(CONFIG), "{\"peft_type\": \"LORA\", \"r\": 0}").unwrap();
        assert!(load(folder.path(), &other).unwrap_err().to_string().contains("`r` is missing or 0"));
    }
}
