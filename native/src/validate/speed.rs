//! A ladder of speeds in a process of its own: prompts and decoding at depths, several times each.

use crate::cli::child::{self, Ended, Job};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) libraries: PathBuf,
    pub(crate) file: PathBuf,
    pub(crate) threads: u32,
    /// Prompts to time, tokens.
    pub(crate) prompts: Vec<u32>,
    /// Depths to decode at, tokens.
    pub(crate) depths: Vec<u32>,
    /// Tokens decoded at each.
    pub(crate) decoded: u32,
    pub(crate) repetitions: u32,
}

/// One line of its answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The libraries' version, once.
    Runtime(String),
    /// Tokens a second of one step.
    Measured { prompt_tokens: u32, depth_tokens: u32, tokens_per_s: Vec<f64> },
    /// Why there is no more.
    Failed(String),
}

/// Run a task; every line as it comes.
pub(crate) fn measure(task: &Task, mut hear: impl FnMut(Reply)) -> anyhow::Result<Ended> {
    child::listen(child::worker(Job::Bench)?, task, None, |line| {
        hear(serde_json::from_str(line).unwrap_or_else(|error| Reply::Failed(error.to_string())));
    })
}

/// The child's side.
pub(crate) fn serve() -> anyhow::Result<()> {
    let task: Task = child::task()?;
    run(&task).or_else(|reason| child::answer(&Reply::Failed(reason)))
}

#[cfg(all(unix, not(target_env = "musl")))]
fn run(task: &Task) -> Result<(), String> {
    use super::memory::prompt;
    use super::runtime::{ContextChoices, LoadChoices, Runtime};
    use std::time::Instant;

    /// Tokens of the first run, which is not timed.
    const WARM: u32 = 32;
    let tell = |reply: &Reply| child::answer(reply).map_err(|error| error.to_string());
    let runtime = Runtime::open(&task.libraries)?;
    tell(&Reply::Runtime(runtime.version()))?;
    let model = runtime.load(&task.file, LoadChoices { lazy_table: false, mode: None, repack: true })?;
    let deepest = task.depths.iter().max().map_or(0, |depth| depth + task.decoded);
    let longest = task.prompts.iter().copied().max().unwrap_or(0).max(WARM + 1);
    let context = runtime.context(
        model,
        ContextChoices {
            tokens: deepest.max(longest),
            ubatch: 512,
            kv: super::memory::kv_code("f16")?,
            full_windows: false,
            threads: Some(i32::try_from(task.threads).map_err(|error| error.to_string())?),
            slots: 1,
        },
    )?;
    let vocabulary = runtime.vocabulary(model);
    // Batches of the library's default size.
    let fill = |tokens: &mut [i32]| -> Result<(), String> {
        tokens.chunks_mut(2048).try_for_each(|part| runtime.decode(context, part))
    };
    let speed = |tokens: u32, start: Instant| f64::from(tokens) / start.elapsed().as_secs_f64();
    fill(&mut prompt(WARM, vocabulary))?;
    for tokens in &task.prompts {
        let mut speeds = Vec::new();
        for _ in 0..task.repetitions {
            runtime.forget(context)?;
            let mut ids = prompt(*tokens, vocabulary);
            let start = Instant::now();
            fill(&mut ids)?;
            speeds.push(speed(*tokens, start));
        }
        tell(&Reply::Measured { prompt_tokens: *tokens, depth_tokens: 0, tokens_per_s: speeds })?;
    }
    for depth in &task.depths {
        let mut speeds = Vec::new();
        let deep = || -> Result<(), String> {
            runtime.forget(context)?;
            fill(&mut prompt(*depth, vocabulary))
        };
        deep()?;
        for _ in 0..task.repetitions {
            let mut ids = prompt(task.decoded, vocabulary);
            let start = Instant::now();
            ids.chunks_mut(1).try_for_each(|one| runtime.decode(context, one))?;
            speeds.push(speed(task.decoded, start));
            // A recurrent state cannot go back.
            if !runtime.forget_from(context, *depth)? {
                deep()?;
            }
        }
        tell(&Reply::Measured { prompt_tokens: 0, depth_tokens: *depth, tokens_per_s: speeds })?;
    }
    Ok(())
}

#[cfg(not(all(unix, not(target_env = "musl"))))]
fn run(_task: &Task) -> Result<(), String> {
    Err("bench loads shared libraries as a dynamically linked program of Unix can".to_owned())
}
