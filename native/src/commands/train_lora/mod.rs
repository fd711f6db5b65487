//! `train-lora`: options, and the order in which a run is made ready.

mod dry_run;

use super::real_model::{self, from_checkpoint, from_decoder, from_train};
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::{Checkpoint, Facts};
use crate::cli::args::BackendArg;
use crate::cli::output::{self, note};
use crate::cli::{interrupt, paths};
use crate::decoder::{Backend, Decoder, Keep};
use crate::train::config::Config;
use crate::train::data::{Encoder, load};
use crate::train::planned::Planned;
use crate::train::report::Report;
use crate::train::targets::Selector;
use crate::train::trainer::Trainer;
use crate::train::{TrainError, allocator, gguf_lora, merge, merge_gguf, sample, saved};
use crate::{bad_input, inputs};
use clap::Args;
use dhurandhar_core::Model;
use dhurandhar_core::measurement::Ending;
use dhurandhar_core::training::{AdapterError, AdapterPlan, Base, Mode};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Fine-tune a model with low-rank adapters (LoRA); the model itself stays as it is
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// YAML file that describes the run (see profiles/lora)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Replace one field of the configuration, such as training.learning_rate=1e-4; may be repeated
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// GGUF file, safetensors file, or folder with config.json; replaces base_model
    #[arg(long, alias = "checkpoint", value_name = "PATH")]
    model: Option<PathBuf>,
    /// JSON lines, text, Parquet, or a folder with a file for each split; replaces dataset_name
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Folder to write to; replaces training.output_dir
    #[arg(long, alias = "out", value_name = "DIR")]
    output: Option<PathBuf>,
    /// Number of steps; replaces training.max_steps
    #[arg(long, value_name = "STEPS")]
    max_steps: Option<u64>,
    /// Where the model runs; auto takes a GPU where one is found, and software drivers only run with wgpu
    #[arg(long, value_enum, default_value = "auto")]
    backend: BackendArg,
    /// Count parameters and plan memory, then stop; needs no weights and no data
    #[arg(long)]
    dry_run: bool,
    /// Memory that the plan has to fit in, GB of 10^9 bytes
    #[arg(long, value_name = "GB")]
    vram_gb: Option<f64>,
    /// Also write the model with the adapter added to its weights: merged/, or merged.gguf for a GGUF model
    #[arg(long)]
    merge: bool,
    /// Also write adapter.gguf, for llama.cpp
    #[arg(long)]
    gguf_lora: bool,
    /// Continue from the newest whole checkpoint in the output folder
    #[arg(long)]
    resume: bool,
    /// Print the first training example with what is learnt in [[brackets]], then stop
    #[arg(long)]
    show_sample: bool,
    /// Print the plan of --dry-run as JSON
    #[arg(long)]
    json: bool,
}

