//! The `dhurandhar` command: parse, run, report an error once.

use clap::Parser;
use dhurandhar::commands::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    dhurandhar::exit_code(Cli::parse().run())
}
