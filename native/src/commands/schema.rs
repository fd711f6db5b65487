//! `schema`: the JSON Schema of a report.

use crate::cli::output;
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
