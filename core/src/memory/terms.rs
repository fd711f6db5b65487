//! The rule behind every component of a footprint.
//!
//! Mapped sizes, KV, repacked copies and compute reserves are exact rules read off llama.cpp; touched compute follows its
//! graph; tokenizer memory is fitted on eight vocabularies; LiteRT-LM's packed copy is fitted to the published memory of three
//! CPU runs; what is left is estimated. Every term says which.

use super::footprint::{Component, Place, Term};
use super::{LayerCache, Provenance, Runtime, Scenario};
use crate::device::Processor;
use crate::model::architecture::{Encoder, Ffn};
use crate::model::{Model, Role, Tensor};
use crate::placement::compute::compute_buffer;
use crate::placement::packed::is_packed;
use crate::weights::{BlockType, WeightPlan};

const MIB: u64 = 1 << 20;
/// What a small program takes before it loads llama.cpp's libraries (a C program on Linux, measured 4.7 MiB).
pub const HOST_PROGRAM_BYTES: u64 = 5 * MIB;

/// Every term of a footprint, in the order shown.
pub(super) fn all(model: &Model, plan: &WeightPlan, scenario: &Scenario, kv: &[LayerCache]) -> Vec<Term> {
    let mut terms = weights(model, plan, scenario);
    terms.push(kv_term(model, scenario, kv));
    let state = super::kv_cache::state_bytes(&model.architecture, scenario);
    if state > 0 {
        let note = format!("f32 state, {} sequence(s)", scenario.slots.max(1));
        terms.push(exact(Component::RecurrentState, state, Place::Private, note));
    }
    terms.extend(towers(model, plan, scenario));
    terms.extend(packed(model, plan, scenario));
    terms.push(compute(model, scenario));
    terms.extend(process(model, scenario));
    terms
}

fn exact(component: Component, bytes: u64, place: Place, note: String) -> Term {
    Term {
        component,
        bytes,
        low: bytes,
        high: bytes,
        reserved: bytes,
        provenance: Provenance::Exact,
        place,
        note,
    }
}

/// A term known to a relative interval, in percent of its value.
fn uncertain(
    component: Component,
    bytes: u64,
    percent: (u64, u64),
    provenance: Provenance,
    place: Place,
    note: String,
) -> Term {
    let (low, high) = (bytes * percent.0 / 100, bytes * percent.1 / 100);
    Term { component, bytes, low, high, reserved: bytes, provenance, place, note }
}

fn weights(model: &Model, plan: &WeightPlan, scenario: &Scenario) -> Vec<Term> {
    let place = if scenario.runtime == Runtime::Transformers { Place::Private } else { Place::Mapped };
    let is_decoder = |t: &Tensor| {
        !matches!(
            t.role,
            Role::TokenEmbedding
                | Role::OutputHead
                | Role::PleTable
                | Role::Unused
                | Role::Vision
                | Role::Audio
        )
    };
    let mut terms = Vec::new();
    let mut push = |component, bytes: u64, note: String| {
        if bytes > 0 {
            let mut term = exact(component, bytes, place, note);
            term.provenance = plan.provenance;
            terms.push(term);
        }
    };
    let format = plan.format;
    push(Component::Decoder, plan.bytes_where(model, is_decoder), format!("{format}, per tensor"));
    let head = if model.architecture.embeddings.tied { ", also the output head" } else { "" };
    let table = |role| plan.bytes_where(model, |t| t.role == role);
    push(
        Component::TokenEmbedding,
        table(Role::TokenEmbedding),
        format!("{}{head}", table_type(model, plan, Role::TokenEmbedding)),
    );
    push(Component::OutputHead, table(Role::OutputHead), table_type(model, plan, Role::OutputHead));
    let rows = model.architecture.ple.as_ref().map_or(0, |ple| ple.rows);
    let row = plan.ple_row_bytes(model);
    push(
        Component::PleTable,
        table(Role::PleTable),
        format!("{}, {rows} rows of {row} B", table_type(model, plan, Role::PleTable)),
    );
    push(Component::UnusedWeights, table(Role::Unused), "carried by the file, read by nothing".into());
    if rows > 0 {
        terms.push(working_set(rows, row, table(Role::PleTable)));
    }
    terms
}

