//! `models`: what is built in.

pub(super) mod text;

use crate::cli::output;
use crate::inputs;
use clap::Args;
use dhurandhar_core::model::registry;
use dhurandhar_core::report::ModelSummary;
use std::process::ExitCode;

/// Options of `models`.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Show this model, layer by layer: built-in name or file
    model: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the model's YAML profile, to start your own from
    #[arg(long, requires = "model", conflicts_with = "json")]
    yaml: bool,
}

impl ModelsArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let text = match &self.model {
            None if self.json => {
                let all: Vec<ModelSummary> =
                    registry::models().map(|model| ModelSummary::of(&model)).collect();
                serde_json::to_string_pretty(&all)? + "\n"
            }
            None => text::models(registry::models()),
            Some(name) => self.one(name)?,
        };
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }

    fn one(&self, name: &str) -> anyhow::Result<String> {
        let model = inputs::model::load(name)?;
        if self.yaml {
            let yaml = registry::yaml(name);
            return yaml
                .map(str::to_owned)
                .ok_or_else(|| crate::bad_input(format!("{name} is not a built-in model")));
        }
        if self.json {
            let summary = ModelSummary::of(&model);
            let value = serde_json::json!({ "summary": summary, "architecture": model.architecture });
            return Ok(format!("{value:#}\n"));
        }
        Ok(text::model(&model))
    }
}
