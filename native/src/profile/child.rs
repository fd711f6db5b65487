//! Child processes: one block each, so that a dying mapping kills a child and becomes a result.

use super::block::run_block;
use super::reader;
use super::seam::SystemClock;
use super::spec::{BlockSpec, Reply};
use super::storage::RealStorage;
use crate::cli::child::{self, Job};
use crate::machine::{self, cgroup};
use anyhow::Result;
use dhurandhar_core::measurement::Failure;
use std::process::ExitStatus;
use std::time::Duration;

/// A child that says nothing for this long is ended.
const PATIENCE: Duration = Duration::from_mins(15);

/// `ENOEXEC`: the system knows no way to run a program of this format.
const NO_EXEC: Option<i32> = Some(8);

/// Runs blocks: in a child process, or scripted in tests.
pub(crate) trait BlockRunner {
    /// Always comes back: whatever happens to the child is a reply.
    fn run(&mut self, spec: &BlockSpec) -> Reply;
}

/// Starts this program again for every block.
#[derive(Debug, Default)]
pub(crate) struct ChildRunner;

impl BlockRunner for ChildRunner {
    fn run(&mut self, spec: &BlockSpec) -> Reply {
        spawn(spec).unwrap_or_else(|error| {
            // Under user-mode emulation the system cannot start this program again. A block without a memory
            // limit can run right here; only the protection from a dying mapping is lost.
            let emulated =
                error.downcast_ref::<std::io::Error>().is_some_and(|cause| cause.raw_os_error() == NO_EXEC);
            if emulated && spec.group.is_none() {
                return answer(spec);
            }
            failed("refused", format!("{error:#}"))
        })
    }
}

fn failed(kind: &str, detail: String) -> Reply {
    Reply::Failed(Failure { kind: kind.to_owned(), detail, tokens: None })
}

fn spawn(spec: &BlockSpec) -> Result<Reply> {
    Ok(child::ask(child::worker(Job::Block)?, spec, Some(PATIENCE))?.unwrap_or_else(|ended| {
        if ended.late {
            return failed("time_out", format!("no answer within {} s", PATIENCE.as_secs()));
        }
        interpret(ended.status, ended.complaint.trim())
    }))
}

/// Why io_uring cannot be used here, from a child that tried; `None` if it can.
#[cfg(target_os = "linux")]
pub(super) fn io_uring_refused() -> Option<String> {
    let tried = child::worker(Job::IoUring).map_err(anyhow::Error::from);
    let tried = tried.and_then(|command| child::listen(command, &(), None, |_| {}));
    match tried {
        Ok(ended) if ended.status.success() => None,
        Ok(ended) => match interpret(ended.status, ended.complaint.trim()) {
            Reply::Failed(failure) => Some(format!("io_uring: {}", failure.detail)),
            Reply::Windows(_) => None,
        },
        Err(error) => Some(format!("io_uring could not be tried: {error}")),
    }
}

/// What an unhappy end means.
#[cfg(unix)]
fn interpret(status: ExitStatus, complaint: &str) -> Reply {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(libc::SIGBUS) => failed(
            "signal",
            "SIGBUS: the file was cut short or its storage failed under the mapping".to_owned(),
        ),
        Some(libc::SIGKILL) => {
            failed("out_of_memory", "SIGKILL: the system ended it, most likely for its memory".to_owned())
        }
        Some(libc::SIGSYS) => {
            failed("signal", "SIGSYS: a system call is forbidden to this process".to_owned())
        }
        Some(number) => failed("signal", format!("ended by signal {number}")),
        None => failed("refused", format!("{status}: {complaint}")),
    }
}

#[cfg(not(unix))]
fn interpret(status: ExitStatus, complaint: &str) -> Reply {
    failed("refused", format!("{status}: {complaint}"))
}

/// The child's side.
pub(crate) fn serve() -> Result<()> {
    child::answer(&answer(&child::task()?))
}

fn answer(spec: &BlockSpec) -> Reply {
    let clock = SystemClock::new();
    let run = || {
        if let Some(group) = &spec.group {
            cgroup::join(group)?;
        }
        if spec.realtime {
            machine::realtime()?;
        }
        let mut storage = RealStorage::open(&spec.place, spec.group.clone())?;
        let mut open = || reader::open(spec.key.engine, &spec.place);
        run_block(spec, &mut storage, &clock, &mut open)
    };
    match run() {
        Ok(windows) => Reply::Windows(windows),
        Err(broken) => Reply::Failed(Failure {
            kind: "io_error".to_owned(),
            detail: broken.error.to_string(),
            tokens: Some(broken.tokens),
        }),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::interpret;
    use crate::profile::spec::Reply;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn every_end_of_a_child_has_a_name() {
        let kind = |raw| match interpret(ExitStatus::from_raw(raw), "no such file") {
            Reply::Failed(failure) => (failure.kind, failure.detail),
            Reply::Windows(_) => (String::new(), String::new()),
        };
        assert_eq!(kind(libc::SIGBUS).0, "signal");
        assert_eq!(kind(libc::SIGKILL).0, "out_of_memory");
        assert!(kind(libc::SIGSYS).1.contains("forbidden"));
        assert_eq!(kind(1 << 8), ("refused".to_owned(), "exit status: 1: no such file".to_owned()));
    }
}
