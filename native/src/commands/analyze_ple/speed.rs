//! The speed of `analyze-ple`: its options, a calibration by measured rows, and what is printed.

use crate::{bad_input, inputs};
use anyhow::Context;
use clap::Args;
use dhurandhar_core::device::Device;
use dhurandhar_core::measurement::{BenchRow, Kind, Measurement as _, SpeedRun, read_llama_bench};
use dhurandhar_core::memory::Turn;
use dhurandhar_core::model::registry;
use dhurandhar_core::speed::{DepthSpeed, Estimate, Speed, Suitability, TokenTimes, Usable, calibration};
use std::path::PathBuf;

/// Options of a turn and of a calibration.
#[derive(Debug, Args)]
pub(super) struct SpeedArgs {
    /// Tokens of a new prompt, for the wait until the first token [default: 512]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    prompt_tokens: Option<u64>,
    /// Tokens of the conversation that are in the cache already [default: 0]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    cached_tokens: Option<u64>,
    /// Tokens of the answer [default: 256]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    answer_tokens: Option<u64>,
    /// Speeds measured on the device (JSON of llama-bench, or of `dhurandhar bench`), which narrow those of all models
    #[arg(long, value_name = "FILE", help_heading = "Speed")]
    calibrate: Option<PathBuf>,
    /// Model that was measured, where its number of parameters does not say which: built-in name or file
    #[arg(long, value_name = "NAME|FILE", requires = "calibrate", help_heading = "Speed")]
    calibrate_model: Option<String>,
    /// Share of its speed that the device keeps after ten minutes of decoding, 0.01 to 1 (`sustained_share` of its profile)
    #[arg(long, value_name = "SHARE", help_heading = "Speed")]
    sustained_share: Option<f64>,
}

impl SpeedArgs {
    /// The first option that was used.
    pub(super) fn used(&self) -> Option<&'static str> {
        let given = [
            (self.prompt_tokens.is_some(), "--prompt-tokens"),
            (self.cached_tokens.is_some(), "--cached-tokens"),
            (self.answer_tokens.is_some(), "--answer-tokens"),
            (self.calibrate.is_some(), "--calibrate"),
            (self.sustained_share.is_some(), "--sustained-share"),
        ];
        given.into_iter().find_map(|(given, option)| given.then_some(option))
    }

    /// The turn that was asked for. In a context that is too short for the usual one, what was not stated gives way.
    pub(super) fn turn(&self, context_tokens: Option<u64>) -> Turn {
        if self.prompt_tokens.is_none() && self.cached_tokens.is_none() && self.answer_tokens.is_none() {
            return Turn::USUAL;
        }
        let cached_tokens = self.cached_tokens.unwrap_or(Turn::USUAL.cached_tokens);
        let left = context_tokens.map_or(u64::MAX, |context| context.saturating_sub(cached_tokens));
        let prompt_tokens = self.prompt_tokens.unwrap_or_else(|| Turn::USUAL.prompt_tokens.min(left));
        let left = left.saturating_sub(prompt_tokens);
        let answer_tokens = self.answer_tokens.unwrap_or_else(|| Turn::USUAL.answer_tokens.min(left));
        Turn { cached_tokens, prompt_tokens, answer_tokens }
    }

    /// Adds what was measured to the one device that is named, and what is stated of heat to all.
    /// With remarks on the rows that were left out or are unusual.
    pub(super) fn calibrated(&self, mut devices: Vec<Device>) -> anyhow::Result<(Vec<Device>, Vec<String>)> {
        if let Some(share) = self.sustained_share {
            if !(0.01..=1.0).contains(&share) {
                return Err(bad_input(format!("--sustained-share {share}; expected a share from 0.01 to 1")));
            }
            for device in &mut devices {
                device.sustained_share = Some(share);
            }
        }
        let Some(path) = &self.calibrate else { return Ok((devices, Vec::new())) };
        let [device] = devices.as_mut_slice() else {
            return Err(bad_input(
                "`--calibrate` without one device; expected --device NAME, the one that was measured",
            ));
        };
        let name = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            bad_input(format!(
                "{name}: not text in UTF-8; expected JSON of llama-bench or of `dhurandhar bench`"
            ))
        })?;
        let named = self.calibrate_model.as_deref().map(inputs::model::load).transpose()?;
        let rows = rows(&text).map_err(|problem| bad_input(format!("{name}: {problem}")))?;
        // A file of `bench` names built-in models by their slugs.
        let model_of = |row: &BenchRow| named.clone().or_else(|| registry::model(&row.model_file).ok());
        let found = calibration::of_rows(device, &rows, model_of)
            .map_err(|error| bad_input(format!("{name}: {error}")))?;
        device.measured_speeds = found.measured;
        Ok((devices, found.remarks))
    }
}

