//! The native side of dhurandhar: the command line, and what only a program on the device can do.
//!
//! Predictions come from `dhurandhar-core`; this crate reads files, prints tables and measures.

#[cfg(feature = "burn")]
pub mod checkpoint;
mod cli;
pub mod commands;
#[cfg(feature = "burn")]
pub mod decoder;
#[cfg(feature = "burn")]
pub mod generate;
mod hub;
mod inputs;
pub mod kv_quality;
mod machine;
mod profile;
#[cfg(feature = "burn")]
mod train;
#[cfg_attr(
    not(all(unix, not(target_env = "musl"))),
    expect(dead_code, reason = "without shared libraries to load, only the refusal is left")
)]
mod validate;

use std::io::ErrorKind;
use std::process::ExitCode;

/// Input that cannot be used: exit code 2.
#[derive(Debug)]
pub struct BadInput(pub String);

impl std::fmt::Display for BadInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// Turn an error of the core into bad input.
pub(crate) fn bad_input(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::Error::new(BadInput(error.to_string()))
}

/// Print an error once and choose the exit code: 0 done, 1 failed (or a verdict asked to fail), 2 bad input.
pub fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("error: {error:#}\n"));
            ExitCode::from(if error.is::<BadInput>() || is_wrong_path(&error) { 2 } else { 1 })
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    kinds(error).any(|kind| kind == ErrorKind::BrokenPipe)
}

/// A path that was given is not there, or is not what it should be.
fn is_wrong_path(error: &anyhow::Error) -> bool {
    kinds(error)
        .any(|kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory))
}

fn kinds(error: &anyhow::Error) -> impl Iterator<Item = ErrorKind> {
    error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)
}
