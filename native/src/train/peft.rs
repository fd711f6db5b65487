//! Adapters as Hugging Face PEFT stores them: `adapter_model.safetensors` and `adapter_config.json`.

use super::TrainError;
use super::config::{LoraConfig, Targets};
use super::params::{Pair, Parameters};
use super::tensors::{Stored, TensorFile, write_whole};
use crate::decoder::Adapters;
use burn::tensor::Device;
use dhurandhar_core::training::{AdapterPlan, Target};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// File of the factors.
pub(crate) const TENSORS: &str = "adapter_model.safetensors";
/// File of the settings.
pub(crate) const CONFIG: &str = "adapter_config.json";
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
    write_whole(&folder.join(TENSORS), &tensor_file(parameters, root).bytes())?;
    write_whole(&folder.join(CONFIG), format!("{config:#}\n").as_bytes())
}

/// The factors under PEFT's names.
pub(crate) fn tensor_file(parameters: &Parameters, root: &str) -> TensorFile {
    let mut file = TensorFile::default();
    file.metadata.insert("format".into(), "pt".into());
    for pair in &parameters.pairs {
        let name = format!("{PREFIX}{}", module(root, pair.layer, pair.target));
        file.push(format!("{name}.lora_A.weight"), vec![parameters.rank, pair.inputs], &pair.a);
        file.push(format!("{name}.lora_B.weight"), vec![pair.outputs, parameters.rank], &pair.b);
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
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": parameters.rank,
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": settings.use_rslora,
    })
}

/// Read an adapter for a model: every tensor must have its place and its shape.
pub(crate) fn load(folder: &Path, model: &dhurandhar_core::Model) -> Result<Parameters, TrainError> {
    let path = folder.join(CONFIG);
    let wrong = |problem: String| TrainError::AdapterFile { path: path.clone(), problem };
    let text = std::fs::read(&path).map_err(TrainError::io(&path))?;
    let config: Value = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let kind = config.get("peft_type").and_then(Value::as_str).unwrap_or("none");
    let dora = config.get("use_dora").and_then(Value::as_bool).unwrap_or(false);
    if kind != "LORA" || dora {
        return Err(wrong(format!(
            "peft_type is {kind}{}; expected plain LORA",
            if dora { " with DoRA" } else { "" }
        )));
    }
    let rank = config.get("r").and_then(Value::as_u64).filter(|rank| *rank > 0);
    let rank = rank.ok_or_else(|| wrong("`r` is missing or 0; expected a rank of at least 1".into()))?;
    let alpha = config.get("lora_alpha").and_then(Value::as_f64).unwrap_or(8.0);
    let rslora = config.get("use_rslora").and_then(Value::as_bool).unwrap_or(false);
    for field in ["rank_pattern", "alpha_pattern"] {
        if config.get(field).and_then(Value::as_object).is_some_and(|pattern| !pattern.is_empty()) {
            return Err(wrong(format!("`{field}` is set; expected one rank and alpha for all modules")));
        }
    }
    let file = TensorFile::read(&folder.join(TENSORS))?;
    from_tensors(&folder.join(TENSORS), &file, model, rank, scale(alpha, rank, rslora))
}

/// `alpha / r`, or `alpha / sqrt(r)`.
pub(crate) fn scale(alpha: f64, rank: u64, rslora: bool) -> f64 {
    let rank = rank as f64;
    alpha / if rslora { rank.sqrt() } else { rank }
}

fn from_tensors(
    path: &Path,
    file: &TensorFile,
    model: &dhurandhar_core::Model,
    rank: u64,
    scale: f64,
) -> Result<Parameters, TrainError> {
    let wrong = |problem: String| TrainError::AdapterFile { path: path.to_owned(), problem };
    let mut places = BTreeSet::new();
    for name in file.tensors.keys() {
        let place =
            place(name).ok_or_else(|| wrong(format!("`{name}` is no factor of a known projection")))?;
        places.insert(place);
    }
    let plan = AdapterPlan::new(model, rank, |layer, target| places.contains(&(layer, target)))?;
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
    let mut parameters = Parameters::initial(&plan, scale, 0);
    let rank = parameters.rank;
    for Pair { layer, target, inputs, outputs, a, b } in &mut parameters.pairs {
        for (factor, shape, values) in [("lora_A", [rank, *inputs], a), ("lora_B", [*outputs, rank], b)] {
            let ending = format!(".layers.{layer}.{}.{factor}.weight", target.path());
            let found = file.tensors.iter().find(|(name, _)| name.ends_with(&ending));
            let (name, stored) = found.ok_or_else(|| wrong(format!("`…{ending}` is missing")))?;
            *values = fitting(name, stored, shape).map_err(wrong)?;
        }
    }
    Ok(parameters)
}

fn fitting(name: &str, stored: &Stored, shape: [usize; 2]) -> Result<Vec<f32>, String> {
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
    let path = rest.strip_suffix(".lora_A.weight").or(rest.strip_suffix(".lora_B.weight"))?;
    let target = Target::ALL.into_iter().find(|target| target.path() == path)?;
    Some((layer.parse().ok()?, target))
}

/// An adapter folder as additions for a decoder.
pub(super) fn adapters(
    folder: &Path,
    model: &dhurandhar_core::Model,
    layers: usize,
    device: &Device,
) -> Result<Adapters, TrainError> {
    Ok(load(folder, model)?.on_device(layers, device).plain(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::model::registry;

    fn parameters() -> (Parameters, LoraConfig) {
        let model = registry::model("smollm2-135m").unwrap();
        let plan = AdapterPlan::new(&model, 4, |layer, target| layer < 2 && target != Target::Down).unwrap();
        let targets = Targets::Names(vec!["q_proj".into()]);
        let settings = LoraConfig { r: 4, alpha: 8.0, dropout: 0.0, use_rslora: false, targets };
        let mut parameters = Parameters::initial(&plan, 2.0, 5);
        parameters.pairs[0].b[1] = 0.25;
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
