//! What a run leaves for people and programs: lines of progress, `metrics.jsonl`, a model card, `measurement.json`.

use super::TrainError;
use super::dry_run;
use super::tensors::write_whole;
use super::trainer::{Ending, Event, Trainer};
use crate::real::note;
use dhurandhar_core::Model;
use dhurandhar_core::training::{AdapterPlan, MemoryPlan};
use serde_json::{Value, json};
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
    steps: u64,
    logging_steps: u64,
    /// Steps, losses and evaluations of this run, resumed ones included.
    rows: Vec<Value>,
}

impl Report {
    /// Begin, or go on after the steps already made: later lines of an earlier attempt are dropped.
    pub(crate) fn open(
        trainer: &Trainer<'_>,
        model: &Model,
        adapters: &AdapterPlan,
    ) -> Result<Self, TrainError> {
        let training = &trainer.config.training;
        let path = training.output_dir.join(METRICS);
        let done = trainer.progress.step;
        let rows = if done > 0 { kept(&path, done) } else { Vec::new() };
        let lines: Vec<String> = rows.iter().flat_map(|row| [row.to_string(), "\n".to_owned()]).collect();
        write_whole(&path, lines.concat().as_bytes())?;
        let file = File::options().append(true).open(&path).map_err(TrainError::io(&path))?;
        Ok(Self {
            file,
            path,
            out: training.output_dir.clone(),
            plan: dry_run::plan_for(trainer.config, model, adapters, training.mode, trainer.largest_pass()),
            adapters: adapters.clone(),
            model: model.architecture.name.clone(),
            steps: trainer.schedule.steps,
            logging_steps: training.logging_steps,
            rows,
        })
    }

    /// Take note of an event.
    pub(crate) fn observe(&mut self, event: &Event) -> Result<(), TrainError> {
        let row = serde_json::to_value(event).unwrap_or_default();
        writeln!(self.file, "{row}").map_err(TrainError::io(&self.path))?;
        self.rows.push(row);
        match event {
            Event::Step { step, loss, learning_rate, grad_norm, tokens, seconds, .. } => {
                if step.is_multiple_of(self.logging_steps) || *step == 1 || *step == self.steps {
                    let left = (self.steps - step) as f64 * self.mean_seconds();
                    let rate = *tokens as f64 / seconds;
                    note(&format!(
                        "step {step}/{}: loss {loss:.4}, rate {learning_rate:.2e}, gradient {grad_norm:.3}, \
                         {rate:.1} tok/s, {} left",
                        self.steps,
                        duration(left)
                    ));
                }
            }
            Event::Eval { step, eval_loss, eval_perplexity } => {
                note(&format!(
                    "step {step}: evaluation loss {eval_loss:.4}, perplexity {eval_perplexity:.3}"
                ));
            }
            Event::Saved { checkpoint, .. } => note(&format!("saved {}", checkpoint.display())),
        }
        Ok(())
    }

    /// Close the run: card, measurement, and the plan beside what was measured.
    pub(crate) fn finish(&mut self, trainer: &Trainer<'_>, ending: Ending) -> Result<(), TrainError> {
        let peak = peak_bytes();
        let text = format!("{:#}\n", self.measurement(trainer, ending, peak));
        write_whole(&self.out.join("measurement.json"), text.as_bytes())?;
        write_whole(&self.out.join("README.md"), self.card(trainer).as_bytes())?;
        if trainer.decoder.backend().limit.is_none()
            && let Some(peak) = peak
        {
            note(&format!(
                "memory: planned {} MiB, peak of the process {} MiB",
                crate::output::mib(self.plan.total_bytes()),
                crate::output::mib(peak)
            ));
        }
        note(&format!("adapter written to {}", self.out.display()));
        Ok(())
    }

    fn mean_seconds(&self) -> f64 {
        let seconds: Vec<f64> = self.rows.iter().filter_map(|row| row.get("seconds")?.as_f64()).collect();
        let recent = &seconds[seconds.len().saturating_sub(20)..];
        recent.iter().sum::<f64>() / recent.len().max(1) as f64
    }

