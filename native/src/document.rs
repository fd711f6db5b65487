//! What the command says about itself: schemas, completions, manual page.

use crate::output;
use clap::{Args, ValueEnum};
use dhurandhar_core::measurement::{KvQuality, MemoryValidation, MmapProfile};
use dhurandhar_core::report::Report;
use std::process::ExitCode;

/// Options of `schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which report
    #[arg(value_enum, default_value_t = Schema::Analysis)]
    report: Schema,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Schema {
    /// `analyze-ple --json`
    Analysis,
    /// `profile-mmap --json-out`
    MmapProfile,
    /// `validate-memory --output`
    MemoryValidation,
    /// `benchmark-kv --checkpoint`
    KvQuality,
}

impl SchemaArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let schema = match self.report {
            Schema::Analysis => schemars::schema_for!(Report),
            Schema::MmapProfile => schemars::schema_for!(MmapProfile),
            Schema::MemoryValidation => schemars::schema_for!(MemoryValidation),
            Schema::KvQuality => schemars::schema_for!(KvQuality),
        };
        output::print(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    shell: clap_complete::Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(&self, mut command: clap::Command) -> anyhow::Result<ExitCode> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "dhurandhar", &mut text);
        output::print(&String::from_utf8_lossy(&text))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Print the manual page.
pub(crate) fn man(command: clap::Command) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    output::print(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}