/// Rows of a file of `bench` or of llama-bench, all of one machine.
fn rows(text: &str) -> Result<Vec<BenchRow>, String> {
    if Kind::of(text).is_ok_and(|kind| kind.name == SpeedRun::KIND.name) {
        let run = SpeedRun::read(text).map_err(|error| error.to_string())?;
        return Ok(run.rows.iter().map(|row| row.bench_row(&run)).collect());
    }
    let file = read_llama_bench(text).map_err(|error| error.to_string())?;
    match file.unit() {
        Ok(_) => Ok(file.rows),
        Err(units) => Err(format!("rows of several machines ({}); expected those of one", units.join("; "))),
    }
}

/// Lines on the speed, each with a name.
pub(super) fn lines(speed: &Speed, measured: usize) -> Vec<(&'static str, String)> {
    let turn = &speed.turn;
    let mut lines = vec![(
        "Speed:",
        format!(
            "{} tok/s at the end of the context, {} expected ({}); {}",
            range(speed.decode_tokens_per_s),
            rate(speed.decode_tokens_per_s.expected),
            speed.processors.join(" and "),
            match measured {
                0 => speed.standing(),
                rows => narrowed(speed, rows),
            }
        ),
    )];
    lines.push((
        "A turn:",
        format!(
            "first token after {} for a prompt of {} tokens ({} tok/s), then {} tokens in {}; {:.1} s more when the file is \
             not in memory",
            seconds(turn.first_token_s),
            turn.prompt_tokens,
            range(turn.prompt_tokens_per_s),
            turn.answer_tokens,
            seconds(Estimate {
                low: turn.whole_s.low - turn.first_token_s.low,
                expected: turn.whole_s.expected - turn.first_token_s.expected,
                high: turn.whole_s.high - turn.first_token_s.high,
            }),
            turn.cold_start_s
        ),
    ));
    if let Some(drafted) = &speed.speculative {
        lines.push((
            "With the draft:",
            format!(
                "{} tok/s, {:.2} times as fast: {} tokens proposed at a time, of which a share of {} is taken as stated, \
                 yield {:.1} a step; not held to published runs",
                range(drafted.decode_tokens_per_s),
                drafted.gain,
                drafted.draft_tokens,
                drafted.acceptance,
                drafted.tokens_per_step
            ),
        ));
    }
    if let Some(hot) = &speed.sustained {
        let speed = hot.decode_tokens_per_s.map(|speed| format!("{} tok/s; ", range(speed)));
        lines.push(("After 10 min:", speed.unwrap_or_default() + &hot.basis));
    }
    if let Some(terms) = &speed.terms {
        lines.push(("A token's time:", token_times(terms)));
    }
    if !speed.by_depth.is_empty() {
        lines.push(("By depth:", depths(&speed.by_depth)));
    }
    if !speed.uses.is_empty() {
        lines.push(("Usable for:", uses(&speed.uses)));
    }
    if !speed.wide_because.is_empty() {
        lines.push(("Wide since:", speed.wide_because.join("; ")));
    }
    lines
}