    fn evals(&self) -> Vec<(u64, f64)> {
        let eval = |row: &Value| Some((row.get("step")?.as_u64()?, row.get("eval_loss")?.as_f64()?));
        self.rows.iter().filter_map(eval).collect()
    }

    fn measurement(&self, trainer: &Trainer<'_>, ending: Ending, peak: Option<u64>) -> Value {
        let (training, lora) = (&trainer.config.training, &trainer.config.lora);
        let progress = &trainer.progress;
        json!({
            "schema": "dhurandhar/train-lora/1",
            "version": env!("CARGO_PKG_VERSION"),
            "model": self.model,
            "ending": ending,
            "steps": progress.step,
            "backend": trainer.decoder.backend().name,
            "threads": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "settings": {
                "base": trainer.config.base, "mode": training.mode, "r": lora.r, "alpha": lora.alpha,
                "dropout": lora.dropout, "use_rslora": lora.use_rslora, "batch": training.batch,
                "accumulation": training.accumulation, "max_seq_length": training.max_seq_length,
                "packing": training.packing, "schedule": trainer.schedule, "seed": training.seed,
                "weight_decay": training.weight_decay, "max_grad_norm": training.max_grad_norm,
            },
            "data": { "train_examples": trainer.split.train.len(), "eval_examples": trainer.split.eval.len() },
            "parameters": {
                "trainable": self.adapters.trainable(), "frozen": self.adapters.frozen(),
                "trainable_percent": self.adapters.share_percent(),
            },
            "memory": {
                "planned": self.plan, "planned_total_bytes": self.plan.total_bytes(),
                "measured_peak_bytes": peak,
                "packed_base_bytes": trainer.decoder.packed_bytes(),
            },
            "throughput": {
                "tokens": progress.tokens, "seconds": progress.seconds,
                "tokens_per_second": progress.tokens as f64 / progress.seconds.max(1e-9),
            },
            "metrics": self.rows.iter().filter(|row| row.get("checkpoint").is_none()).collect::<Vec<_>>(),
        })
    }

    /// A model card in the form that the Hugging Face hub reads.
    fn card(&self, trainer: &Trainer<'_>) -> String {
        let (training, lora) = (&trainer.config.training, &trainer.config.lora);
        let base = Path::new(&trainer.config.base_model).file_name();
        let base = base.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let evals = self.evals();
        let result = match (evals.first(), evals.last()) {
            (Some((from, first)), Some((to, last))) if to > from => format!(
                "Evaluation loss {first:.4} before training, {last:.4} after step {to} ({:.1} % lower); perplexity \
                 {:.3} and {:.3}.",
                100.0 * (first - last) / first,
                first.exp(),
                last.exp()
            ),
            _ => "No evaluation examples were given.".to_owned(),
        };
        format!(
            "---\nlibrary_name: peft\nbase_model: {base}\ntags: [lora]\n---\n\n# LoRA adapter for {}\n\n{result}\n\n\
             | setting | value |\n|---|---|\n| rank, alpha, dropout | {}, {}, {} |\n| adapted matrices | {} |\n\
             | trainable parameters | {} ({:.4} %) |\n| steps | {} |\n| rows a pass, passes a step | {}, {} |\n\
             | longest sequence | {} |\n| peak learning rate | {} |\n| training examples | {} |\n| seed | {} |\n\n\
             Trained by dhurandhar {} on the base named above, which stayed frozen.\n",
            self.model,
            lora.r,
            lora.alpha,
            lora.dropout,
            self.adapters.shapes.len(),
            crate::output::count(self.adapters.trainable()),
            self.adapters.share_percent(),
            trainer.progress.step,
            training.batch,
            training.accumulation,
            training.max_seq_length,
            training.learning_rate,
            trainer.split.train.len(),
            training.seed,
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// Lines of an earlier attempt up to a step.
fn kept(path: &Path, done: u64) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let rows = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter(|row| row.get("step").and_then(Value::as_u64).is_some_and(|step| step <= done)).collect()
}

/// Largest resident size that the process ever had, where the system tells (Linux).
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
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
