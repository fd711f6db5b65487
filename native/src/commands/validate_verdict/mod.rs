//! `validate-verdict`: llama.cpp under limits of memory, token by token, compared with the prediction.
//!
//! The file holds real blocks, since a hole is never read from the device.

mod args;
mod text;

pub(crate) use args::ValidateVerdictArgs;

use crate::bad_input;
use crate::cli::files;
use crate::cli::output::{self, note};
use crate::machine::cgroup::{self, Parent};
use crate::machine::{self, filesystem};
use crate::validate::full;
use crate::validate::verdict::{Place, Reply, measure, whole_pages};
use anyhow::Context;
use args::Limit;
use dhurandhar_core::measurement::{
    Measurement, Note, VERDICT_VALIDATION_SCHEMA, VerdictCase, VerdictRun, VerdictValidation,
};
use dhurandhar_core::weights::WeightPlan;
use std::path::Path;
use std::process::ExitCode;

impl ValidateVerdictArgs {
    /// Run every case under every limit that is not in the output already.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        if !cfg!(target_os = "linux") {
            return Err(bad_input("validate-verdict limits memory by control groups; expected Linux"));
        }
        let libraries = self.llama_cpp.as_path();
        let groups = cgroup::find().map_err(|why| {
            bad_input(format!("no memory control group can be made here, run as root perhaps: {why}"))
        })?;
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        if !filesystem::is_disk(&scratch) {
            let shown = scratch.display();
            return Err(bad_input(format!("{shown} is not on storage, nothing would be read from a device")));
        }
        let mut report = self.earlier(&scratch, &groups)?;
        let place = Place { libraries, scratch: &scratch, groups: &groups, timeout: self.timeout };
        for model in &self.models {
            for weights in &self.weights {
                self.model(&mut report, &place, model, weights)?;
            }
        }
        if self.output.is_none() {
            output::print(&text::table(&report))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// All runs of one file.
    fn model(
        &self,
        report: &mut VerdictValidation,
        place: &Place<'_>,
        model: &str,
        weights: &str,
    ) -> anyhow::Result<()> {
        let mut runs = Vec::new();
        for case in self.cases(model, weights) {
            let need = case.need_bytes().ok_or_else(|| {
                bad_input(format!(
                    "{model} {weights}, kv {}: expected a built-in model and known formats",
                    case.kv
                ))
            })?;
            let limits = self.limits.iter().map(|limit| match *limit {
                Limit::None => None,
                Limit::Percent(percent) => Some(need / 100 * percent),
                Limit::Mib(mib) => Some(mib << 20),
            });
            runs.extend(limits.map(|limit| (case.clone(), limit)));
        }
        runs.retain(|(case, limit)| {
            let done = |row: &VerdictRun| row.case == *case && row.limit_bytes == whole_pages(*limit);
            !report.rows.iter().any(done)
        });
        let Some((first, _)) = runs.first() else { return Ok(()) };
        let known = first.model().context("the model is known")?;
        let format = dhurandhar_core::weights::WeightFormat::parse(weights).map_err(bad_input)?;
        let plan = WeightPlan::new(&known, format).map_err(bad_input)?;
        let path = place.scratch.join(format!("{model}-{weights}-{}.gguf", std::process::id()));
        let shown = path.display().to_string();
        let made = full::write(&known, &plan, path).with_context(|| format!("cannot make {shown}"))?;
        for (case, limit) in runs {
            self.one(report, place, &made.path, case, limit)?;
        }
        Ok(())
    }

    fn one(
        &self,
        report: &mut VerdictValidation,
        place: &Place<'_>,
        path: &Path,
        case: VerdictCase,
        limit: Option<u64>,
    ) -> anyhow::Result<()> {
        let about = text::name(&case, limit);
        match measure(place, path, &case, limit)? {
            Reply::Measured(seen) => {
                report.runtime = seen.runtime.unwrap_or_else(|| report.runtime.clone());
                let row = VerdictRun {
                    case,
                    limit_bytes: seen.limit_bytes,
                    file_bytes: seen.file_bytes,
                    read_ahead_bytes: report.storage.readahead_bytes.unwrap_or(0),
                    logged: seen.logged,
                    steps: seen.steps,
                    tokens: seen.tokens,
                    ending: seen.ending,
                };
                note(&text::line(&row));
                report.rows.push(row);
            }
            Reply::Failed(reason) => {
                note(&format!("{about}: {reason}"));
                report.notes.push(Note { about, reason });
            }
        }
        let Some(output) = &self.output else { return Ok(()) };
        files::save(output, &(serde_json::to_string(report)? + "\n"))
    }

    /// What an interrupted run left, or an empty report.
    fn earlier(&self, scratch: &Path, groups: &Parent) -> anyhow::Result<VerdictValidation> {
        if let Some(path) = self.output.as_deref().filter(|path| path.is_file()) {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut report = VerdictValidation::read(&text)
                .map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
            report.notes.clear();
            // The device may have been set to read ahead otherwise since.
            report.storage = filesystem::inspect(scratch);
            return Ok(report);
        }
        Ok(VerdictValidation {
            schema: VERDICT_VALIDATION_SCHEMA.to_owned(),
            tool: machine::tool(),
            started: machine::now(),
            device: machine::device(self.device_name.as_deref()),
            storage: filesystem::inspect(scratch),
            runtime: String::new(),
            limiter: groups.version.name().to_owned(),
            rows: Vec::new(),
            notes: Vec::new(),
        })
    }
}