fn table_type(model: &Model, plan: &WeightPlan, role: Role) -> String {
    let found = model.tensors.iter().zip(&plan.tensors).find(|(t, _)| t.role == role);
    found
        .and_then(|(_, planned)| planned.block)
        .map_or_else(|| plan.format.to_string(), |b| b.name().to_owned())
}

/// Pages of the table that a conversation keeps cached: distinct tokens times the pages their rows touch.
///
/// 2,048 to 16,384 distinct ids are taken for a conversation; kernels map whole folios around a fault, which the
/// upper end covers.
fn working_set(rows: u64, row_bytes: u64, table: u64) -> Term {
    const PAGE: u64 = 4096;
    let pages_per_row = 1 + row_bytes.saturating_sub(1).div_ceil(PAGE);
    let touched = |ids: u64| (ids.min(rows) * pages_per_row * PAGE).min(table);
    let bytes = touched(8_192);
    Term {
        component: Component::PleWorkingSet,
        bytes,
        low: touched(2_048),
        high: touched(16_384).max(bytes),
        reserved: table,
        provenance: Provenance::Estimated,
        place: Place::Mapped,
        note: format!("8,192 distinct token ids x {pages_per_row} pages of 4 KiB"),
    }
}

fn kv_term(model: &Model, scenario: &Scenario, kv: &[LayerCache]) -> Term {
    let bytes: u64 = kv.iter().map(|layer| layer.bytes).sum();
    let (full, sliding) = model.architecture.cache_owners();
    let shared = model.architecture.attention_layers().count() - full - sliding;
    let mut note = format!("{full} full");
    if sliding > 0 {
        note += &format!(" + {sliding} sliding");
    }
    if shared > 0 {
        note += &format!(", {shared} shared (free)");
    }
    note += &format!(", K {} V {}", scenario.k, scenario.v);
    let mut term = exact(Component::KvCache, bytes, Place::Private, note);
    match scenario.runtime {
        Runtime::Vllm => {
            let logical = Scenario { runtime: Runtime::Ideal, ..scenario.clone() };
            term.low = super::kv_cache::total(&model.architecture, &logical);
            term.provenance = Provenance::Estimated;
        }
        Runtime::LitertLm => {
            let padded = Scenario { runtime: Runtime::LlamaCppApi, ..scenario.clone() };
            term.high = super::kv_cache::total(&model.architecture, &padded).max(bytes);
            term.provenance = Provenance::Estimated;
        }
        _ => {}
    }
    term
}

fn towers(model: &Model, plan: &WeightPlan, scenario: &Scenario) -> Vec<Term> {
    let parts = [
        (Component::Vision, Role::Vision, &model.architecture.vision, scenario.vision),
        (Component::Audio, Role::Audio, &model.architecture.audio, scenario.audio),
    ];
    let tower = |(component, role, encoder, kept): (Component, Role, &Option<_>, bool)| {
        let encoder: &Encoder = encoder.as_ref()?;
        let stored = if model.is_stored() { plan.bytes_where(model, |t| t.role == role) } else { 0 };
        let bytes = if stored > 0 { stored } else { encoder.bytes };
        let note = if !kept {
            "left out".to_owned()
        } else if encoder.parameters > 0 {
            format!("{:.1} M parameters", encoder.parameters as f64 / 1e6)
        } else {
            "size as stated".to_owned()
        };
        Some(exact(component, if kept { bytes } else { 0 }, Place::Private, note))
    };
    parts.into_iter().filter_map(tower).collect()
}

