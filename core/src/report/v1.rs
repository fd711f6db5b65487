//! The first version of the report's schema, filled from today's numbers: one place for every component, one sum
//! against one budget. Kept for one release for programs that read it.

use super::{ModelSummary, Report, WeightSummary};
use crate::feasibility::{Assessment, Inverse};
use crate::leaf::Interval;
use crate::leaf::Provenance;
use crate::memory::{LayerCache, Scenario};
use crate::placement::{Component, Kind, Part, cached_rows};
use crate::speed::{Bound, Ceilings, Reads};
use serde::Serialize;

/// `dhurandhar.analysis/1`.
#[derive(Debug, Serialize)]
pub(super) struct ReportV1<'a> {
    schema: &'static str,
    tool_version: &'static str,
    model: &'a ModelSummary,
    scenario: &'a Scenario,
    weights: &'a WeightSummary,
    footprint: Footprint<'a>,
    ple_cache_hit_share: f64,
    devices: Vec<AssessmentV1<'a>>,
}

#[derive(Debug, Serialize)]
struct Footprint<'a> {
    terms: Vec<Term>,
    resident: Total,
    mmap: Total,
    reserved: u64,
    hot: u64,
    hot_mapped: u64,
    ple_to_decoder_ratio: f64,
    kv_layers: &'a [LayerCache],
}

#[derive(Debug, Serialize)]
struct Term {
    component: &'static str,
    bytes: u64,
    low: u64,
    high: u64,
    reserved: u64,
    provenance: Provenance,
    place: &'static str,
    note: String,
}

#[derive(Debug, Default, Serialize)]
struct Total {
    bytes: u64,
    low: u64,
    high: u64,
    private: u64,
    private_high: u64,
}

#[derive(Debug, Serialize)]
struct Cliff {
    missing_bytes: u64,
    tokens_per_s: f64,
}

#[derive(Debug, Serialize)]
struct AssessmentV1<'a> {
    device: &'a str,
    device_title: &'a str,
    mode: crate::feasibility::Mode,
    certainty: &'static str,
    metric: &'static str,
    budget_bytes: u64,
    needed_bytes: u64,
    headroom_bytes: i64,
    reads: Reads,
    ceilings: Ceilings,
    cliff: Option<Cliff>,
    bound: Bound,
    meets_target: Option<bool>,
    reason: &'a str,
    inverse: &'a Inverse,
}

/// Today's report in the first version's form.
pub(super) fn report(report: &Report) -> ReportV1<'_> {
    ReportV1 {
        schema: "dhurandhar.analysis/1",
        tool_version: report.tool_version,
        model: &report.model,
        scenario: &report.scenario,
        weights: &report.weights,
        footprint: footprint(report),
        ple_cache_hit_share: report.ple_cache_hit_share,
        devices: report.devices.iter().map(assessment).collect(),
    }
}

fn footprint(report: &Report) -> Footprint<'_> {
    let placement = &report.placement;
    let needs = &placement.needs;
    let mut terms: Vec<Term> = Vec::new();
    for part in &placement.parts {
        let (component, place) = (name(part.component), place(part.kind));
        match terms.iter_mut().find(|term| (term.component, term.place) == (component, place)) {
            Some(term) => {
                term.bytes += part.size.bytes;
                term.low += part.size.low;
                term.high += part.size.high;
                term.reserved += part.reserved;
            }
            None => terms.push(Term {
                component,
                bytes: part.size.bytes,
                low: part.size.low,
                high: part.size.high,
                reserved: part.reserved,
                provenance: part.provenance,
                place,
                note: part.note.clone(),
            }),
        }
    }
    let table = placement.bytes(Component::PleTable);
    let row = report.devices.first().map_or(0, |device| device.reads.ple_row_bytes);
    let cached = cached_rows(table.checked_div(row).unwrap_or(0), row, table);
    let aside = |part: &&Part| !matches!(part.component, Component::PleTable | Component::UnusedWeights);
    let all: Interval = placement.parts.iter().map(|part| part.size).sum();
    let left: Interval = placement.parts.iter().filter(aside).map(|part| part.size).sum();
    let total = |sum: Interval| Total {
        bytes: sum.bytes,
        low: sum.low,
        high: sum.high,
        private: needs.anonymous.bytes,
        private_high: needs.anonymous.high,
    };
    Footprint {
        terms,
        resident: total(all),
        mmap: total(if table > 0 { left + cached } else { all }),
        reserved: placement.reserved_bytes,
        hot: needs.hot().bytes,
        hot_mapped: needs.dense_file_bytes() + needs.expert_file_bytes,
        ple_to_decoder_ratio: placement.ple_to_decoder_ratio(),
        kv_layers: &placement.kv_layers,
    }
}

fn assessment(device: &Assessment) -> AssessmentV1<'_> {
    let check = device.decisive();
    let cliff = device.reread.zip(device.ceilings.reread_tokens_per_s);
    AssessmentV1 {
        device: &device.device,
        device_title: &device.device_title,
        mode: device.mode,
        certainty: if device.certainty.name() == "borderline" { "borderline" } else { "certain" },
        metric: if check.limit.counts.has_files() { "rss" } else { "footprint" },
        budget_bytes: check.limit.bytes,
        needed_bytes: check.needed.bytes,
        headroom_bytes: check.headroom_bytes,
        reads: device.reads,
        ceilings: device.ceilings,
        cliff: cliff.map(|(read, tokens_per_s)| Cliff { missing_bytes: read.expected, tokens_per_s }),
        bound: device.bound,
        meets_target: device.meets_target,
        reason: &device.reason,
        inverse: &device.inverse,
    }
}

/// Experts were part of the decoder.
const fn name(component: Component) -> &'static str {
    match component {
        Component::Decoder | Component::Experts => "decoder",
        Component::TokenEmbedding => "token_embedding",
        Component::OutputHead => "output_head",
        Component::PleTable => "ple_table",
        Component::UnusedWeights => "unused_weights",
        Component::PackedWeights => "packed_weights",
        Component::KvCache => "kv_cache",
        Component::RecurrentState => "recurrent_state",
        Component::Vision => "vision",
        Component::Audio => "audio",
        Component::Compute => "compute",
        Component::Tokenizer => "tokenizer",
        Component::Runtime
        | Component::Libraries
        | Component::PageTables
        | Component::Checkpoints
        | Component::PromptCache
        | Component::Draft
        | Component::DraftCache
        | Component::DraftCompute => "runtime",
    }
}

const fn place(kind: Kind) -> &'static str {
    match kind {
        Kind::Anonymous => "private",
        Kind::File | Kind::Wired => "mapped",
    }
}
