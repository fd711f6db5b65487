//! Child processes: one block each, so that a dying mapping kills a child and becomes a result.

use super::block::run_block;
use super::ended::interpret;
use super::reader;
use super::seam::SystemClock;
use super::spec::{BlockSpec, Reply};
use super::storage::RealStorage;
use crate::cli::child::{self, Job};
use crate::machine::{self, cgroup};
use anyhow::Result;
use dhurandhar_core::measurement::Failure;
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
            Reply::failed("refused", format!("{error:#}"))
        })
    }
}

fn spawn(spec: &BlockSpec) -> Result<Reply> {
    Ok(child::ask(child::worker(Job::Block)?, spec, Some(PATIENCE))?.unwrap_or_else(|ended| {
        if ended.late {
            return Reply::failed("time_out", format!("no answer within {} s", PATIENCE.as_secs()));
        }
        interpret(ended.status, ended.complaint.trim())
    }))
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
