//! llama.cpp (0.5): the command line, the server and the C interface, on the processor and by Metal.
//!
//! Sizes are those of its `no_alloc` pass and its logs; what is touched and when was seen in runs under memory limits
//! (`validate-sizes`, `validate-memory` and `validate-verdict` repeat both).

use super::case::Case;
use super::common::gpu_pool;
use super::compute::{compute_buffer, gpu_compute, host_compute};
use super::packed::is_packed;
use super::part::{Component, Kind, Part, Pool, Touch};
use super::split::{self, Split};
use super::weights::{self, Groups, Place};
use crate::device::GpuKind;
use crate::leaf::Interval;
use crate::leaf::Provenance;
use crate::leaf::units::MIB;
use crate::memory::{LayerCache, LazyMode, LoadMode, kv_cache, state};
use crate::model::architecture::Tokenizer;
use crate::model::tensor::{Role, Tensor};
use crate::weights::PlannedTensor;

/// What a small program takes before it loads llama.cpp's libraries (a C program on Linux, measured 4.7 MiB).
pub const HOST_PROGRAM_BYTES: u64 = 5 * MIB;
/// Anonymous pages of the process and its graph beside everything that has a part of its own.
const PROCESS: Interval = Interval { low: 3891 << 10, bytes: 5632 << 10, high: 6656 << 10 };
/// Pages of the libraries that every token touches: what is read beyond the weights when both are dropped. 4 MiB places
/// seven cliffs within 2 %.
const LIBRARIES: Interval = Interval { low: 3 * MIB, bytes: 4 * MIB, high: 7 * MIB };
/// The rest of what the libraries show in a resident set, which is 8.5 MiB of them.
const LOADING: u64 = 9 << 19;
/// The kernel keeps 8 bytes for every page of 4 KiB that a process has touched, and keeps them when the page has left.
const PAGES_PER_TABLE: u64 = 512;
/// What a card's driver keeps there for a process (CUDA; less elsewhere).
pub(crate) const DRIVER: Interval = Interval { low: 200 * MIB, bytes: 300 * MIB, high: 500 * MIB };
/// Tables above this are read row by row unless told otherwise (`--lazy-mode auto`).
const LAZY_FROM: u64 = 4 << 30;

/// Weights: mapped, copied or locked, with packed copies on a processor and none on a GPU.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    let gpu = case.machine.offloads(case.scenario);
    if let Some(split) = &case.split {
        return named_copies(case, split_weights(case, split));
    }
    let parts = weights::parts(case, &|component, tensor, planned, groups| {
        let touch = weights::touch(case, tensor, planned.bytes);
        if gpu {
            // The head is a second copy of a tied table where nothing is mapped.
            if is_copied_head(case, tensor, touch) {
                let row_bytes = planned.bytes.checked_div(tensor.rows).unwrap_or(0);
                let place = Place::host(file_kind(case), Touch::Rows { row_bytes });
                groups.add(component, place, planned.bytes);
            }
            groups.add(component, on_gpu(case, tensor, planned, touch), planned.bytes);
        } else {
            on_host(case, component, tensor, planned, touch, groups);
        }
    });
    named_copies(case, parts)
}

/// With a note at packed copies, and the kernel's tables of all pages.
fn named_copies(case: &Case<'_>, mut parts: Vec<Part>) -> Vec<Part> {
    for part in &mut parts {
        if part.component == Component::PackedWeights {
            part.note = format!("matrices copied at load for {}", case.machine.processor.title());
        }
    }
    parts.push(page_tables(&parts));
    parts
}

