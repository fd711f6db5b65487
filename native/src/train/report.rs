//! What a run leaves for people and programs: lines of progress, `metrics.jsonl`, a model card, `measurement.json`.

use super::TrainError;
use super::planned::Planned;
use super::trainer::{Event, Trainer};
use super::write_whole;
use crate::cli::output::{count, mib};
use crate::cli::paths::last_part;
use crate::machine;
use dhurandhar_core::Model;
use dhurandhar_core::measurement::{
    Ending, Evaluation, TRAINING_SCHEMA, TrainedParameters, TrainingData, TrainingMemory, TrainingRun,
    TrainingSample, TrainingSettings, TrainingStep,
};
use dhurandhar_core::training::{AdapterPlan, MemoryPlan};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// File with one line for each step, evaluation and checkpoint.
const METRICS: &str = "metrics.jsonl";

/// Follows a run.
#[derive(Debug)]
pub(crate) struct Report {
    path: PathBuf,
    file: File,
    out: PathBuf,
    plan: MemoryPlan,
    adapters: AdapterPlan,
    model: String,
    arguments: Vec<String>,
    /// Hears a line for people.
    say: fn(&str),
    started: String,
    logging_steps: u64,
    total: u64,
    /// Of this run, resumed ones included.
    steps: Vec<TrainingStep>,
    evaluations: Vec<Evaluation>,
}

impl Report {
    /// Begin, or go on after the steps already made: later lines of an earlier attempt are dropped.
    pub(crate) fn open(
        trainer: &Trainer<'_>,
        model: &Model,
        adapters: &AdapterPlan,
        arguments: Vec<String>,
        say: fn(&str),
    ) -> Result<Self, TrainError> {
        let training = &trainer.config.training;
        let path = training.output_dir.join(METRICS);
        let done = trainer.progress.step;
        let (mut lines, mut steps, mut evaluations) = (String::new(), Vec::new(), Vec::new());
        for (line, event) in kept(&path, done) {
            lines.push_str(&line);
            lines.push('\n');
            match event {
                Event::Step(step) => steps.push(step),
                Event::Eval(evaluation) => evaluations.push(evaluation),
                Event::Saved { .. } => {}
            }
        }
        write_whole(&path, lines.as_bytes())?;
        let file = File::options().append(true).open(&path).map_err(TrainError::io(&path))?;
        let on_cpu = trainer.decoder.backend().is_cpu();
        let planned = Planned { config: trainer.config, model, adapters, on_cpu };
        Ok(Self {
            file,
            path,
            out: training.output_dir.clone(),
            plan: planned.plan_for(training.mode, trainer.largest_pass()),
            adapters: adapters.clone(),
            model: model.architecture.name.clone(),
            arguments,
            say,
            started: machine::now(),
            logging_steps: training.logging_steps,
            total: trainer.schedule.steps,
            steps,
            evaluations,
        })
    }

    /// Take note of an event.
    pub(crate) fn observe(&mut self, event: &Event) -> Result<(), TrainError> {
        let line = serde_json::to_string(event).unwrap_or_default();
        writeln!(self.file, "{line}").map_err(TrainError::io(&self.path))?;
        match event {
            Event::Step(step) => {
                self.steps.push(*step);
                if step.step.is_multiple_of(self.logging_steps) || step.step == 1 || step.step == self.total {
                    self.show(step);
                }
            }
            Event::Eval(evaluation) => {
                self.evaluations.push(*evaluation);
                (self.say)(&format!(
                    "step {}: evaluation loss {:.4}, perplexity {:.3}",
                    evaluation.step, evaluation.eval_loss, evaluation.eval_perplexity
                ));
            }
            Event::Saved { checkpoint, .. } => (self.say)(&format!("saved {}", checkpoint.display())),
        }
        Ok(())
    }

    fn show(&self, step: &TrainingStep) {
        let recent = &self.steps[self.steps.len().saturating_sub(20)..];
        let mean = recent.iter().map(|step| step.seconds).sum::<f64>() / recent.len().max(1) as f64;
        (self.say)(&format!(
            "step {}/{}: loss {:.4}, rate {:.2e}, gradient {:.3}, {:.1} tok/s, {} left",
            step.step,
            self.total,
            step.loss,
            step.learning_rate,
            step.grad_norm,
            step.tokens as f64 / step.seconds,
            duration(self.total.saturating_sub(step.step) as f64 * mean)
        ));
    }

    /// Close the run: card, measurement, and the plan beside what was measured.
    pub(crate) fn finish(
        self,
        trainer: &Trainer<'_>,
        ending: Ending,
        samples: Vec<TrainingSample>,
    ) -> Result<(), TrainError> {
        let out = self.out.clone();
        let say = self.say;
        let run = self.run(trainer, ending, samples);
        let text = serde_json::to_string_pretty(&run).unwrap_or_default() + "\n";
        write_whole(&out.join("measurement.json"), text.as_bytes())?;
        write_whole(&out.join("README.md"), card(trainer, &run).as_bytes())?;
        if let Some(peak) = run.memory.measured_peak_bytes {
            say(&format!(
                "memory: planned {} MiB, peak of the process {} MiB",
                mib(run.memory.planned.total_bytes()),
                mib(peak)
            ));
        }
        say(&format!("adapter written to {}", out.display()));
        Ok(())
    }

