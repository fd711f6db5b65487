//! The `dhurandhar` command: parse, run, report an error once.

use dhurandhar::commands::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    dhurandhar::exit_code(Cli::read().run())
}
