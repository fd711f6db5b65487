//! `worker`, hidden: the other side of `cli::child`.

use crate::cli::child::{Job, task};
use crate::{profile, validate};
use clap::Args;
use std::process::ExitCode;

/// Options of `worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// What to do; the task comes on standard input
    #[arg(value_enum)]
    job: Job,
}

impl WorkerArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        match self.job {
            Job::Block => profile::child::serve(),
            Job::IoUring => task::<()>().and_then(|()| Ok(profile::reader::ask_io_uring()?)),
            Job::Sweep => profile::cliff::serve(),
            Job::Balloon => profile::balloon::serve(),
            Job::Memory => profile::memory::serve(),
            Job::ValidateMemory => validate::memory::serve(),
            Job::ValidateSizes => validate::sizes::child::serve(),
            Job::ValidateVerdict => validate::verdict::child::serve(),
            Job::Bench => validate::speed::serve(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}
