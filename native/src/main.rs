//! The command line.

use clap::{Parser, Subcommand};
use dhurandhar::profile::{self, BadInput, ProfileMmapArgs};
use std::process::ExitCode;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    ProfileMmap(Box<ProfileMmapArgs>),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::ProfileMmap(args) => profile::run(*args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(if error.downcast_ref::<BadInput>().is_some() { 2 } else { 1 })
    })
}