impl TrainArgs {
    /// Run the command.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.configuration()?;
        config.notes.iter().for_each(|line| note(line));
        let model = inputs::model::load(&config.base_model)?;
        let selector = Selector::of(&config.lora, "model").map_err(from_train)?;
        let picks = |layer, target| selector.picks(layer, target);
        let adapters = planned(&config, AdapterPlan::new(&model, config.lora.r, picks)).map_err(bad_input)?;
        if self.dry_run {
            // A plan for so much memory of a GPU is one for a GPU, whatever this machine has.
            let on_cpu = self.vram_gb.is_none()
                && real_model::backend(self.backend).is_ok_and(|backend| backend.is_cpu());
            let planned = Planned { config: &config, model: &model, adapters: &adapters, on_cpu };
            return dry_run::run(planned, self.vram_gb, self.json);
        }
        if let Some(gigabytes) = self.vram_gb {
            let planned = Planned { config: &config, model: &model, adapters: &adapters, on_cpu: false };
            dry_run::refuse_unfit(planned, gigabytes)?;
        }
        // Within the pool: the loop is one of the workers and wakes nobody for a small piece of work.
        rayon::scope(|_| self.train(&config, &model))
    }

    fn configuration(&self) -> anyhow::Result<Config> {
        let (source, text) = match &self.config {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                (path.display().to_string(), text.map_err(|e| bad_input(format!("{}: {e}", path.display())))?)
            }
            None => ("the command line".to_owned(), String::new()),
        };
        let mut replacements = self.set.clone();
        let named = [
            ("base_model", &self.model),
            ("dataset_name", &self.data),
            ("training.output_dir", &self.output),
        ];
        for (field, path) in named {
            // JSON's quoting is YAML's too.
            replacements.extend(path.as_ref().map(|path| format!("{field}={}", serde_json::json!(path))));
        }
        replacements.extend(self.max_steps.map(|steps| format!("training.max_steps={steps}")));
        Config::parse(&source, &text, &replacements).map_err(bad_input)
    }

    fn train(&self, config: &Config, model: &Model) -> anyhow::Result<ExitCode> {
        let checkpoint = Checkpoint::open(Path::new(&config.base_model)).map_err(from_checkpoint)?;
        let checkpoint = Arc::new(checkpoint);
        let selector = Selector::of(&config.lora, checkpoint.module_root()).map_err(from_train)?;
        let own = Model::new(checkpoint.architecture().clone(), model.origin.clone(), None);
        let plan = AdapterPlan::new(&own, config.lora.r, |layer, target| selector.picks(layer, target));
        let plan = planned(config, plan).map_err(bad_input)?;
        let mut tokenizer = Tokenizer::open(&checkpoint).map_err(from_checkpoint)?;
        let encoder = Encoder::new(&mut tokenizer, config.template, config.train_on_prompt);
        let split = load(config, &encoder).map_err(from_train)?;
        split.notes.iter().for_each(|line| note(line));
        if self.show_sample {
            output::print(&format!("{}\n", encoder.shown(&split.train[0])))?;
            return Ok(ExitCode::SUCCESS);
        }
        let backend = real_model::backend(self.backend).map_err(from_decoder)?;
        let backend = if config.half { backend.in_half_precision() } else { backend };
        note(&format!("backend: {}", backend.name));
        if config.half && backend.half.is_none() {
            note("half precision: this backend does not compute in it, so products are in f32");
        }
        self.prepare_folder(&config.training.output_dir)?;
        allocator::keep_buffers();
        let decoder = opened(&checkpoint, backend, config.base, config.training.mode)?;
        let mut trainer = Trainer::new(config, &decoder, &plan, &split).map_err(from_train)?;
        if self.resume {
            let (from, damaged) = trainer.resume(&own).map_err(from_train)?;
            for error in damaged {
                note(&format!("left aside: {error}"));
            }
            note(&format!("resuming after step {} from {}", trainer.progress.step, from.display()));
        }
        let stop = interrupt::watch(Some("finishing this step, then saving; once more ends at once"))?;
        let mut report =
            Report::open(&trainer, model, &plan, paths::arguments(), note).map_err(from_train)?;
        let outcome = trainer.run(&stop, &mut |event| report.observe(event));
        let ending = outcome.map_err(from_train)?;
        trainer.export().map_err(from_train)?;
        self.export(&trainer).map_err(from_train)?;
        let samples = sample::replies(&trainer, &tokenizer, note).map_err(from_train)?;
        report.finish(&trainer, ending, samples).map_err(from_train)?;
        Ok(if ending == Ending::Interrupted { ExitCode::from(interrupt::CODE) } else { ExitCode::SUCCESS })
    }

    /// The forms of the adapter that were asked for.
    fn export(&self, trainer: &Trainer<'_>) -> Result<(), TrainError> {
        let (out, parameters) = (&trainer.config.training.output_dir, &trainer.parameters);
        let checkpoint = trainer.decoder.checkpoint();
        if self.gguf_lora {
            gguf_lora::save(&out.join("adapter.gguf"), parameters, checkpoint.architecture())?;
        }
        if self.merge {
            match checkpoint.facts() {
                Facts::Gguf(_) => merge_gguf::save(checkpoint, &out.join("merged.gguf"), parameters)?,
                Facts::Config(_) => {
                    merge::save(
                        checkpoint.path(),
                        &out.join("merged"),
                        parameters,
                        checkpoint.module_root(),
                    )?;
                }
            }
        }
        Ok(())
    }

    /// The output folder, made where it is missing; a run never goes on by accident.
    fn prepare_folder(&self, out: &Path) -> anyhow::Result<()> {
        if self.resume && saved::steps(out).is_empty() {
            return Err(bad_input(format!("{} holds no checkpoint to resume from", out.display())));
        }
        std::fs::create_dir_all(out).map_err(TrainError::io(out)).map_err(from_train)?;
        saved::sweep(out);
        if !self.resume && !saved::steps(out).is_empty() {
            let problem =
                "holds checkpoints of another run; --resume continues, --output takes another folder";
            return Err(bad_input(format!("{}: {problem}", out.display())));
        }
        Ok(())
    }
}

/// A plan with DoRA's magnitudes where they are asked for.
fn planned(config: &Config, plan: Result<AdapterPlan, AdapterError>) -> Result<AdapterPlan, AdapterError> {
    plan.map(|plan| if config.lora.use_dora { plan.with_magnitudes() } else { plan })
}

/// The decoder with its base kept as asked.
fn opened(checkpoint: &Arc<Checkpoint>, backend: Backend, base: Base, mode: Mode) -> anyhow::Result<Decoder> {
    let keep = match (mode, base) {
        (Mode::FullTape, Base::Checkpoint) => Keep::Dense { nf4: None },
        (Mode::FullTape, Base::Nf4) => Keep::Dense { nf4: Some(false) },
        (Mode::FullTape, Base::Nf4Double) => Keep::Dense { nf4: Some(true) },
        (Mode::LayerWise, Base::Checkpoint) => Keep::Mapped,
        (Mode::LayerWise, Base::Nf4) => Keep::Nf4 { double: false },
        (Mode::LayerWise, Base::Nf4Double) => Keep::Nf4 { double: true },
    };
    Decoder::load_keeping(checkpoint, backend, keep).map_err(from_decoder)
}
