//! `validate-memory`: the real llama.cpp libraries in a process of their own, and what they take beside what is predicted.
//!
//! A model is a GGUF file, or a built-in profile of which a file is made with a true header and a hole for the weights:
//! no size depends on a weight's value. One child process a case, so that every peak is its own.

mod args;
mod case;
mod child;
mod full;
mod log;
mod parameters;
mod render;
#[cfg(all(unix, not(target_env = "musl")))]
mod runtime;
mod sizes;
mod sparse;
mod verdict;

pub(crate) use args::ValidateMemoryArgs;
pub(crate) use sizes::ValidateSizesArgs;
pub(crate) use verdict::ValidateVerdictArgs;

use crate::bad_input;
use anyhow::Context;
use case::{Subject, subjects};
use dhurandhar_core::measurement::{
    MEMORY_VALIDATION_SCHEMA, MemoryCase, MemoryRun, MemoryValidation, Note, PredictedMemory, Tool,
};
use dhurandhar_core::weights::WeightPlan;
use std::path::Path;
use std::process::ExitCode;

impl ValidateMemoryArgs {
    /// Run every case that is not in the output already.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.run_case {
            child::serve()?;
            return Ok(ExitCode::SUCCESS);
        }
        if !cfg!(target_os = "linux") {
            return Err(bad_input("validate-memory reads a process's memory from /proc; expected Linux"));
        }
        let libraries = self.llama_cpp.as_deref().context("--llama-cpp is required")?;
        let mut report = self.earlier()?;
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        for subject in subjects(&self.models, &self.weights)? {
            let cases = self.cases(&subject);
            let missing: Vec<MemoryCase> =
                cases.into_iter().filter(|case| report.rows.iter().all(|row| row.case != *case)).collect();
            if missing.is_empty() {
                continue;
            }
            // Lives as long as the subject's cases; the file goes with it.
            let file = subject.file(&scratch)?;
            for case in missing {
                self.one(&mut report, &subject, file.path(), case, libraries)?;
            }
        }
        if self.output.is_none() {
            crate::output::print(&render::table(&report))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Measure a case and keep it at once.
    fn one(
        &self,
        report: &mut MemoryValidation,
        subject: &Subject,
        file: &Path,
        case: MemoryCase,
        libraries: &Path,
    ) -> anyhow::Result<()> {
        let about = render::name(&case);
        let unknown = || bad_input(format!("{about}: kv {} or policy {} is not known", case.kv, case.policy));
        let scenario = case.scenario(&subject.model).ok_or_else(unknown)?;
        if let Err(outside) = scenario.check(&subject.model) {
            note(&format!("{about}: left out: {outside}"));
            return Ok(());
        }
        let plan = WeightPlan::new(&subject.model, subject.weights).map_err(bad_input)?;
        let predicted = PredictedMemory::of(&subject.model, &plan, &scenario, case.lazy_table);
        if predicted.peak_bytes > self.max_memory_bytes() {
            let reason = format!("{} MiB predicted, above the limit of this run", predicted.peak_bytes >> 20);
            note(&format!("{about}: left out: {reason}"));
            report.notes.push(Note { about, reason });
            return self.keep(report);
        }
        match child::measure(libraries, file, &case)? {
            child::Reply::Measured { runtime, logged, own_bytes, stages } => {
                report.runtime = runtime;
                let kept = (case.source == "file").then_some(predicted);
                let file_bytes = std::fs::metadata(file)?.len();
                let row = MemoryRun { case, file_bytes, logged, own_bytes, stages, predicted: kept };
                note(&render::line(&row));
                report.rows.push(row);
            }
            child::Reply::Failed { reason } => {
                note(&format!("{about}: {reason}"));
                report.notes.push(Note { about, reason });
            }
        }
        self.keep(report)
    }

    /// What an interrupted run left, or an empty report.
    fn earlier(&self) -> anyhow::Result<MemoryValidation> {
        if let Some(path) = self.output.as_deref().filter(|path| path.is_file()) {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut report = dhurandhar_core::measurement::read_memory_validation(&text)
                .map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
            // What was left out before may fit now.
            report.notes.clear();
            return Ok(report);
        }
        Ok(MemoryValidation {
            schema: MEMORY_VALIDATION_SCHEMA.to_owned(),
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            },
            started: crate::profile::now(),
            device: crate::profile::device(self.device_name.as_deref()),
            runtime: String::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        })
    }

    fn keep(&self, report: &MemoryValidation) -> anyhow::Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        crate::output::save(path, &(serde_json::to_string(report)? + "\n"))
    }
}

/// A line for people, beside the result.
fn note(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
}
