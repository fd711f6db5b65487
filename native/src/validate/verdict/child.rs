//! The child's side: one run, reported step by step on standard output, one JSON value a line.

use crate::cli::child;
use crate::machine::{cgroup, counters, proc};
use anyhow::Context;
use dhurandhar_core::measurement::{DecodedToken, LoggedMemory, VerdictCase, VerdictStep};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) libraries: PathBuf,
    pub(super) file: PathBuf,
    /// The control group to join.
    pub(super) group: PathBuf,
    pub(super) case: VerdictCase,
}

/// What it says on the way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Event {
    Runtime(String),
    Step(VerdictStep),
    Logged(LoggedMemory),
    Token(DecodedToken),
    Failed(String),
}

/// Runs the task, step by step.
pub(crate) fn serve() -> anyhow::Result<()> {
    let task: Task = child::task()?;
    cgroup::join(&task.group).context("cannot join the control group")?;
    if let Err(reason) = run(&task) {
        child::answer(&Event::Failed(reason))?;
    }
    Ok(())
}

#[cfg(all(unix, not(target_env = "musl")))]
fn run(task: &Task) -> Result<(), String> {
    use crate::validate::memory::{kv_code, prompt};
    use crate::validate::parameters::{LOAD_COPY, LOAD_LOCKED, LOAD_MAPPED};
    use crate::validate::runtime::{ContextChoices, LoadChoices, Runtime, sizes};
    let case = &task.case;
    let began = Instant::now();
    let tell = |event: Event| child::answer(&event).map_err(|error| error.to_string());
    let done = |after: &str| tell(Event::Step(step(after, began, &task.group)));
    done("start")?;
    let runtime = Runtime::open(&task.libraries)?;
    tell(Event::Runtime(runtime.version()))?;
    done("libraries")?;
    let mode = match case.load.as_str() {
        "copy" => LOAD_COPY,
        "mlock" => LOAD_LOCKED,
        _ => LOAD_MAPPED,
    };
    let choices = LoadChoices { lazy_table: case.lazy_table, mode: Some(mode), repack: case.repack };
    let model = runtime.load(&task.file, choices)?;
    tell(Event::Logged(sizes()))?;
    done("model")?;
    let narrow = |number: u64| u32::try_from(number).map_err(|_| format!("{number} is too many"));
    let context = runtime.context(
        model,
        ContextChoices {
            tokens: narrow(case.context_tokens)?,
            ubatch: narrow(case.ubatch)?,
            kv: kv_code(&case.kv)?,
            full_windows: case.policy == "llama-cpp-api",
            threads: i32::try_from(case.threads).ok(),
            slots: narrow(case.slots)?,
        },
    )?;
    tell(Event::Logged(sizes()))?;
    done("context")?;
    let count = narrow(case.prompt_tokens + case.decoded_tokens)?;
    let mut tokens = prompt(count, runtime.vocabulary(model));
    let (asked, decoded) = tokens.split_at_mut(case.prompt_tokens.try_into().unwrap_or(usize::MAX));
    runtime.decode(context, asked)?;
    done("prompt")?;
    for token in decoded {
        let (before, start) = (counters::read(), Instant::now());
        runtime.decode(context, std::slice::from_mut(token))?;
        let (seconds, after) = (start.elapsed().as_secs_f64(), counters::read());
        let between =
            |after: Option<u64>, before: Option<u64>| after.unwrap_or(0).saturating_sub(before.unwrap_or(0));
        tell(Event::Token(DecodedToken {
            seconds: (seconds * 1e4).round() / 1e4,
            read_bytes: between(after.device_read_bytes, before.device_read_bytes),
            major_faults: between(after.major_faults, before.major_faults),
        }))?;
    }
    done("decode")
}

#[cfg(not(all(unix, not(target_env = "musl"))))]
fn run(_task: &Task) -> Result<(), String> {
    Err("validate-verdict loads shared libraries as a dynamically linked program of Unix can".to_owned())
}

fn step(after: &str, began: Instant, group: &Path) -> VerdictStep {
    let seconds = (began.elapsed().as_secs_f64() * 1e3).round() / 1e3;
    let bytes = |field| proc::kilobytes("/proc/self/status", field).unwrap_or(0);
    let counted = counters::read();
    VerdictStep {
        after: after.to_owned(),
        seconds,
        anon_bytes: bytes("RssAnon:"),
        file_bytes: bytes("RssFile:"),
        page_table_bytes: bytes("VmPTE:"),
        charged_bytes: cgroup::charge_bytes(group).unwrap_or(0),
        kernel_bytes: cgroup::kernel_bytes(group).unwrap_or(0),
        cache_bytes: cgroup::page_cache_bytes(group).unwrap_or(0),
        read_bytes: counted.device_read_bytes.unwrap_or(0),
        major_faults: counted.major_faults.unwrap_or(0),
    }
}
