//! What the command says about itself: schemas, completions, manual page.

use crate::output;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
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
    /// `compare-codecs --json`
    CodecComparison,
    /// `benchmark-kv --json`
    KvBenchmark,
    /// `validate-memory --output`
    MemoryValidation,
    /// `validate-verdict --output`
    VerdictValidation,
    /// `benchmark-kv --checkpoint`
    KvQuality,
}

impl SchemaArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let name = self.report.to_possible_value().map(|value| value.get_name().to_owned());
        let found = dhurandhar_core::schema::all().into_iter().find(|(own, _)| Some(*own) == name.as_deref());
        let (_, schema) = found.context("no such schema")?;
        output::print(&schema)?;
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
