//! Checkpoints of a run: adapter, moments and place in the data, in folders that appear whole or not at all.
//!
//! A checkpoint is written under another name, flushed, and renamed. What a killed process leaves is recognised by
//! that name and swept away by the next one.

use super::TrainError;
use super::config::LoraConfig;
use super::identity::Identity;
use super::optimiser::Optimiser;
use super::params::{FACTORS, Pair, Parameters};
use super::peft;
use super::tensors::TensorFile;
use super::write_whole;
use crate::cli::files;
use dhurandhar_core::Model;
use std::fs;
use std::path::{Path, PathBuf};

/// File of the moments and counters.
const STATE: &str = "training_state.safetensors";
const NAME: &str = "checkpoint-";
const PARTIAL: &str = ".partial-checkpoint-";

/// Counters of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Progress {
    /// Steps done.
    pub(crate) step: u64,
    /// Best evaluation so far: step and loss.
    pub(crate) best: Option<(u64, f64)>,
    /// Evaluations since then.
    pub(crate) waited: u64,
    /// Tokens that went through the decoder.
    pub(crate) tokens: u64,
    /// Seconds of training so far.
    pub(crate) seconds: f64,
}

/// What a checkpoint needs to know beside the numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) settings: &'a LoraConfig,
    pub(crate) base: &'a str,
    pub(crate) root: &'a str,
}

/// Folder of a step's checkpoint.
pub(crate) fn folder(out: &Path, step: u64) -> PathBuf {
    out.join(format!("{NAME}{step:06}"))
}

/// Write a checkpoint; a folder that is there already is replaced.
pub(crate) fn save(
    out: &Path,
    progress: &Progress,
    parameters: &Parameters,
    optimiser: &Optimiser,
    about: About<'_>,
) -> Result<PathBuf, TrainError> {
    let partial = out.join(format!("{PARTIAL}{:06}", progress.step));
    let target = folder(out, progress.step);
    let write = || -> Result<(), TrainError> {
        fs::create_dir_all(&partial).map_err(TrainError::io(&partial))?;
        peft::save(&partial, parameters, about.settings, about.base, about.root)?;
        write_whole(&partial.join(STATE), &state(progress, parameters, optimiser, about.identity).bytes()?)?;
        if target.exists() {
            fs::remove_dir_all(&target).map_err(TrainError::io(&target))?;
        }
        fs::rename(&partial, &target).map_err(TrainError::io(&target))?;
        files::flush_folder(&target).map_err(TrainError::io(out))
    };
    write().inspect_err(|_| {
        // A full disk must not stay full of this.
        let _ = fs::remove_dir_all(&partial);
    })?;
    Ok(target)
}

fn state(
    progress: &Progress,
    parameters: &Parameters,
    optimiser: &Optimiser,
    identity: &Identity,
) -> TensorFile {
    let mut file = TensorFile::default();
    let pairs = parameters.pairs.iter().zip(optimiser.first.iter().zip(&optimiser.second));
    for (pair, (first, second)) in pairs {
        let module = peft::module("model", pair.layer, pair.target);
        for (part, moments) in [("first", first), ("second", second)] {
            for ((name, shape), values) in FACTORS.iter().zip(pair.shapes()).zip(moments) {
                file.push(format!("{part}.{module}.{name}"), shape, values);
            }
        }
    }
    let mut note = |key: &str, value: String| file.metadata.insert(key.to_owned(), value);
    note("step", progress.step.to_string());
    note("optimiser_steps", optimiser.steps.to_string());
    note("waited", progress.waited.to_string());
    note("tokens", progress.tokens.to_string());
    note("seconds", progress.seconds.to_string());
    note("run", identity.run.clone());
    note("data", identity.data.to_string());
    note("base", identity.base.to_string());
    note("settings", serde_json::json!(identity.settings).to_string());
    if let Some((step, loss)) = progress.best {
        note("best_step", step.to_string());
        // The bits, so that comparisons after resuming are the same.
        note("best_loss_bits", loss.to_bits().to_string());
    }
    file
}