/// Private copies of weights in a layout for the CPU.
fn packed(model: &Model, plan: &WeightPlan, scenario: &Scenario) -> Option<Term> {
    match scenario.runtime {
        runtime if runtime.is_llama_cpp() && scenario.repack => {
            let copied = |t: &Tensor, block: Option<BlockType>| {
                block.is_some_and(|block| is_packed(t, block, Processor::Avx2))
            };
            let pairs = model.tensors.iter().zip(&plan.tensors);
            let bytes = pairs.filter(|(t, p)| copied(t, p.block)).map(|(_, p)| p.bytes).sum();
            let note = "4-bit matrices, copied at load as on x86-64 with AVX2".to_owned();
            (bytes > 0).then(|| exact(Component::PackedWeights, bytes, Place::Private, note))
        }
        Runtime::LitertLm => {
            let table = |t: &Tensor| {
                matches!(
                    t.role,
                    Role::TokenEmbedding | Role::PleTable | Role::Vision | Role::Audio | Role::Unused
                )
            };
            let bytes = plan.bytes_where(model, |t| !table(t)) * 65 / 100;
            let note = "0.65 x decoder, fitted to three published CPU runs of Gemma 4 E2B".to_owned();
            Some(uncertain(
                Component::PackedWeights,
                bytes,
                (75, 135),
                Provenance::Fitted,
                Place::Private,
                note,
            ))
        }
        _ => None,
    }
}

/// Activation buffers: what is reserved, and how much of it is touched.
fn compute(model: &Model, scenario: &Scenario) -> Term {
    let architecture = &model.architecture;
    let ubatch = scenario.ubatch.min(scenario.context_tokens);
    if !scenario.runtime.is_llama_cpp() {
        let hidden = architecture.hidden_size;
        let widest = architecture.layers.iter().map(|layer| ffn_width(&layer.ffn)).max().unwrap_or(0);
        let touched = ubatch * (2 * widest + 6 * hidden) * 4;
        let note = format!("{ubatch} tokens x (2 x FFN + 6 x hidden) x 4 B");
        return uncertain(
            Component::Compute,
            touched,
            (50, 200),
            Provenance::Estimated,
            Place::Private,
            note,
        );
    }
    let buffer = compute_buffer(architecture, scenario);
    let note = format!("touched; {} MiB reserved at ubatch {ubatch}", buffer.reserved.div_ceil(MIB));
    let mut term =
        uncertain(Component::Compute, buffer.touched, (80, 130), Provenance::Fitted, Place::Private, note);
    term.reserved = buffer.reserved.max(buffer.touched);
    term
}

fn ffn_width(ffn: &Ffn) -> u64 {
    match *ffn {
        Ffn::Dense { width, .. } => width,
        Ffn::Experts { width, active, shared_width, dense_width, .. } => {
            (width * active + shared_width).max(dense_width)
        }
        Ffn::None => 0,
    }
}

/// Tokenizer and the process around it.
fn process(model: &Model, scenario: &Scenario) -> Vec<Term> {
    let vocab = model.architecture.embeddings.vocab_size;
    let family = model.architecture.family.as_str();
    let fixed = |mib: u64, percent, note: &str| {
        uncertain(
            Component::Runtime,
            mib * MIB,
            percent,
            Provenance::Estimated,
            Place::Private,
            note.to_owned(),
        )
    };
    match scenario.runtime {
        Runtime::LlamaCpp | Runtime::LlamaServer | Runtime::LlamaCppApi => {
            // An entry, its two strings and its place in two tables; a merge, its two strings and its place in one;
            // and what the allocator keeps of the metadata they were read from.
            let (per_token, kind) = match family {
                "gemma4" => (367, "two merges a token"),
                family if family.starts_with("gemma") => (152, "no merges"),
                _ => (295, "one merge a token"),
            };
            let note = format!("{kind}: {per_token} B a token, fitted on eight vocabularies");
            let tokenizer = uncertain(
                Component::Tokenizer,
                vocab * per_token,
                (85, 115),
                Provenance::Fitted,
                Place::Private,
                note,
            );
            let mut base = fixed(14, (80, 130), "host program, libraries and graph, as measured on the CPU");
            base.provenance = Provenance::Fitted;
            vec![tokenizer, base]
        }
        Runtime::LitertLm => vec![fixed(96, (50, 200), "process, graph and tokenizer")],
        Runtime::Transformers => vec![fixed(545, (90, 140), "Python and PyTorch, as measured")],
        Runtime::Vllm => vec![fixed(1536, (50, 200), "Python, PyTorch and captured graphs")],
        Runtime::Ideal => {
            let stated = model.architecture.stated_overhead_bytes;
            let note = "as the profile states it".to_owned();
            vec![uncertain(
                Component::Runtime,
                stated,
                (50, 200),
                Provenance::Estimated,
                Place::Private,
                note,
            )]
        }
    }
}