/// Weights between a GPU and the host. Metal offers no pinned memory, so that the host packs its matrices as without a GPU
/// (`make_cpu_buft_list`); with any other GPU it packs nothing.
fn split_weights(case: &Case<'_>, split: &Split) -> Vec<Part> {
    let metal = case.machine.gpu == Some(GpuKind::Metal);
    let maps = metal && case.machine.load(case.scenario) != LoadMode::Copy;
    weights::parts(case, &|component, tensor, planned, groups| {
        let touch = weights::touch(case, tensor, planned.bytes);
        let kind = if maps { Kind::Wired } else { Kind::Anonymous };
        let several = case.machine.card_count() > 1;
        let on_card = |card, touch| Place {
            card: several.then_some(card),
            ..Place::in_pool(gpu_pool(case), kind, touch)
        };
        if let Some(card) = case.card_of(split, tensor) {
            if split.is_over_cards() && split.rows[0] > 0 && tensor.layer.is_some() && tensor.rows > 1 {
                for (card, bytes) in split.by_rows(planned.bytes) {
                    groups.add(component, on_card(card, touch), bytes);
                }
                return;
            }
            return groups.add(component, on_card(card, touch), planned.bytes);
        }
        if tensor.role == Role::PleTable && is_lazy(case, planned.bytes) {
            return groups.add(component, Place::in_pool(Pool::Storage, Kind::File, touch), planned.bytes);
        }
        let is_head = tensor.role == Role::TokenEmbedding && touch == Touch::Token;
        if !is_head || split.gpu_layers == 0 {
            if metal {
                return on_host(case, component, tensor, planned, touch, groups);
            }
            return groups.add(component, Place::host(file_kind(case), touch), planned.bytes);
        }
        // The head is a second copy of a tied table, but for two views of one mapping.
        if !maps {
            let row_bytes = planned.bytes.checked_div(tensor.rows).unwrap_or(0);
            groups.add(component, Place::host(file_kind(case), Touch::Rows { row_bytes }), planned.bytes);
        }
        groups.add(Component::OutputHead, on_card(split.output_card(), Touch::Token), planned.bytes);
    })
}

fn file_kind(case: &Case<'_>) -> Kind {
    match case.machine.load(case.scenario) {
        LoadMode::Mmap => Kind::File,
        LoadMode::Copy => Kind::Anonymous,
        LoadMode::Mlock => Kind::Wired,
    }
}

/// Without a mapping these models create the head before the table, and load the shared matrix for each.
fn loads_tied_table_twice(case: &Case<'_>) -> bool {
    let architecture = &case.model.architecture;
    let gated = architecture.ple.as_ref().is_some_and(|ple| ple.gated);
    case.scenario.load == LoadMode::Copy && architecture.embeddings.tied && gated
}

/// Whether the per-layer table is left in the file and read by rows.
fn is_lazy(case: &Case<'_>, bytes: u64) -> bool {
    match case.scenario.lazy {
        LazyMode::On => true,
        LazyMode::Off => false,
        LazyMode::Auto => bytes > LAZY_FROM && case.machine.load(case.scenario) == LoadMode::Mmap,
    }
}

fn on_host(
    case: &Case<'_>,
    component: Component,
    tensor: &Tensor,
    planned: &PlannedTensor,
    touch: Touch,
    groups: &mut Groups,
) {
    let bytes = planned.bytes;
    if tensor.role == Role::PleTable && is_lazy(case, bytes) {
        return groups.add(component, Place::in_pool(Pool::Storage, Kind::File, touch), bytes);
    }
    let packed = case.scenario.repack
        && planned.block.is_some_and(|block| is_packed(tensor, block, case.machine.processor));
    let kind = file_kind(case);
    let is_table = tensor.role == Role::TokenEmbedding;
    if !packed {
        let copies = if is_table && loads_tied_table_twice(case) { 2 } else { 1 };
        return groups.add(component, Place::host(kind, touch), bytes * copies);
    }
    groups.add(Component::PackedWeights, Place::host(Kind::Anonymous, touch), bytes);
    // A table that is also the head is still looked up in its original.
    let original = if is_table {
        Touch::Rows { row_bytes: bytes.checked_div(tensor.rows).unwrap_or(0) }
    } else {
        Touch::Load
    };
    // Read straight into the packed layout, a matrix leaves no original behind.
    if is_table || kind != Kind::Anonymous {
        groups.add(component, Place::host(kind, original), bytes);
    }
}

fn is_copied_head(case: &Case<'_>, tensor: &Tensor, touch: Touch) -> bool {
    let integrated = case.machine.gpu == Some(GpuKind::Integrated);
    integrated && tensor.role == Role::TokenEmbedding && touch == Touch::Token
}

/// Metal maps the file's range of its tensors without copying it, and wires all of it; tables stay with the host.
fn on_gpu(case: &Case<'_>, tensor: &Tensor, planned: &PlannedTensor, touch: Touch) -> Place {
    if tensor.role.is_table() && matches!(touch, Touch::Rows { .. }) {
        let lazy = tensor.role == Role::PleTable && is_lazy(case, planned.bytes);
        let pool = if lazy { Pool::Storage } else { Pool::Host };
        return Place::in_pool(pool, file_kind(case), touch);
    }
    let copies = case.machine.gpu == Some(GpuKind::Integrated) || case.scenario.load == LoadMode::Copy;
    let kind = if copies { Kind::Anonymous } else { Kind::Wired };
    Place::in_pool(Pool::Gpu, kind, touch)
}

