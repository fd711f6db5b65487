//! The child that has llama.cpp's libraries in it: a task on standard input, a reply on standard output.

use crate::cli::child::{self, Job};
#[cfg(all(unix, not(target_env = "musl")))]
use crate::validate::runtime::{Offloaded, Runtime, Wanted};
#[cfg(all(unix, not(target_env = "musl")))]
use dhurandhar_core::measurement::size_validation::CardSizes;
use dhurandhar_core::measurement::size_validation::{CardSetting, Setting};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) libraries: PathBuf,
    /// The one back end to load, by its file's name; all that are there otherwise.
    pub(super) back_end: Option<String>,
    pub(super) file: PathBuf,
    pub(super) work: Work,
}

/// One kind of question.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Work {
    /// Types in these mixes: their names and codes.
    Quantise(Vec<(String, i32)>),
    /// Caches and compute buffers of these contexts.
    Contexts(Vec<Setting>),
    /// Packed copies.
    Packed,
    /// Buffers of a card and of the host.
    Cards(Vec<CardSetting>),
}

/// What it found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Types { runtime: String, types: BTreeMap<String, BTreeMap<String, String>> },
    Contexts(Vec<Setting>),
    Packed(u64),
    Cards(Vec<CardSetting>),
    Failed(String),
}

impl Reply {
    /// Why there is no answer.
    pub(super) fn complaint(self) -> String {
        match self {
            Self::Failed(reason) => reason,
            _ => "the child answered another question".to_owned(),
        }
    }
}

/// Put a task to a child and wait for it; `runner` is the command of a program for another processor.
pub(super) fn answer(runner: Option<&str>, task: &Task) -> anyhow::Result<Reply> {
    let command = match runner {
        Some(runner) => child::worker_of(runner, Job::ValidateSizes)?,
        None => child::worker(Job::ValidateSizes)?,
    };
    Ok(child::ask(command, task, None)?.unwrap_or_else(|ended| {
        Reply::Failed(format!("the runtime ended with {}: {}", ended.status, ended.why()))
    }))
}

/// The child's side.
pub(crate) fn serve() -> anyhow::Result<()> {
    child::answer(&run(child::task()?).unwrap_or_else(Reply::Failed))
}

/// A context that takes next to nothing.
#[cfg(all(unix, not(target_env = "musl")))]
const SMALLEST: Wanted = Wanted {
    tokens: 256,
    ubatch: 64,
    kv: 1,
    flash_attention: true,
    full_windows: false,
    sequences: 1,
    unified: false,
    kv_offload: true,
    outputs: Some(1),
};

#[cfg(all(unix, not(target_env = "musl")))]
fn run(task: Task) -> Result<Reply, String> {
    let runtime = Runtime::with_back_end(&task.libraries, task.back_end.as_deref())?;
    match task.work {
        Work::Quantise(mixes) => {
            let mut types = BTreeMap::new();
            for (mix, code) in mixes {
                types.insert(mix, types_in(&runtime.quantise_dry(&task.file, code)?));
            }
            Ok(Reply::Types { runtime: runtime.version(), types })
        }
        Work::Cards(mut settings) => {
            for setting in &mut settings {
                let choices = &setting.choices;
                let narrow = |number: u64| i32::try_from(number).map_err(|_| format!("{number} is too many"));
                let offload = Offloaded {
                    gpu_layers: Some(narrow(choices.gpu_layers)?),
                    cpu_moe_layers: choices.cpu_moe_layers,
                    kept: choices.kept.clone(),
                };
                let wanted = Wanted {
                    tokens: narrow(choices.context)?.cast_unsigned(),
                    ubatch: narrow(choices.ubatch)?.cast_unsigned(),
                    kv_offload: choices.kv_offload,
                    ..SMALLEST
                };
                let sizes =
                    runtime.place(&task.file, &offload).and_then(|model| runtime.sizes(model, &wanted));
                let Ok(sizes) = sizes else { continue };
                let mut measured = CardSizes::default();
                for kind in sizes {
                    // The host's buffers that a card reads are pinned: `Vulkan_Host`.
                    let is_host = kind.kind.starts_with("CPU") || kind.kind.ends_with("_Host");
                    let side = if is_host { &mut measured.host } else { &mut measured.card };
                    side.model += kind.model;
                    side.context += kind.context;
                    side.compute += kind.compute;
                }
                setting.measured = Some(measured);
            }
            Ok(Reply::Cards(settings))
        }
        Work::Contexts(mut settings) => {
            let model = runtime.place(&task.file, &Offloaded::default())?;
            for setting in &mut settings {
                let wanted = wanted(setting)?;
                let sizes = runtime.sizes(model, &wanted);
                setting.measured = sizes.ok().map(|sizes| {
                    (sizes.iter().map(|kind| kind.context).sum(), sizes.iter().map(|kind| kind.compute).sum())
                });
            }
            Ok(Reply::Contexts(settings))
        }
        Work::Packed => {
            let model = runtime.place(&task.file, &Offloaded::default())?;
            let sizes = runtime.sizes(model, &SMALLEST)?;
            Ok(Reply::Packed(
                sizes.iter().filter(|kind| kind.kind == "CPU_REPACK").map(|kind| kind.model).sum(),
            ))
        }
    }
}

