//! One case in a process of its own: what is asked, and what comes back.

use crate::cli::child::{self, Job};
use crate::machine::proc;
use dhurandhar_core::measurement::{LoggedMemory, MemoryCase, MemoryStage};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    libraries: PathBuf,
    file: PathBuf,
    case: MemoryCase,
}

/// What it found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Measured { runtime: String, logged: LoggedMemory, own_bytes: u64, stages: Vec<MemoryStage> },
    Failed { reason: String },
}

/// Run a case and wait for it.
pub(crate) fn measure(libraries: &Path, file: &Path, case: &MemoryCase) -> anyhow::Result<Reply> {
    let task = Task { libraries: libraries.to_owned(), file: file.to_owned(), case: case.clone() };
    Ok(child::ask(child::worker(Job::ValidateMemory)?, &task, None)?.unwrap_or_else(|ended| Reply::Failed {
        reason: format!("the runtime ended with {}: {}", ended.status, ended.why()),
    }))
}

/// The child's side.
pub(crate) fn serve() -> anyhow::Result<()> {
    let task: Task = child::task()?;
    child::answer(&run(&task).unwrap_or_else(|reason| Reply::Failed { reason }))
}

#[cfg(all(unix, not(target_env = "musl")))]
fn run(task: &Task) -> Result<Reply, String> {
    use super::runtime::{ContextChoices, LoadChoices, Runtime, sizes};
    let case = &task.case;
    let before = own_pages();
    let others = proc::kilobytes("/proc/self/status", "VmRSS:").unwrap_or(0).saturating_sub(before);
    let mut stages = Vec::new();
    let mut seen = |after: &str| stages.push(stage(after));
    let runtime = Runtime::open(&task.libraries)?;
    seen("libraries");
    let model =
        runtime.load(&task.file, LoadChoices { lazy_table: case.lazy_table, mode: None, repack: true })?;
    seen("model");
    let narrow = |number: u64| u32::try_from(number).map_err(|_| format!("{number} tokens are too many"));
    let context = runtime.context(
        model,
        ContextChoices {
            tokens: narrow(case.context_tokens)?,
            ubatch: narrow(case.ubatch)?,
            kv: kv_code(&case.kv)?,
            full_windows: case.policy == "llama-cpp-api",
            threads: None,
            slots: 1,
        },
    )?;
    seen("context");
    if case.prompt_tokens > 0 {
        let mut tokens = prompt(narrow(case.prompt_tokens)?, runtime.vocabulary(model));
        runtime.decode(context, &mut tokens)?;
        seen("prompt");
        runtime.decode(context, &mut tokens[..1])?;
        seen("decode");
    }
    // More of this program is paged in while it works.
    let own_bytes = others + own_pages().max(before);
    Ok(Reply::Measured { runtime: runtime.version(), logged: sizes(), own_bytes, stages })
}

#[cfg(not(all(unix, not(target_env = "musl"))))]
fn run(_task: &Task) -> Result<Reply, String> {
    Err("validate-memory loads shared libraries as a dynamically linked program of Unix can".to_owned())
}

/// Pages of this program's own file that are in memory, bytes.
#[cfg(unix)]
fn own_pages() -> u64 {
    let file = std::env::current_exe().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    pages_of(&file, &std::fs::read_to_string("/proc/self/smaps").unwrap_or_default())
}

/// Sum of the resident pages of a file's mappings in the text of `smaps`, bytes.
fn pages_of(file: &str, smaps: &str) -> u64 {
    let mut inside = false;
    let mut sum = 0;
    for line in smaps.lines() {
        // A mapping's head begins with its addresses in lower-case hexadecimal, its fields with a capital.
        if line.starts_with(|first: char| first.is_ascii_digit() || first.is_ascii_lowercase()) {
            inside = line.ends_with(file);
        } else if inside && let Some(rest) = line.strip_prefix("Rss:") {
            let kilobytes = rest.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
            sum += kilobytes.unwrap_or(0) * 1024;
        }
    }
    sum
}

/// Distinct ordinary tokens, spread over the vocabulary.
pub(super) fn prompt(count: u32, vocabulary: i32) -> Vec<i32> {
    const FIRST: i64 = 300;
    let span = (i64::from(vocabulary) - FIRST).max(1);
    (0..i64::from(count)).map(|at| i32::try_from(FIRST + at * 7919 % span).unwrap_or(0)).collect()
}

/// The code of a cache type in llama.cpp's enumeration, which is that of GGUF files.
pub(super) fn kv_code(name: &str) -> Result<i32, String> {
    use dhurandhar_core::memory::KvFormat;
    match KvFormat::parse(name) {
        Ok(KvFormat::Block(block)) => i32::try_from(block.gguf_code()).map_err(|error| error.to_string()),
        _ => Err(format!("kv {name}: expected a block type such as f16, q8_0 or q4_0")),
    }
}

fn stage(after: &str) -> MemoryStage {
    let bytes = |field| proc::kilobytes("/proc/self/status", field).unwrap_or(0);
    MemoryStage {
        after: after.to_owned(),
        rss_anon_bytes: bytes("RssAnon:"),
        rss_file_bytes: bytes("RssFile:"),
        peak_rss_bytes: bytes("VmHWM:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_one_file_are_summed() {
        let smaps = "55d0-55d8 r--p 0 fe:00 1 /opt/a tool\nSize: 32 kB\nRss: 20 kB\n\
                     7f00-7f10 r-xp 0 fe:00 2 /lib/libc.so.6\nRss: 300 kB\n\
                     a5d8-a5e0 rw-p 0 fe:00 1 /opt/a tool\nRss: 12 kB\nRssish: 9 kB\n";
        assert_eq!(pages_of("/opt/a tool", smaps), 32 * 1024);
        assert_eq!(pages_of("/opt/b", smaps), 0);
    }

    #[test]
    fn prompts_are_distinct_and_inside_the_vocabulary() {
        let tokens = prompt(512, 49_152);
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), 512);
        assert!(tokens.iter().all(|token| (300..49_152).contains(token)));
        assert_eq!(prompt(2, 10), [300, 300]);
        assert_eq!((kv_code("q8_0"), kv_code("turbo4").is_err()), (Ok(8), true));
    }
}