/// What measured speeds narrow, and what they do not.
fn narrowed(speed: &Speed, rows: usize) -> String {
    if speed.narrowed.is_empty() {
        let what = match rows {
            1 => "the one measured speed is not of what computes here".to_owned(),
            rows => format!("none of the {rows} measured speeds is of what computes here"),
        };
        return format!("{what} and narrows nothing; {}", speed.standing());
    }
    let several = speed.processors.len() > 1;
    let what = |of_prompt: bool| if of_prompt { "prompts" } else { "decoding" };
    let mut parts: Vec<String> = Vec::new();
    for found in &speed.narrowed {
        let on = if several { format!(" on {}", found.processor) } else { String::new() };
        let rows = match found.rows {
            1 => "one measured speed".to_owned(),
            rows => format!("{rows} measured speeds"),
        };
        parts.push(format!("{}{on} narrowed by {rows}", what(found.of_prompt)));
    }
    let missing =
        [false, true].into_iter().filter(|of| speed.narrowed.iter().all(|found| found.of_prompt != *of));
    parts.extend(missing.map(|of_prompt| format!("{} not", what(of_prompt))));
    parts.join(", ")
}

/// Where a token's time goes: shares of the whole above 1 %.
fn token_times(times: &TokenTimes) -> String {
    let whole = times.sum_ms();
    let share =
        |name: &str, ms: f64| (ms > 0.01 * whole).then(|| format!("{name} {:.0} %", ms / whole * 100.0));
    let several = times.units.len() > 1;
    let mut parts: Vec<String> = Vec::new();
    for unit in &times.units {
        let terms: Vec<String> = unit.named().iter().filter_map(|(name, ms)| share(name, *ms)).collect();
        // Above one where other terms are fitted beside it, which overlap with reading.
        let reached = match unit.bandwidth_share {
            share if share < 0.995 => format!("{:.0} %", share * 100.0),
            _ => "all".to_owned(),
        };
        let bandwidth = format!("weights and cache at {reached} of {:.0} GB/s", unit.bandwidth_gb_per_s);
        let on = if several { format!("{}: ", unit.processor) } else { String::new() };
        parts.push(format!("{on}{} ({bandwidth})", terms.join(", ")));
    }
    parts.extend(share("storage", times.storage_ms));
    parts.extend(share("network", times.network_ms));
    format!("{} ms expected; {}", digits(whole), parts.join("; "))
}

/// Milliseconds, two or three digits.
fn digits(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn depths(by_depth: &[DepthSpeed]) -> String {
    let text: Vec<String> = by_depth
        .iter()
        .map(|point| {
            format!(
                "{} at {}",
                rate(point.tokens_per_s.expected),
                crate::cli::output::count(point.depth_tokens)
            )
        })
        .collect();
    text.join(", ") + " tokens"
}

fn uses(uses: &[Suitability]) -> String {
    let text: Vec<String> = uses
        .iter()
        .map(|suitability| {
            let answer = match (suitability.usable, suitability.first_token_s) {
                (Usable::Yes, _) => "yes",
                (Usable::Perhaps, _) => "perhaps",
                (Usable::No, None) => "no, the context is too short",
                (Usable::No, Some(_)) => "no",
            };
            format!("{} {answer}", suitability.of.name)
        })
        .collect();
    text.join("; ")
}

fn range(estimate: Estimate) -> String {
    format!("{}-{}", rate(estimate.low), rate(estimate.high))
}

/// Tokens a second, two or three digits.
pub(super) fn rate(value: f64) -> String {
    match value {
        value if value < 0.01 => "0.01".to_owned(),
        value if value < 1.0 => format!("{value:.2}"),
        value if value < 10.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn seconds(estimate: Estimate) -> String {
    let one = |value: f64| if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    let (low, high) = (one(estimate.low), one(estimate.high));
    if low == high { format!("{low} s") } else { format!("{low}-{high} s") }
}