#[cfg(not(all(unix, not(target_env = "musl"))))]
fn run(_task: Task) -> Result<Reply, String> {
    Err("validate-sizes loads shared libraries as a dynamically linked program of Unix can".to_owned())
}

/// The choices in llama.cpp's terms: a context of its own for each slot is so many times the tokens.
#[cfg(all(unix, not(target_env = "musl")))]
fn wanted(setting: &Setting) -> Result<Wanted, String> {
    let choices = &setting.choices;
    let narrow = |number: u64| u32::try_from(number).map_err(|_| format!("{number} tokens are too many"));
    let apart = if choices.unified { 1 } else { choices.slots };
    let interface = choices.runtime == "llama-cpp-api";
    Ok(Wanted {
        tokens: narrow(choices.context * apart)?,
        ubatch: narrow(choices.ubatch)?,
        kv: crate::validate::memory::kv_code(&choices.kv)?,
        flash_attention: choices.flash_attention,
        full_windows: interface,
        sequences: narrow(choices.slots)?,
        unified: choices.unified,
        kv_offload: true,
        // As llama-cli and llama-server ask (`server-context.cpp`).
        outputs: (!interface).then_some(narrow(choices.slots)?),
    })
}

/// Tensors whose type the quantiser changes, from lines such as
/// `[ 3/ 290] blk.0.attn_k.weight - [ 576, 192, 1, 1], type = f16, size = 0.21 MiB -> 0.07 MiB (q5_0)`.
fn types_in(log: &str) -> BTreeMap<String, String> {
    let tensor = |line: &str| {
        let (before, after) = line.split_once(" - [")?;
        let name = before.rsplit_once("] ")?.1.trim();
        let (_, changed) = after.split_once(" -> ")?;
        let (_, kind) = changed.rsplit_once('(')?;
        Some((name.to_owned(), kind.trim().trim_end_matches(')').to_ascii_lowercase()))
    };
    log.lines().filter_map(tensor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_types_are_read_from_the_quantisers_log() {
        let log = "llama_model_quantize: loading\n[   1/ 272] output_norm.weight                   - \
                   [   576,     1,     1,     1], type =    f32, size =    0.002 MiB\n\
                   [   2/ 272] token_embd.weight                    - [   576, 49152,     1,     1], type =    f16, \
                   size =    54.00 MiB ->    28.69 MiB (q8_0)\n\
                   [   3/ 272] blk.0.ffn_down.weight - [1536, 576, 1, 1], type = f16, warning: odd -> falling back to    \
                   q8_0\nsize =     1.69 MiB ->     1.37 MiB (q6_K)\n";
        let types = types_in(log);
        assert_eq!(types.get("token_embd.weight").map(String::as_str), Some("q8_0"));
        assert_eq!(types.len(), 1);
    }
}
