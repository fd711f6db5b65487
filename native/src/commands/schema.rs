//! `schema`: the JSON Schema of a report.

use crate::cli::output;
use anyhow::Context as _;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use dhurandhar_core::schema;
use std::process::ExitCode;

/// Options of `schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which report
    #[arg(value_parser = reports(), default_value = "analysis")]
    report: String,
}

fn reports() -> PossibleValuesParser {
    PossibleValuesParser::new(schema::names().map(|(name, title)| PossibleValue::new(name).help(title)))
}

impl SchemaArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let found = schema::all().into_iter().find(|(name, _)| *name == self.report);
        let (_, schema) = found.context("no such schema")?;
        output::print(&schema)?;
        Ok(ExitCode::SUCCESS)
    }
}
