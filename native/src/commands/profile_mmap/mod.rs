//! `profile-mmap`: what reading a lookup table from this device's storage costs a token.

mod args;
mod text;

pub(crate) use args::ProfileMmapArgs;

use crate::cli::{files, interrupt, output, progress};
use crate::profile::{self, Progress, Setup};
use dhurandhar_core::measurement::{MmapProfile, VerdictResult};
use indicatif::ProgressBar;
use serde_json::{Number, Value};
use std::process::ExitCode;

impl ProfileMmapArgs {
    /// Exit code 0, or 1 for FAIL and INVALID with `--gate`.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let request = self.request()?;
        let limit_s = request.mode.limit_s();
        let setup = Setup::new(request)?;
        if self.plan {
            output::print(&text::plan(&setup.plan, setup.written_bytes(), setup.decoder_bytes, limit_s))?;
            return Ok(ExitCode::SUCCESS);
        }
        let stop = interrupt::watch(None)?;
        let mut bar = None;
        let found = profile::measure(&setup, &stop, &mut |progress| show(&mut bar, progress))?;
        match found {
            Some(profile) => self.finish(&profile),
            None => Ok(ExitCode::from(interrupt::CODE)),
        }
    }

    /// Print the report, write the file, choose the exit code.
    fn finish(&self, profile: &MmapProfile) -> anyhow::Result<ExitCode> {
        if let Some(path) = &self.output {
            let mut value = serde_json::to_value(profile)?;
            shorten(&mut value);
            files::save(path, &format!("{value}\n"))?;
        }
        output::print(&text::report(profile))?;
        if profile.run.interrupted {
            return Ok(ExitCode::from(interrupt::CODE));
        }
        let bad = matches!(profile.verdict.result, VerdictResult::Fail | VerdictResult::Invalid);
        Ok(if self.gate && bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn show(bar: &mut Option<ProgressBar>, progress: Progress<'_>) {
    match progress {
        Progress::Bytes { what, done, total } => {
            bar.get_or_insert_with(|| progress::bytes(what, total)).set_position(done);
        }
        Progress::Blocks { done, total, name } => {
            let bar = bar.get_or_insert_with(|| progress::blocks(total));
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(name.to_owned());
        }
        Progress::Over => {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        }
    }
}

/// Seven significant digits: more than any clock here has, and half the size.
fn shorten(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().and_then(|n| format!("{n:.6e}").parse().ok());
            if let Some(short) = short.and_then(Number::from_f64) {
                *number = short;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn numbers_keep_seven_digits_and_counts_all() {
        let mut value = serde_json::json!({"bytes": 12_345_678_901_u64, "us": [0.123_456_789_12, 12.5]});
        shorten(&mut value);
        assert_eq!(value.to_string(), r#"{"bytes":12345678901,"us":[0.1234568,12.5]}"#);
    }
}
