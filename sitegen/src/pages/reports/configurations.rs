//! Every configuration as a line: what was predicted, what was measured, and what shows that cold was cold.

use dhurandhar_core::measurement::{Configuration, MmapProfile, Prediction, State};
use dhurandhar_core::storage::Layout;
use maud::{Markup, html};

use crate::pages::figures::{count, kib, mib, plain, significant};

/// What configurations are listed under.
pub(super) fn group(configuration: &Configuration) -> String {
    let layout = match configuration.layout {
        Layout::Contiguous => "rows contiguous",
        Layout::Padded => "rows padded to pages",
        Layout::LayerMajor => "one table a layer",
    };
    match (configuration.state, configuration.budget_bytes) {
        (State::Cold, _) => format!("Cold, {layout}"),
        (State::Warm, _) => format!("Warm, {layout}"),
        (State::Budget, bytes) => format!("{} MiB of memory, {layout}", mib(bytes.unwrap_or(0))),
    }
}

/// Pattern and engine.
pub(super) fn name(configuration: &Configuration) -> String {
    let paced = if configuration.pacing_us > 0 { ", paced" } else { "" };
    format!("{} {}{paced}", configuration.pattern.name(), configuration.engine.name())
}

pub(super) fn table(profile: &MmapProfile) -> Markup {
    let groups: Vec<(String, &[Configuration])> = profile
        .configurations
        .chunk_by(|a, b| group(a) == group(b))
        .filter_map(|chunk| Some((group(chunk.first()?), chunk)))
        .collect();
    html! {
        div.scroll role="region" aria-label="Configurations" tabindex="0" {
            table.dense {
                thead {
                    tr {
                        th scope="col" rowspan="2" { "Pattern, engine" }
                        th.num scope="col" rowspan="2" { "Rows/s" }
                        th.num scope="colgroup" colspan="4" { "Wait, µs" }
                        th.num scope="colgroup" colspan="3" { "Pages read a token" }
                        th.num scope="col" rowspan="2" { "KiB a token" }
                        th.num scope="col" rowspan="2" { "Read / useful" }
                    }
                    tr {
                        th.num scope="col" { "predicted" } th.num scope="col" { "measured" } th.num scope="col" { "ratio" } th.num scope="col" { "p99" }
                        th.num scope="col" { "predicted" } th.num scope="col" { "measured" } th.num scope="col" { "ratio" }
                    }
                }
                @for (title, chunk) in &groups {
                    tbody {
                        tr.group { th colspan="11" scope="rowgroup" { (title) } }
                        @for configuration in *chunk { (line(configuration)) }
                    }
                }
            }
        }
        p.small.muted {
            "Medians over blocks; p99 over all tokens. The wait is the median token's, and under a memory limit the mean, because most tokens hit the cache there and the median says nothing of those that miss. Ratios are predicted over measured. Bounds are given where reads overlap by a degree that depends on the device: fully, or not at all. A dash: the model makes no claim, or the platform would not say. An asterisk: the model was calibrated with this very wait, so it proves nothing."
        }
    }
}

/// The predicted wait, or its bounds.
fn claim(prediction: &Prediction) -> String {
    match (prediction.stall_us, prediction.stall_range_us) {
        (Some(us), _) => significant(us),
        (None, Some((low, high))) => format!("{}–{}", significant(low), significant(high)),
        (None, None) => "–".to_owned(),
    }
}

fn line(c: &Configuration) -> Markup {
    let optional = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), significant);
    let ratio = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
    let prediction = c.prediction.clone().unwrap_or_default();
    let calibrates = prediction.stall_us.is_some() && prediction.stall_over_measured.is_none();
    html! {
        tr {
            th scope="row" title=(c.id) { (name(c)) @if c.is_invalid() { " " strong { "(invalid)" } } }
            @if let Some(summary) = &c.summary {
                td.num { (significant(summary.tokens_per_s.estimate)) }
                td.num { (claim(&prediction)) @if calibrates { "*" } }
                td.num { (optional(c.compared_wait().map(|wait| wait.estimate))) }
                td.num { (ratio(prediction.stall_over_measured)) }
                td.num { (significant(summary.p99_us)) }
                td.num { (optional(prediction.reads_per_token)) }
                td.num { (optional(summary.reads_per_token)) }
                td.num { (ratio(prediction.reads_over_measured)) }
                td.num { (summary.bytes_per_token.map_or_else(|| "–".to_owned(), kib)) }
                td.num { (optional(summary.amplification)) }
            } @else {
                td colspan="10" { "no valid block" }
            }
        }
    }
}

pub(super) fn cold(profile: &MmapProfile) -> Markup {
    let page = profile.device.page_bytes;
    let cold: Vec<_> = profile.configurations.iter().filter_map(|c| Some((c, c.cold_proof(page)?))).collect();
    let method = cold.first().map_or("", |(c, _)| c.method.as_str());
    html! {
        @if cold.is_empty() { p { "Nothing was measured cold." } } @else {
            p {
                "Before each block the table was thrown out of the page cache, and the cache was asked what was left of it. While the block ran, the bytes that storage delivered were counted and set against the pages that its rows touch: single-page reads should give a ratio of 1, readahead gives more, and a hidden cache gives less."
            }
            p.small.muted { "First configuration: " (method) "." }
            div.scroll role="region" aria-label="Proof of cold" tabindex="0" {
                table.dense {
                    thead { tr { th scope="col" { "Cold configuration" } th.num scope="col" { "Valid blocks" } th.num scope="col" { "Cached before, at most" } th.num scope="col" { "Device bytes / touched pages" } } }
                    tbody {
                        @for (c, proof) in &cold {
                            tr {
                                th scope="row" { (name(c)) @if c.layout != Layout::Contiguous { ", " (c.layout.name()) } }
                                td.num { (count(proof.blocks)) }
                                td.num { (proof.residency_before.map_or_else(|| "not observed".to_owned(), |share| format!("{} %", plain((share * 1e5).round() / 1e3)))) }
                                td.num { (proof.device_over_touched.map_or_else(|| "not observed".to_owned(), |(low, high)| format!("{}–{}", significant(low), significant(high)))) }
                            }
                        }
                    }
                }
            }
        }
    }
}
