//! `programs`: what programs that people run models with choose when nothing is said.

mod text;

use crate::bad_input;
use crate::cli::output;
use clap::Args;
use dhurandhar_core::program::{Program, registry};
use std::process::ExitCode;

/// Options of `programs`.
#[derive(Debug, Args)]
pub(crate) struct ProgramsArgs {
    /// Show this program in full: its choices by system and GPU, with their source
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl ProgramsArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let one = self.name.as_deref().map(registry::program).transpose().map_err(bad_input)?;
        let text = match one {
            Some(program) if self.json => json(program)?,
            Some(program) => text::one(program),
            None => {
                let all: Vec<&Program> = registry::programs().collect();
                if self.json { json(&all)? } else { text::list(&all) }
            }
        };
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn json<T: serde::Serialize>(value: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