    fn run(self, trainer: &Trainer<'_>, ending: Ending, samples: Vec<TrainingSample>) -> TrainingRun {
        let (config, progress) = (trainer.config, &trainer.progress);
        let backend = trainer.decoder.backend();
        TrainingRun {
            schema: TRAINING_SCHEMA.to_owned(),
            tool: machine::tool(),
            started: self.started,
            arguments: self.arguments,
            device: machine::device(config.device_name.as_deref()),
            model: self.model,
            checkpoint: last_part(&config.base_model),
            backend: backend.name.clone(),
            threads: rayon::current_num_threads() as u64,
            ending,
            settings: settings(trainer),
            data: TrainingData {
                name: config
                    .dataset
                    .as_ref()
                    .map_or(String::new(), |path| last_part(&path.to_string_lossy())),
                fingerprint: format!("{:016x}", trainer.data_fingerprint()),
                train_examples: trainer.split.train.len() as u64,
                eval_examples: trainer.split.eval.len() as u64,
            },
            parameters: TrainedParameters {
                matrices: self.adapters.shapes.len() as u64,
                trainable: self.adapters.trainable(),
                frozen: self.adapters.frozen(),
                trainable_percent: self.adapters.share_percent(),
            },
            memory: TrainingMemory {
                planned: self.plan,
                // A GPU's memory is not part of the process.
                measured_peak_bytes: machine::memory::peak_bytes().filter(|_| backend.limit.is_none()),
                packed_base_bytes: trainer.decoder.packed_bytes() as u64,
            },
            tokens: progress.tokens,
            seconds: progress.seconds,
            steps: self.steps,
            evaluations: self.evaluations,
            samples,
            notes: Vec::new(),
        }
    }
}

fn settings(trainer: &Trainer<'_>) -> TrainingSettings {
    let (training, lora) = (&trainer.config.training, &trainer.config.lora);
    TrainingSettings {
        base: trainer.config.base,
        mode: training.mode,
        r: lora.r,
        alpha: lora.alpha,
        dropout: lora.dropout,
        use_rslora: lora.use_rslora,
        use_dora: lora.use_dora,
        batch: training.batch as u64,
        accumulation: training.accumulation as u64,
        max_seq_length: training.max_seq_length as u64,
        packing: training.packing,
        schedule: trainer.schedule,
        weight_decay: training.weight_decay,
        max_grad_norm: training.max_grad_norm,
        seed: training.seed,
    }
}

/// A model card in the form that the Hugging Face hub reads.
fn card(trainer: &Trainer<'_>, run: &TrainingRun) -> String {
    let settings = &run.settings;
    let result = match run.change() {
        Some(change) => format!(
            "Evaluation loss {:.4} before training, {:.4} after step {} ({:.1} % lower); perplexity {:.3} and {:.3}.",
            change.first.eval_loss,
            change.last.eval_loss,
            change.last.step,
            change.fall_percent(),
            change.first.eval_perplexity,
            change.last.eval_perplexity
        ),
        _ => "No evaluation examples were given.".to_owned(),
    };
    let samples: String = run.samples.iter().map(sample).collect();
    format!(
        "---\nlibrary_name: peft\nbase_model: {}\ntags: [lora]\n---\n\n# LoRA adapter for {}\n\n{result}\n\n\
         | setting | value |\n|---|---|\n| rank, alpha, dropout | {}, {}, {} |\n| adapted matrices | {} |\n\
         | trainable parameters | {} ({:.4} %) |\n| steps | {} |\n| rows a pass, passes a step | {}, {} |\n\
         | longest sequence | {} |\n| peak learning rate | {} |\n| training examples | {} |\n| seed | {} |\n\n\
         {samples}Trained by dhurandhar {} on the base named above, which stayed frozen.\n",
        run.checkpoint,
        run.model,
        settings.r,
        settings.alpha,
        settings.dropout,
        run.parameters.matrices,
        count(run.parameters.trainable),
        run.parameters.trainable_percent,
        trainer.progress.step,
        settings.batch,
        settings.accumulation,
        settings.max_seq_length,
        settings.schedule.peak,
        run.data.train_examples,
        settings.seed,
        run.tool.version,
    )
}

fn sample(sample: &TrainingSample) -> String {
    let quoted = |text: &str| text.replace('\n', "\n> ");
    format!(
        "**{}**\n\nBefore:\n\n> {}\n\nAfter:\n\n> {}\n\n",
        sample.prompt,
        quoted(&sample.before),
        quoted(&sample.after)
    )
}

/// Lines of an earlier attempt up to a step.
fn kept(path: &Path, done: u64) -> Vec<(String, Event)> {
    let text = if done > 0 { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    let event = |line: &str| {
        let event: Event = serde_json::from_str(line).ok()?;
        let step = match &event {
            Event::Step(step) => step.step,
            Event::Eval(evaluation) => evaluation.step,
            Event::Saved { step, .. } => *step,
        };
        (step <= done).then(|| (line.to_owned(), event))
    };
    text.lines().filter_map(event).collect()
}

/// Seconds for people.
fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).floor();
    if minutes < 1.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{minutes:.0} min {:.0} s", seconds - 60.0 * minutes)
    }
}