/// Steps of the checkpoints in a folder, ascending.
pub(crate) fn steps(out: &Path) -> Vec<u64> {
    let names = fs::read_dir(out).into_iter().flatten().flatten();
    let mut steps: Vec<u64> = names
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix(NAME)?.parse().ok())
        .filter(|step| folder(out, *step).join(STATE).is_file())
        .collect();
    steps.sort_unstable();
    steps
}

/// Remove what a killed process left.
pub(crate) fn sweep(out: &Path) {
    for entry in fs::read_dir(out).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PARTIAL)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Keep the newest `keep` checkpoints and the best one.
pub(crate) fn prune(out: &Path, keep: usize, best: Option<u64>) {
    let steps = steps(out);
    let old = steps.len().saturating_sub(keep);
    for step in steps[..old].iter().filter(|step| Some(**step) != best) {
        let _ = fs::remove_dir_all(folder(out, *step));
    }
}

/// Read a checkpoint into parameters and optimiser.
pub(crate) fn load(
    folder: &Path,
    model: &Model,
    parameters: &mut Parameters,
    optimiser: &mut Optimiser,
    identity: &Identity,
) -> Result<Progress, TrainError> {
    let path = folder.join(STATE);
    let wrong = |problem: String| TrainError::AdapterFile { path: path.clone(), problem };
    let file = TensorFile::read(&path)?;
    let text = |key: &str| {
        file.metadata.get(key).ok_or_else(|| wrong(format!("`{key}` is missing from the checkpoint")))
    };
    let number = |key: &str| -> Result<u64, TrainError> {
        text(key)?.parse().map_err(|_| wrong(format!("`{key}` is no whole number")))
    };
    let settings =
        serde_json::from_str(text("settings")?).map_err(|error| wrong(format!("`settings`: {error}")))?;
    let own = Identity { run: text("run")?.clone(), data: number("data")?, base: number("base")?, settings };
    if let Some(problem) = identity.difference(&own) {
        return Err(TrainError::OtherRun { path: path.clone(), problem });
    }
    let stored = peft::load(folder, model)?;
    let shapes = |parameters: &Parameters| parameters.pairs.iter().map(Pair::shapes).collect::<Vec<_>>();
    if shapes(&stored) != shapes(parameters) {
        return Err(wrong("the checkpoint's adapter has other modules or another rank".into()));
    }
    parameters.pairs = stored.pairs;
    moments(&file, parameters, optimiser).map_err(wrong)?;
    optimiser.steps = number("optimiser_steps")?;
    let best = match file.metadata.get("best_step") {
        Some(_) => Some((number("best_step")?, f64::from_bits(number("best_loss_bits")?))),
        None => None,
    };
    Ok(Progress {
        step: number("step")?,
        best,
        waited: number("waited")?,
        tokens: number("tokens")?,
        seconds: text("seconds")?.parse().map_err(|_| wrong("`seconds` is no number".into()))?,
    })
}

fn moments(file: &TensorFile, parameters: &Parameters, optimiser: &mut Optimiser) -> Result<(), String> {
    let take = |name: String, length: usize| -> Result<Vec<f32>, String> {
        let tensor = file.tensors.get(&name).filter(|tensor| tensor.values.len() == length);
        tensor
            .map(|tensor| tensor.values.clone())
            .ok_or_else(|| format!("`{name}` is missing or of another size"))
    };
    for (index, pair) in parameters.pairs.iter().enumerate() {
        let module = peft::module("model", pair.layer, pair.target);
        for (part, sums) in [("first", &mut optimiser.first), ("second", &mut optimiser.second)] {
            for (at, name) in FACTORS.iter().enumerate().take(pair.shapes().len()) {
                sums[index][at] = take(format!("{part}.{module}.{name}"), pair.factors[at].len())?;
            }
        }
    }
    Ok(())
}