/// Cache, state, towers, buffers, tokenizer, process and a server's prompt cache.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut parts = vec![super::common::kv(case, kv)];
    parts.extend(super::common::state(case, state::bytes(&case.model.architecture, case.scenario)));
    parts.extend(weights::towers(case));
    match &case.split {
        None => parts.push(compute(case)),
        Some(split) => split_rest(case, split, kv, &mut parts),
    }
    parts.push(tokenizer(case));
    parts.extend(process(case));
    parts.extend(checkpoints(case));
    parts.extend(prompt_cache(case));
    parts.push(page_tables(&parts));
    if case.machine.offloads(case.scenario) && case.split.is_none() {
        for part in &mut parts {
            if matches!(
                part.component,
                Component::KvCache
                    | Component::RecurrentState
                    | Component::Compute
                    | Component::Vision
                    | Component::Audio
            ) {
                part.pool = Pool::Gpu;
            }
        }
    }
    parts
}

/// Caches where their layers run, towers on the GPU, buffers on both sides, and what a card's driver takes.
fn split_rest(case: &Case<'_>, split: &Split, kv: &[LayerCache], parts: &mut Vec<Part>) {
    let sides = split::caches(case, split, kv);
    let cached = [(Component::KvCache, sides[0]), (Component::RecurrentState, sides[1])];
    let cards = case.machine.card_count().max(1);
    let of_several = |card| (cards > 1).then_some(card);
    for (component, sides) in cached {
        let Some(index) = parts.iter().position(|part| part.component == component) else { continue };
        let mut whole = parts.remove(index);
        let on_cards = sides.cards[..cards]
            .iter()
            .enumerate()
            .map(|(card, bytes)| (gpu_pool(case), of_several(card), *bytes));
        for (pool, card, bytes) in on_cards.chain([(Pool::Host, None, sides.host)]) {
            (whole.pool, whole.card) = (pool, card);
            (whole.size, whole.reserved) = (Interval::exact(bytes), bytes);
            parts.extend((bytes > 0).then(|| whole.clone()));
        }
    }
    for part in parts.iter_mut().filter(|part| matches!(part.component, Component::Vision | Component::Audio))
    {
        part.pool = gpu_pool(case);
    }
    let scenario = case.scenario;
    let ubatch = scenario.ubatch.min(scenario.context_tokens);
    for card in 0..cards {
        let size = gpu_compute(case, split, kv, card);
        if size.high == 0 {
            continue;
        }
        let note = format!("graph on the GPU at ubatch {ubatch}");
        let part = Part::uncertain(Component::Compute, size, Provenance::Fitted, note);
        parts.push(Part { pool: gpu_pool(case), card: of_several(card), ..part });
    }
    let note = format!("inputs of the graph at ubatch {ubatch}, pinned");
    let size = host_compute(&case.model.architecture, scenario);
    let host = Part::uncertain(Component::Compute, size, Provenance::Fitted, note);
    parts.push(host);
    for card in (0..cards).filter(|_| gpu_pool(case) == Pool::Vram) {
        let note = "context of the card's driver: 200 to 500 MiB on CUDA".to_owned();
        let driver = Part::uncertain(Component::Runtime, DRIVER, Provenance::Estimated, note);
        parts.push(Part { pool: Pool::Vram, card: of_several(card), ..driver });
    }
}

/// The process and its libraries, as measured on the CPU in runs of models from 135 M to 5 B parameters.
fn process(case: &Case<'_>) -> [Part; 3] {
    let mut own = Part::uncertain(
        Component::Runtime,
        PROCESS,
        Provenance::Fitted,
        "process and graph: 3.8 to 6.5 MiB in runs on the CPU".to_owned(),
    );
    if case.machine.offloads(case.scenario) {
        own.size = Interval { low: PROCESS.low, bytes: 36 * MIB, high: 150 * MIB };
        if case.machine.gpu == Some(GpuKind::Integrated) {
            own.size = Interval { low: 30 * MIB, bytes: 200 * MIB, high: DRIVER.high };
        }
        own.provenance = Provenance::Estimated;
        "process, graph and compiled kernels".clone_into(&mut own.note);
    }
    let note = "code and tables of the libraries that every token touches: 3 to 7 MiB".to_owned();
    let mut libraries = Part::exact(Component::Libraries, LIBRARIES.bytes, Kind::File, Touch::Token, note);
    libraries.size = LIBRARIES;
    libraries.provenance = Provenance::Fitted;
    let note = "pages of the libraries that only loading touches".to_owned();
    let mut loading = Part::exact(Component::Libraries, LOADING, Kind::File, Touch::Load, note);
    loading.provenance = Provenance::Fitted;
    [own, libraries, loading]
}

