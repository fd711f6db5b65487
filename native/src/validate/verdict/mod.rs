//! `validate-verdict`: llama.cpp in a control group with a limit, token by token, and what each token reads from storage.
//!
//! The file holds real blocks, since a hole is never read from the device. A child process for each run: it loads, reads a
//! prompt and decodes, and reports each step, so that a process that the kernel ends still says how far it came.

mod args;
mod child;
mod parent;
mod render;

pub(crate) use args::ValidateVerdictArgs;

use super::note;
use crate::bad_input;
use crate::profile::budget::cgroup::{self, Group, Parent};
use crate::profile::os::{evict, filesystem, proc};
use anyhow::Context;
use args::Limit;
use dhurandhar_core::measurement::{
    Note, Tool, VERDICT_VALIDATION_SCHEMA, VerdictCase, VerdictRun, VerdictValidation,
};
use dhurandhar_core::weights::WeightPlan;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

/// As good as no limit, and accepted by both versions of the interface.
const UNLIMITED: u64 = 1 << 50;

impl ValidateVerdictArgs {
    /// Run every case under every limit that is not in the output already.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.run_case {
            child::serve()?;
            return Ok(ExitCode::SUCCESS);
        }
        if !cfg!(target_os = "linux") {
            return Err(bad_input("validate-verdict limits memory by control groups; expected Linux"));
        }
        let libraries = self.llama_cpp.as_deref().context("--llama-cpp is required")?;
        let groups = cgroup::find().map_err(|why| {
            bad_input(format!("no memory control group can be made here, run as root perhaps: {why}"))
        })?;
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        if !filesystem::is_disk(&scratch) {
            let shown = scratch.display();
            return Err(bad_input(format!("{shown} is not on storage, nothing would be read from a device")));
        }
        let mut report = self.earlier(&scratch, &groups)?;
        for model in &self.models {
            for weights in &self.weights {
                self.model(
                    &mut report,
                    &Place { libraries, scratch: &scratch, groups: &groups },
                    model,
                    weights,
                )?;
            }
        }
        if self.output.is_none() {
            crate::output::print(&render::table(&report))?;
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
            let done = |row: &VerdictRun| row.case == *case && row.limit_bytes == page(*limit);
            !report.rows.iter().any(done)
        });
        let Some((first, _)) = runs.first() else { return Ok(()) };
        let known = first.model().context("the model is known")?;
        let format = dhurandhar_core::weights::WeightFormat::parse(weights).map_err(bad_input)?;
        let plan = WeightPlan::new(&known, format).map_err(bad_input)?;
        let path = place.scratch.join(format!("{model}-{weights}-{}.gguf", std::process::id()));
        let shown = path.display().to_string();
        let made = super::full::write(&known, &plan, path).with_context(|| format!("cannot make {shown}"))?;
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
        let file = File::open(path)?;
        let file_bytes = file.metadata()?.len();
        evict::evict(&file, 0, file_bytes).context("cannot drop the file from the cache")?;
        forget_libraries(place.libraries)?;
        let group = Group::new(place.groups, limit.unwrap_or(UNLIMITED)).context("cannot make a group")?;
        let task = child::Task {
            libraries: place.libraries.to_owned(),
            file: path.to_owned(),
            group: group.directory.clone(),
            case: case.clone(),
        };
        let about = render::name(&case, limit);
        match parent::measure(&task, self.timeout)? {
            parent::Reply::Measured(seen) => {
                report.runtime = seen.runtime.unwrap_or_else(|| report.runtime.clone());
                let row = VerdictRun {
                    case,
                    limit_bytes: limit.map(|_| group.limit_bytes),
                    file_bytes,
                    read_ahead_bytes: report.storage.readahead_bytes.unwrap_or(0),
                    logged: seen.logged,
                    steps: seen.steps,
                    tokens: seen.tokens,
                    ending: seen.ending,
                };
                note(&render::line(&row));
                report.rows.push(row);
            }
            parent::Reply::Failed(reason) => {
                note(&format!("{about}: {reason}"));
                report.notes.push(Note { about, reason });
            }
        }
        let Some(output) = &self.output else { return Ok(()) };
        crate::output::save(output, &(serde_json::to_string(report)? + "\n"))
    }

    /// What an interrupted run left, or an empty report.
    fn earlier(&self, scratch: &Path, groups: &Parent) -> anyhow::Result<VerdictValidation> {
        if let Some(path) = self.output.as_deref().filter(|path| path.is_file()) {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut report = dhurandhar_core::measurement::read_verdict_validation(&text)
                .map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
            report.notes.clear();
            // The device may have been set to read ahead otherwise since.
            report.storage = filesystem::inspect(scratch);
            return Ok(report);
        }
        Ok(VerdictValidation {
            schema: VERDICT_VALIDATION_SCHEMA.to_owned(),
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            },
            started: crate::profile::now(),
            device: crate::profile::device(self.device_name.as_deref()),
            storage: filesystem::inspect(scratch),
            runtime: String::new(),
            limiter: groups.version.name().to_owned(),
            rows: Vec::new(),
            notes: Vec::new(),
        })
    }
}

/// Where runs happen.
struct Place<'a> {
    libraries: &'a Path,
    scratch: &'a Path,
    groups: &'a Parent,
}

/// Drop the libraries' pages, so that each run is charged for those that it touches, as the first program in a container is.
fn forget_libraries(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().contains(".so") {
            let file = File::open(&path)?;
            evict::evict(&file, 0, file.metadata()?.len()).context("cannot drop a library from the cache")?;
        }
    }
    Ok(())
}

/// A limit as the kernel keeps it: whole pages.
fn page(limit: Option<u64>) -> Option<u64> {
    let page = crate::profile::os::page_bytes();
    limit.map(|bytes| bytes - bytes % page)
}

/// The widest vector instructions of this processor that decide what is packed.
fn processor() -> &'static str {
    let flags = proc::text("/proc/cpuinfo").unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    match () {
        () if has("avx512f") && has("avx512bw") => "avx512",
        () if has("avx2") => "avx2",
        () if has("asimddp") => "dotprod",
        () => "other",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn limits_are_whole_pages() {
        let page = crate::profile::os::page_bytes();
        assert_eq!(super::page(Some(10 * page + 5)), Some(10 * page));
        assert_eq!(super::page(None), None);
    }
}
