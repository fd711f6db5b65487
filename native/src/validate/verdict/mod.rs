//! llama.cpp in a control group with a limit, token by token, and what each token reads from storage.
//!
//! A child process for each run: it loads, reads a prompt and decodes, and reports each step, so that a process that the
//! kernel ends still says how far it came.

pub(crate) mod child;

use crate::cli::child::{Ended, Job, listen, worker};
use crate::machine::cgroup::{Group, Parent};
use crate::machine::{evict, memory};
use anyhow::Context;
use child::{Event, Task};
use dhurandhar_core::measurement::{DecodedToken, LoggedMemory, VerdictCase, VerdictEnding, VerdictStep};
use std::fs::File;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

/// As good as no limit, and accepted by both versions of the interface.
const UNLIMITED: u64 = 1 << 50;

/// Where runs happen.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// llama.cpp's libraries.
    pub(crate) libraries: &'a Path,
    /// Where files of full length are put.
    pub(crate) scratch: &'a Path,
    /// Where control groups are made.
    pub(crate) groups: &'a Parent,
    /// Seconds after which a run is ended.
    pub(crate) timeout: u64,
}

/// What came of a child.
#[derive(Debug)]
pub(crate) enum Reply {
    Measured(Box<Seen>),
    Failed(String),
}

/// What a child said before it ended.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) runtime: Option<String>,
    /// The limit as the kernel keeps it, bytes.
    pub(crate) limit_bytes: Option<u64>,
    pub(crate) file_bytes: u64,
    pub(crate) logged: LoggedMemory,
    pub(crate) steps: Vec<VerdictStep>,
    pub(crate) tokens: Vec<DecodedToken>,
    pub(crate) ending: VerdictEnding,
}

/// Words of a runtime that was refused memory rather than ended.
const REFUSALS: [&str; 4] = ["allocat", "out of memory", "bad_alloc", "mlock"];

/// Run a case on `path` under a limit: everything that it reads is dropped from the cache first.
pub(crate) fn measure(
    place: &Place<'_>,
    path: &Path,
    case: &VerdictCase,
    limit: Option<u64>,
) -> anyhow::Result<Reply> {
    let file = File::open(path)?;
    let file_bytes = file.metadata()?.len();
    evict::evict(&file, 0, file_bytes).context("cannot drop the file from the cache")?;
    forget_libraries(place.libraries)?;
    let group = Group::new(place.groups, limit.unwrap_or(UNLIMITED)).context("cannot make a group")?;
    let task = Task {
        libraries: place.libraries.to_owned(),
        file: path.to_owned(),
        group: group.directory.clone(),
        case: case.clone(),
    };
    let mut seen = Seen {
        runtime: None,
        limit_bytes: limit.map(|_| group.limit_bytes),
        file_bytes,
        logged: LoggedMemory::default(),
        steps: Vec::new(),
        tokens: Vec::new(),
        ending: VerdictEnding::Complete,
    };
    let mut failure = None;
    let patience = Some(Duration::from_secs(place.timeout));
    let ended = listen(worker(Job::ValidateVerdict)?, &task, patience, |line| {
        match serde_json::from_str(line) {
            Ok(Event::Runtime(version)) => seen.runtime = Some(version),
            Ok(Event::Step(step)) => seen.steps.push(step),
            Ok(Event::Logged(logged)) => seen.logged = logged,
            Ok(Event::Token(token)) => seen.tokens.push(token),
            Ok(Event::Failed(reason)) => failure = Some(reason),
            // A line cut short by the end of the process.
            Err(_) => {}
        }
    })?;
    Ok(match ending(&ended, failure) {
        Ok(ending) => Reply::Measured(Box::new(Seen { ending, ..seen })),
        Err(reason) => Reply::Failed(reason),
    })
}

/// Drop the libraries' pages, so that each run is charged for those that it touches, as the first program in a container is.
fn forget_libraries(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().contains(".so") {
            let file = File::open(&path)?;
            evict::evict(&file, 0, file.metadata()?.len()).context("cannot drop a library from the cache")?;
        }
    }
    Ok(())
}

/// A limit as the kernel keeps it: whole pages.
pub(crate) fn whole_pages(limit: Option<u64>) -> Option<u64> {
    let page = memory::page_bytes();
    limit.map(|bytes| bytes - bytes % page)
}

/// How a run ended, or why it is none.
fn ending(ended: &Ended, failure: Option<String>) -> Result<VerdictEnding, String> {
    let Ended { status, late, complaint } = ended;
    if *late {
        return Ok(VerdictEnding::TimedOut);
    }
    if was_killed(*status) {
        return Ok(VerdictEnding::Killed);
    }
    let why = failure.or_else(|| {
        let line = || complaint.lines().find(|line| line.contains("error") || line.contains("bad_alloc"));
        (!status.success()).then(|| format!("the child ended with {status}: {}", line().unwrap_or("no word")))
    });
    match why {
        None => Ok(VerdictEnding::Complete),
        Some(why) if REFUSALS.iter().any(|word| why.contains(word)) => Ok(VerdictEnding::Refused),
        Some(why) => Err(why),
    }
}

#[cfg(unix)]
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(libc::SIGKILL)
}

#[cfg(not(unix))]
fn was_killed(_status: ExitStatus) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn every_end_is_told_apart() {
        let of = |late, raw, failure: Option<&str>, complaint: &str| {
            let ended = Ended { status: ExitStatus::from_raw(raw), late, complaint: complaint.to_owned() };
            ending(&ended, failure.map(str::to_owned))
        };
        assert_eq!(of(false, 0, None, ""), Ok(VerdictEnding::Complete));
        assert_eq!(of(true, libc::SIGKILL, None, ""), Ok(VerdictEnding::TimedOut));
        assert_eq!(of(false, libc::SIGKILL, None, ""), Ok(VerdictEnding::Killed));
        let refused = of(false, 0, Some("the context was not made: failed to allocate buffer"), "");
        assert_eq!(refused, Ok(VerdictEnding::Refused));
        assert_eq!(of(false, libc::SIGABRT, None, "what(): std::bad_alloc"), Ok(VerdictEnding::Refused));
        assert!(of(false, 1 << 8, None, "error: cannot join").is_err_and(|why| why.contains("cannot join")));
    }

    #[test]
    fn limits_are_whole_pages() {
        let page = memory::page_bytes();
        assert_eq!(whole_pages(Some(10 * page + 5)), Some(10 * page));
        assert_eq!(whole_pages(None), None);
    }
}
