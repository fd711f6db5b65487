//! `validate-memory`: what llama.cpp takes in memory, compared with the prediction.

mod args;
mod text;

pub(crate) use args::ValidateMemoryArgs;

use crate::bad_input;
use crate::cli::files;
use crate::cli::output::{self, note};
use crate::machine;
use crate::validate::case::{Subject, subjects};
use crate::validate::memory::{self, Reply};
use anyhow::Context;
use dhurandhar_core::measurement::{
    MEMORY_VALIDATION_SCHEMA, Measurement, MemoryCase, MemoryRun, MemoryValidation, Note, PredictedMemory,
};
use dhurandhar_core::weights::WeightPlan;
use std::path::Path;
use std::process::ExitCode;

impl ValidateMemoryArgs {
    /// Run every case that is not in the output already.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        if !cfg!(target_os = "linux") {
            return Err(bad_input("validate-memory reads a process's memory from /proc; expected Linux"));
        }
        let libraries = self.llama_cpp.as_path();
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
            output::print(&text::table(&report))?;
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
        let about = text::name(&case);
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
        match memory::measure(libraries, file, &case)? {
            Reply::Measured { runtime, logged, own_bytes, stages } => {
                report.runtime = runtime;
                let kept = (case.source == "file").then_some(predicted);
                let file_bytes = std::fs::metadata(file)?.len();
                let row = MemoryRun { case, file_bytes, logged, own_bytes, stages, predicted: kept };
                note(&text::line(&row));
                report.rows.push(row);
            }
            Reply::Failed { reason } => {
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
            let mut report = MemoryValidation::read(&text)
                .map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
            // What was left out before may fit now.
            report.notes.clear();
            return Ok(report);
        }
        Ok(MemoryValidation {
            schema: MEMORY_VALIDATION_SCHEMA.to_owned(),
            tool: machine::tool(),
            started: machine::now(),
            device: machine::device(self.device_name.as_deref()),
            runtime: String::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        })
    }

    fn keep(&self, report: &MemoryValidation) -> anyhow::Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        files::save(path, &(serde_json::to_string(report)? + "\n"))
    }
}
