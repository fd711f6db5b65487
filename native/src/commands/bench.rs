//! `bench`: how fast llama.cpp runs models here, beside what is predicted.

use crate::cli::files;
use crate::cli::output::{self, note};
use crate::inputs::llama_cpp;
use crate::validate::case::{Subject, subjects};
use crate::validate::full;
use crate::validate::speed::{Reply, Task, measure};
use crate::{bad_input, inputs, machine};
use anyhow::Context;
use clap::Args;
use dhurandhar_core::device::Device;
use dhurandhar_core::measurement::{Note, PredictedSpeed, SPEED_SCHEMA, SpeedRow, SpeedRun};
use dhurandhar_core::speed::calibration;
use dhurandhar_core::weights::WeightPlan;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measure how fast llama.cpp reads prompts and decodes here, and compare it with the prediction
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Folder with llama.cpp's shared libraries (libllama, libggml, libggml-base and the CPU back ends)
    #[arg(long, value_name = "DIR", value_parser = llama_cpp::folder)]
    llama_cpp: PathBuf,
    /// A built-in model, of which a file with made-up weights is written, or a GGUF file; may be repeated
    #[arg(long = "model", value_name = "NAME|FILE", default_value = "smollm2-135m")]
    models: Vec<String>,
    /// Weight formats of built-in models, several with commas
    #[arg(long, value_delimiter = ',', default_value = "q4_k_m")]
    weights: Vec<String>,
    /// Prompts to time, tokens, several with commas
    #[arg(long, value_delimiter = ',', default_value = "512")]
    prompt_tokens: Vec<u32>,
    /// Depths to decode at, tokens, several with commas
    #[arg(long, value_delimiter = ',', default_value = "0")]
    depth_tokens: Vec<u32>,
    /// Tokens decoded at each depth
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    answer_tokens: u32,
    /// Number of times that each is measured
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    repetitions: u32,
    /// Threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Profile of this machine, whose predictions are compared with what is measured: built-in name or YAML file
    #[arg(long, value_name = "NAME|FILE")]
    device: Option<String>,
    /// Folder for files that are made [default: the system's]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Name of this machine in the report
    #[arg(long, value_name = "TEXT")]
    device_name: Option<String>,
    /// Write the report's JSON to this file after every step
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl BenchArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let profile = self.device.as_deref().map(inputs::device::load).transpose()?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = self.threads.unwrap_or_else(|| u32::try_from(cores).unwrap_or(1));
        let mut report = SpeedRun {
            schema: SPEED_SCHEMA.to_owned(),
            tool: machine::tool(),
            started: machine::now(),
            device: machine::device(self.device_name.as_deref()),
            runtime: String::new(),
            profile: profile.as_ref().map(|device| device.name.clone()).unwrap_or_default(),
            threads: u64::from(threads),
            rows: Vec::new(),
            notes: Vec::new(),
        };
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        for weights in &self.weights {
            for subject in subjects(&self.models, weights)? {
                // A checkpoint has the types it has.
                if subject.source() == "file" && Some(weights) != self.weights.first() {
                    continue;
                }
                self.one(&mut report, &subject, profile.as_ref(), &scratch, threads)?;
            }
        }
        if self.output.is_none() {
            output::print(&table(&report))?;
        }
        let failed = report.rows.is_empty();
        Ok(ExitCode::from(u8::from(failed)))
    }

    fn one(
        &self,
        report: &mut SpeedRun,
        subject: &Subject,
        profile: Option<&Device>,
        scratch: &Path,
        threads: u32,
    ) -> anyhow::Result<()> {
        let most = subject.model.architecture.max_context_tokens;
        let last = self.depth_tokens.iter().map(|depth| depth + self.answer_tokens);
        let longest = last.chain(self.prompt_tokens.iter().copied()).max().unwrap_or(0);
        if u64::from(longest) > most {
            let name = &subject.name;
            return Err(bad_input(format!(
                "{longest} tokens; expected at most {most}, the longest that `{name}` declares"
            )));
        }
        let plan = WeightPlan::new(&subject.model, subject.weights).map_err(bad_input)?;
        let made;
        let file = if let Some(path) = subject.checkpoint() {
            path
        } else {
            let name = format!("{}-{}-{}.gguf", subject.name, subject.weights, std::process::id());
            let path = scratch.join(name);
            made = full::write(&subject.model, &plan, path.clone())
                .with_context(|| format!("cannot make {}", path.display()))?;
            made.path.as_path()
        };
        let task = Task {
            libraries: self.llama_cpp.clone(),
            file: file.to_owned(),
            threads,
            prompts: self.prompt_tokens.clone(),
            depths: self.depth_tokens.clone(),
            decoded: self.answer_tokens,
            repetitions: self.repetitions,
        };
        let load = machine::load();
        let about = format!("{} {}", subject.name, subject.weights);
        let mut failed = None;
        let mut problem = Ok(());
        let ended = measure(&task, |reply| match reply {
            Reply::Runtime(version) => report.runtime = version,
            Reply::Failed(reason) => failed = Some(reason),
            Reply::Measured { prompt_tokens, depth_tokens, tokens_per_s } => {
                let mut row = SpeedRow {
                    model: subject.name.clone(),
                    source: if subject.source() == "file" { "file" } else { "made" }.to_owned(),
                    weights: subject.weights.to_string(),
                    parameters: subject.model.parameters().text,
                    prompt_tokens: u64::from(prompt_tokens),
                    decoded_tokens: if prompt_tokens == 0 { u64::from(self.answer_tokens) } else { 0 },
                    depth_tokens: u64::from(depth_tokens),
                    tokens_per_s,
                    predicted: None,
                    load,
                };
                row.predicted = profile.and_then(|device| predicted(device, report, &row, subject));
                note(&line(&row));
                report.rows.push(row);
                if problem.is_ok() {
                    problem = self.keep(report);
                }
            }
        })?;
        problem?;
        let ended = (!ended.status.success())
            .then(|| format!("the runtime ended with {}: {}", ended.status, ended.why()));
        if let Some(reason) = failed.or(ended) {
            note(&format!("{about}: {reason}"));
            report.notes.push(Note { about, reason });
        }
        self.keep(report)
    }

    fn keep(&self, report: &SpeedRun) -> anyhow::Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        files::save(path, &(serde_json::to_string(report)? + "\n"))
    }
}