/// The kernel's tables of all pages that these parts ever touch.
fn page_tables(parts: &[Part]) -> Part {
    let touched =
        parts.iter().filter(|part| matches!(part.pool, Pool::Host | Pool::Gpu)).map(|part| part.size);
    let all: Interval = touched.sum();
    let size = Interval {
        low: all.low / PAGES_PER_TABLE,
        bytes: all.bytes / PAGES_PER_TABLE,
        high: all.high / PAGES_PER_TABLE,
    };
    let note = "8 B for every page of 4 KiB that was ever touched".to_owned();
    Part::uncertain(Component::PageTables, size, Provenance::Fitted, note)
}

/// A token's rows of the per-layer tables and their projection from the stream: both stand in memory, for every token of
/// a micro-batch, until the last layer has used them.
fn table_inputs(case: &Case<'_>) -> u64 {
    let scenario = case.scenario;
    2 * case.model.architecture.ple_row_elements() * scenario.ubatch.min(scenario.context_tokens) * 4
}

fn compute(case: &Case<'_>) -> Part {
    let buffer = compute_buffer(&case.model.architecture, case.scenario);
    let ubatch = case.scenario.ubatch.min(case.scenario.context_tokens);
    let rows = table_inputs(case);
    let beside = if rows > 0 { ", rows of per-layer tables not counted" } else { "" };
    let note = format!("touched; {} MiB reserved at ubatch {ubatch}{beside}", buffer.reserved.div_ceil(MIB));
    let touched = buffer.touched + rows;
    let size = Interval::percent(touched, 80, 130);
    let mut part = Part::uncertain(Component::Compute, size, Provenance::Fitted, note);
    part.reserved = buffer.reserved.max(touched);
    if case.machine.offloads(case.scenario) {
        // A GPU's buffer is held whole, whatever a prompt touches of it.
        part.size = Interval::percent(part.reserved, 80, 130);
        part.provenance = Provenance::Estimated;
        part.note = format!("reserved at ubatch {ubatch}, as on the CPU");
    }
    part
}

/// An entry, its two strings and its place in two tables; a merge, its two strings and its place in one; and what the
/// allocator keeps of the metadata they were read from.
fn tokenizer(case: &Case<'_>) -> Part {
    let architecture = &case.model.architecture;
    let (per_token, kind) = match architecture.conduct.tokenizer {
        Tokenizer::Gemma4 => (367, "two merges a token"),
        Tokenizer::Spm => (152, "no merges"),
        Tokenizer::Bpe => (295, "one merge a token"),
    };
    let size = Interval::percent(architecture.embeddings.vocab_size * per_token, 85, 115);
    let note = format!("{kind}: {per_token} B a token, fitted on eight vocabularies");
    Part::uncertain(Component::Tokenizer, size, Provenance::Fitted, note)
}

/// Least tokens between two checkpoints (`--checkpoint-min-step`).
const CHECKPOINT_STEP: u64 = 256;

/// What cannot be rolled back, a server saves now and then: windows and recurrent states, one at least for each slot, up to
/// its limit with long conversations.
fn checkpoints(case: &Case<'_>) -> Option<Part> {
    let (architecture, scenario) = (&case.model.architecture, case.scenario);
    let windows = kv_cache::window_bytes(architecture, scenario);
    let one = windows + architecture.state_bytes();
    let most = scenario.checkpoints.min(scenario.context_tokens / CHECKPOINT_STEP);
    if one == 0 || most == 0 {
        return None;
    }
    let each = one.saturating_mul(scenario.slots);
    let size = Interval { low: 0, bytes: each, high: each.saturating_mul(most) };
    let note = format!("{} MiB for a slot's windows and state, 1 to {most} of them", one.div_ceil(MIB));
    let mut part = Part::uncertain(Component::Checkpoints, size, Provenance::Estimated, note);
    part.touch = Touch::Prompt;
    Some(part)
}

/// A server keeps the states of earlier prompts up to its limit: nothing at first, all of it with time.
fn prompt_cache(case: &Case<'_>) -> Option<Part> {
    let most = case.scenario.prompt_cache_mib * MIB;
    let size = Interval { low: 0, bytes: 0, high: most };
    let note = format!("grows with different prompts to at most {} MiB", case.scenario.prompt_cache_mib);
    (most > 0).then(|| {
        let mut part = Part::uncertain(Component::PromptCache, size, Provenance::Estimated, note);
        part.touch = Touch::Prompt;
        part
    })
}
