//! `validate-sizes`: llama.cpp's quantiser in a dry run, and its contexts made without allocating, beside the rules.
//!
//! The quantiser gets a file in f16, so the types are its own. What is placed afterwards has the types it chose, not those
//! of a plan. Files have a header and a hole, and a child process does each model's work.

mod ask;
mod child;

use super::sparse::Sparse;
use crate::{bad_input, model_source};
use anyhow::Context;
use clap::Args;
use dhurandhar_core::measurement::size_validation::{MeasuredModel, compare};
use dhurandhar_core::measurement::{SIZE_VALIDATION_SCHEMA, SizeValidation, SizedModel, Tool};
use dhurandhar_core::model::registry;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Hold the rules for sizes to llama.cpp's quantiser and allocator, without weights
#[derive(Debug, Args)]
pub(crate) struct ValidateSizesArgs {
    /// Folder with llama.cpp's shared libraries for this machine's processor
    #[arg(long, value_name = "DIR", required_unless_present = "run_task")]
    llama_cpp: Option<PathBuf>,
    /// Built-in models, config.json files or folders of them; every built-in model when not given
    #[arg(long, value_name = "NAME|FILE|DIR", num_args = 1..)]
    models: Vec<String>,
    /// Folder with the libraries for 64-bit Arm; packed copies of Arm are left out when not given
    #[arg(long, value_name = "DIR", requires = "arm_runner")]
    arm_llama_cpp: Option<PathBuf>,
    /// Command that runs this program for 64-bit Arm, such as `qemu-aarch64 -L /usr/aarch64-linux-gnu dhurandhar`
    #[arg(long, value_name = "COMMAND")]
    arm_runner: Option<String>,
    /// Folder with the libraries of a build with a GPU back end; a software driver will do
    #[arg(long, value_name = "DIR")]
    card_llama_cpp: Option<PathBuf>,
    /// Keep llama.cpp's answers here and take those that are there already, so that rules can be compared again
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Where files with a header and a hole are put while they are needed
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Write the summary's JSON here
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The child's side
    #[arg(long, hide = true)]
    run_task: bool,
}

impl ValidateSizesArgs {
    /// Ask what has not been asked, compare everything, write the summary.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.run_task {
            child::serve()?;
            return Ok(ExitCode::SUCCESS);
        }
        let libraries = self.llama_cpp.as_deref().context("--llama-cpp is required")?;
        let mut answers = self.kept()?;
        let mut report = SizeValidation {
            schema: SIZE_VALIDATION_SCHEMA.to_owned(),
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            },
            runtime: String::new(),
            models: Vec::new(),
        };
        for (name, source, built_in) in self.subjects()? {
            let model = match model_source::load(&source) {
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
                let asked = ask::all(self, libraries, &name, &model)?;
                answers.insert(name.clone(), asked);
                self.keep(&answers)?;
            }
            let Some(answer) = answers.get(&name) else { continue };
            let sized = compare(&name, built_in, &model, answer);
            crate::output::print(&line(&sized))?;
            if !answer.runtime.is_empty() {
                report.runtime.clone_from(&answer.runtime);
            }
            report.models.push(sized);
        }
        crate::output::print(&summary(&report))?;
        if let Some(path) = &self.output {
            crate::output::save(path, &(serde_json::to_string(&report)? + "\n"))?;
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
        crate::output::save(path, &serde_json::to_string(answers)?)
    }
}

fn from_config(path: &Path) -> (String, String, bool) {
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    (name, path.display().to_string(), false)
}

/// A model in a line.
fn line(sized: &SizedModel) -> String {
    let exact =
        sized.weights.iter().filter(|mix| mix.other_types == 0 && mix.predicted_bytes == mix.measured_bytes);
    let packed = sized.packed.iter().filter(|packed| packed.predicted_bytes == packed.measured_bytes);
    let (caches, compute) = (&sized.caches, &sized.compute);
    let card = &sized.card;
    let cards = if card.weights.settings == 0 {
        String::new()
    } else {
        format!(
            "card weights {}/{} caches {}/{} compute {}/{} split {}/{} ({:+.1} to {:+.1} %)  ",
            card.weights.exact,
            card.weights.settings,
            card.caches.exact,
            card.caches.settings,
            card.compute.within_5_percent,
            card.compute.settings,
            card.split_compute.within_5_percent,
            card.split_compute.settings,
            card.split_compute.lowest * 100.0,
            card.split_compute.highest * 100.0
        )
    };
    format!(
        "{:<24} weights {}/{}  packed {}/{}  caches {}/{}  compute {}/{} within 5 % ({:+.1} to {:+.1} %)  {cards}{}\n",
        sized.model,
        exact.count(),
        sized.weights.len(),
        packed.count(),
        sized.packed.len(),
        caches.exact,
        caches.settings,
        compute.within_5_percent,
        compute.settings,
        compute.lowest * 100.0,
        compute.highest * 100.0,
        sized.left_out,
    )
}

/// Everything in a few lines.
fn summary(report: &SizeValidation) -> String {
    let models = &report.models;
    let group = |built_in: bool| {
        let all: Vec<&SizedModel> = models.iter().filter(|model| model.built_in == built_in).collect();
        let exact = all.iter().filter(|model| model.weights_are_exact()).count();
        format!("{exact} of {}", all.len())
    };
    let sum = |count: fn(&SizedModel) -> usize| models.iter().map(count).sum::<usize>();
    let compute = |built_in: bool| {
        let all = models.iter().filter(|model| model.built_in == built_in).map(|model| &model.compute);
        let within: usize = all.clone().map(|tally| tally.within_5_percent).sum();
        format!("{within} of {}", all.map(|tally| tally.settings).sum::<usize>())
    };
    let packed = models.iter().flat_map(|model| &model.packed);
    let exact = packed.clone().filter(|packed| packed.predicted_bytes == packed.measured_bytes).count();
    let card = |of: fn(&SizedModel) -> (usize, usize)| {
        let (right, all) = models.iter().map(of).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        format!("{right} of {all}")
    };
    let on_card = format!(
        "on a card: weights exact {}, caches exact {}, compute within 5 % {}, split {}\n",
        card(|model| (model.card.weights.exact, model.card.weights.settings)),
        card(|model| (model.card.caches.exact, model.card.caches.settings)),
        card(|model| (model.card.compute.within_5_percent, model.card.compute.settings)),
        card(|model| (model.card.split_compute.within_5_percent, model.card.split_compute.settings)),
    );
    format!(
        "\n{}\nweights exact in every mix: {} built-in models, {} configs\npacked copies exact: {exact} of {}\n\
         caches exact: {} of {} settings\ncompute within 5 %: {} settings of built-in models, {} of configs\n{on_card}",
        report.runtime,
        group(true),
        group(false),
        packed.count(),
        sum(|model| model.caches.exact),
        sum(|model| model.caches.settings),
        compute(true),
        compute(false),
    )
}

/// A file with this header; what follows is a hole.
fn sparse(header: &dhurandhar_core::export::GgufHeader, path: PathBuf) -> anyhow::Result<Sparse> {
    super::sparse::put(header, path)
}
