//! The `sitegen` program: reads its arguments, runs one command, prints an error once.

use std::process::ExitCode;

use clap::Parser as _;
use dhurandhar_sitegen::cli::{Arguments, run};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sitegen: {error:#}");
            ExitCode::FAILURE
        }
    }
}
