//! `import`: what a checkpoint's header says.

use super::models::text;
use crate::cli::output;
use crate::inputs;
use clap::Args;
use dhurandhar_core::report::ModelSummary;
use std::process::ExitCode;

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// config.json, GGUF, safetensors or YAML profile, or the name of a model elsewhere; only the header is read
    #[arg(value_name = "FILE")]
    file: String,
    /// Print JSON: summary, architecture and tensors
    #[arg(long)]
    json: bool,
}

impl ImportArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let model = inputs::model::from_file(&self.file)?;
        if self.json {
            let summary = ModelSummary::of(&model);
            let value = serde_json::json!({ "summary": summary, "architecture": model.architecture, "tensors": model.tensors });
            output::print(&format!("{value:#}\n"))?;
        } else {
            output::print(&text::model(&model))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
