//! Inputs at which the answer would be another one, in sentences.

use crate::feasibility::{Answer, Assessment, Check};
use crate::leaf::cast::to_u64;
use crate::leaf::number::grouped;
use crate::leaf::units::{GIB, in_mib};
use crate::report::Report;

/// Where the answer of a verdict flips: memory by each limit that decides, context, weights, bandwidth, storage.
pub(super) fn of(verdict: &Assessment, report: &Report) -> Vec<String> {
    let deciding: Vec<&Check> = verdict.checks.iter().filter(|check| check.limit.decides()).collect();
    let of_memory = |check: &&Check| match verdict.card_holds_from(check, &report.scenario) {
        Some(from) => format!(
            "{}: it allows {}; with less than {} of {} fewer layers go there.",
            check.limit.title,
            size(check.limit.bytes),
            size(from),
            check.limit.counts.title()
        ),
        None => memory(verdict, check, deciding.len() == 1),
    };
    let mut flips: Vec<String> = deciding.iter().map(of_memory).collect();
    let longest = report.model.max_context_tokens;
    flips.push(match verdict.inverse.longest_context_tokens {
        None => "No context is short enough, everything else as it is.".to_owned(),
        Some(tokens) if tokens >= longest => {
            format!("No context is too long: it fits up to the model's own {} tokens.", grouped(longest))
        }
        Some(tokens) => format!("No above {} tokens of context, yes up to there.", grouped(tokens)),
    });
    if report.scenario.runtime.takes_stock_formats() {
        flips.push(match &verdict.inverse.largest_weight_format {
            None => "No stock format of the weights is small enough.".to_owned(),
            Some(format) if *format == report.weights.format => {
                format!("No in a format of the weights larger than {format}, which is the largest that fits.")
            }
            Some(format) => format!("The largest stock format of the weights that fits is {format}."),
        });
    }
    let target = report.scenario.target_tokens_per_s;
    let thresholds = &verdict.thresholds;
    if let Some(bandwidth) = thresholds.dram_gb_per_s_for_target {
        let reached = verdict.speed.as_ref().is_some_and(|speed| speed.decode_tokens_per_s.high >= target);
        let now = if reached { "it has more" } else { "more than it has" };
        flips.push(format!(
            "{target} tokens a second need at least {bandwidth:.1} GB/s of memory bandwidth, at best; {now}."
        ));
    }
    if let Some(speed) = thresholds.storage_mb_per_s_for_target {
        flips.push(format!(
            "With the weights read again for every token, {target} tokens a second need storage that reads {} MB/s.",
            grouped(to_u64(speed.ceil()))
        ));
    }
    if let Some(speed) = thresholds.storage_mb_per_s_to_run {
        flips.push(format!(
            "It runs, if slowly, with storage that reads {} MB/s: that gives the weights often enough.",
            grouped(to_u64(speed.ceil()))
        ));
    }
    // Where the target is out of reach for other reasons, storage's wait decides nothing.
    let reachable = verdict.answer() != Answer::Slow;
    if let Some(wait) = thresholds.row_latency_us_for_target.filter(|_| reachable) {
        let wait = grouped(to_u64(wait.floor()));
        flips.push(format!(
            "With its table on storage, {target} tokens a second need a random read within {wait} µs."
        ));
    }
    flips
}

/// From how many bytes on a limit lets the run go; the only one that decides is the answer.
fn memory(verdict: &Assessment, check: &Check, is_only: bool) -> String {
    let limit = &check.limit;
    let (from, allowed) = (size(check.runs_from_bytes), size(limit.bytes));
    let what = limit.counts.title();
    if limit.card.is_some() {
        return format!(
            "{}: it allows {allowed}, and {from} is needed there; with other memory the cards' shares change too.",
            limit.title
        );
    }
    let mut text = if limit.bytes >= check.runs_from_bytes {
        format!("{}: it allows {allowed}; below {from} of {what} the answer is no.", limit.title)
    } else {
        let then = if is_only { "the answer is yes" } else { "it passes" };
        format!("{}: it allows {allowed}; from {from} of {what} on {then}.", limit.title)
    };
    let held = verdict.held_from_bytes(check).filter(|held| *held < check.runs_from_bytes);
    if let Some(held) = held {
        text += &format!(" Between {} and that, weights are read again for every token.", size(held));
    }
    if check.resident_from_bytes > check.runs_from_bytes {
        text += &format!(" With {} no table is left on storage.", size(check.resident_from_bytes));
    }
    if limit.is_estimate() {
        text += " The limit itself is an estimate.";
    }
    text
}

/// Bytes as people compare them: GiB from one on, MiB below.
pub(super) fn size(bytes: u64) -> String {
    if bytes >= GIB {
        format!("{:.2} GiB", bytes as f64 / GIB as f64)
    } else {
        format!("{:.0} MiB", in_mib(bytes))
    }
}
