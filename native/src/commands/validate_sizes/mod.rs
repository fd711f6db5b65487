//! `validate-sizes`: llama.cpp's quantiser and allocator, compared with the rules for sizes.

mod text;

use crate::cli::{files, output};
use crate::inputs::llama_cpp;
use crate::validate::sizes::{self, Builds};
use crate::{bad_input, inputs, machine};
use anyhow::Context;
use clap::Args;
use dhurandhar_core::measurement::size_validation::{MeasuredModel, compare};
use dhurandhar_core::measurement::{SIZE_VALIDATION_SCHEMA, SizeValidation, SizedModel};
use dhurandhar_core::model::registry;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Compare predicted sizes with llama.cpp's quantiser and allocator; needs no weights
#[derive(Debug, Args)]
pub(crate) struct ValidateSizesArgs {
    /// Folder with llama.cpp's shared libraries for this machine's processor
    #[arg(long, value_name = "DIR", value_parser = llama_cpp::folder)]
    llama_cpp: PathBuf,
    /// Built-in models, config.json files or folders of them [default: every built-in model]
    #[arg(long = "model", alias = "models", value_name = "NAME|FILE|DIR", num_args = 1..)]
    models: Vec<String>,
    /// Folder with the libraries for 64-bit Arm [default: packed copies of Arm are left out]
    #[arg(long, value_name = "DIR", value_parser = llama_cpp::folder, requires = "arm_runner")]
    arm_llama_cpp: Option<PathBuf>,
    /// Command that runs this program for 64-bit Arm, such as `qemu-aarch64 -L /usr/aarch64-linux-gnu dhurandhar`
    #[arg(long, value_name = "COMMAND")]
    arm_runner: Option<String>,
    /// Folder with the libraries of a build with a GPU back end; a software driver is enough
    #[arg(long, value_name = "DIR", value_parser = llama_cpp::folder)]
    card_llama_cpp: Option<PathBuf>,
    /// Keep llama.cpp's answers in this file and do not ask again for those in it, so that rules can be compared again
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Folder for files without weights while they are needed [default: the system's]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Write the summary's JSON to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl ValidateSizesArgs {
    /// Ask what has not been asked, compare everything, write the summary.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let builds = Builds {
            here: self.llama_cpp.clone(),
            arm: self.arm_llama_cpp.clone().zip(self.arm_runner.clone()),
            card: self.card_llama_cpp.clone(),
            scratch: self.scratch.clone().unwrap_or_else(std::env::temp_dir),
        };
        let mut answers = self.kept()?;
        let mut report = SizeValidation {
            schema: SIZE_VALIDATION_SCHEMA.to_owned(),
            tool: machine::tool(),
            runtime: String::new(),
            models: Vec::new(),
        };
        for (name, source, built_in) in self.subjects()? {
            let model = match inputs::model::load(&source) {
                Ok(model) => model,
                Err(error) => {
                    let left_out = error.to_string();
                    let left_out = left_out.rsplit('/').next().unwrap_or(&left_out).to_owned();
                    report.models.push(SizedModel {
                        model: name,
                        built_in,
                        left_out,
                        ..SizedModel::default()
                    });
                    continue;
                }
            };
            if !answers.contains_key(&name) {
                let asked = sizes::ask(&builds, &name, &model)?;
                answers.insert(name.clone(), asked);
                self.keep(&answers)?;
            }
            let Some(answer) = answers.get(&name) else { continue };
            let sized = compare(&name, built_in, &model, answer);
            output::print(&text::line(&sized))?;
            if !answer.runtime.is_empty() {
                report.runtime.clone_from(&answer.runtime);
            }
            report.models.push(sized);
        }
        output::print(&text::summary(&report))?;
        if let Some(path) = &self.output {
            files::save(path, &(serde_json::to_string(&report)? + "\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Name, where it is read from, and whether it is a profile of this project.
    fn subjects(&self) -> anyhow::Result<Vec<(String, String, bool)>> {
        if self.models.is_empty() {
            let name = |model: dhurandhar_core::Model| model.architecture.name;
            return Ok(registry::models().map(name).map(|name| (name.clone(), name, true)).collect());
        }
        let mut found = Vec::new();
        for name in &self.models {
            let path = Path::new(name);
            if path.is_dir() {
                let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {name}"))?;
                let mut files: Vec<PathBuf> =
                    entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
                files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
                files.sort();
                found.extend(files.iter().map(|file| from_config(file)));
            } else if path.is_file() {
                found.push(from_config(path));
            } else {
                found.push((name.clone(), name.clone(), true));
            }
        }
        // A built-in model's own config says nothing new.
        found.retain(|(name, _, built_in)| *built_in || registry::model(name).is_err());
        Ok(found)
    }

    fn kept(&self) -> anyhow::Result<BTreeMap<String, MeasuredModel>> {
        let Some(path) = self.answers.as_deref().filter(|path| path.is_file()) else {
            return Ok(BTreeMap::new());
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| bad_input(format!("{}: {error}", path.display())))
    }

    fn keep(&self, answers: &BTreeMap<String, MeasuredModel>) -> anyhow::Result<()> {
        let Some(path) = &self.answers else { return Ok(()) };
        files::save(path, &serde_json::to_string(answers)?)
    }
}

fn from_config(path: &Path) -> (String, String, bool) {
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    (name, path.display().to_string(), false)
}