/// What the law expects of a row on a device.
fn predicted(device: &Device, run: &SpeedRun, row: &SpeedRow, subject: &Subject) -> Option<PredictedSpeed> {
    calibration::expected(device, &row.bench_row(run), Some(&subject.model)).ok()?.map(PredictedSpeed::from)
}

fn line(row: &SpeedRow) -> String {
    let expected = row.predicted.map_or_else(String::new, |predicted| {
        format!(", {:.1} predicted ({:.1}-{:.1})", predicted.expected, predicted.low, predicted.high)
    });
    let doubts = row.doubts();
    let doubts = if doubts.is_empty() { String::new() } else { format!("; {}", doubts.join(", ")) };
    format!("{} {}: {}: {:.2} tok/s{expected}{doubts}", row.model, row.weights, row.what(), row.median())
}

fn table(report: &SpeedRun) -> String {
    let cells = report.rows.iter().map(|row| {
        let predicted = row.predicted.map_or_else(String::new, |predicted| {
            format!("{:.1} ({:.1}-{:.1})", predicted.expected, predicted.low, predicted.high)
        });
        vec![
            row.model.clone(),
            row.weights.clone(),
            row.what(),
            format!("{:.2}", row.median()),
            predicted,
            row.error().map_or_else(String::new, |error| format!("{:+.0} %", error * 100.0)),
            row.doubts().join(", "),
        ]
    });
    let head = ["model", "weights", "what", "tok/s", "predicted", "error", "doubts"];
    format!("{}, {} threads\n\n", report.runtime, report.threads)
        + &output::table(&head, &[3, 4, 5], cells.collect())
}
