//! Parts that most runtimes have alike.

use super::case::Case;
use super::part::{Component, Kind, Part, Pool, Touch};
use super::weights;
use crate::device::GpuKind;
use crate::leaf::Interval;
use crate::leaf::Provenance;
use crate::leaf::units::MIB;
use crate::memory::{LayerCache, kv_cache, state};

/// Everything beside the weights, for runtimes whose graphs are not followed here.
pub(super) fn rest(case: &Case<'_>, cache: Part, process: Part) -> Vec<Part> {
    let mut parts = vec![cache];
    parts.extend(state(case, state::bytes(&case.model.architecture, case.scenario)));
    parts.extend(weights::towers(case));
    parts.push(activations(case));
    parts.push(process);
    parts
}

/// Where a GPU's buffers lie: in a card's memory, or in its share of the host's.
pub(super) fn gpu_pool(case: &Case<'_>) -> Pool {
    if case.machine.gpu == Some(GpuKind::Discrete) { Pool::Vram } else { Pool::Gpu }
}

/// The same with caches, towers and buffers in the GPU's share of memory.
pub(super) fn on_gpu(case: &Case<'_>, mut parts: Vec<Part>) -> Vec<Part> {
    for part in parts.iter_mut().filter(|part| part.component != Component::Runtime) {
        part.pool = gpu_pool(case);
    }
    parts
}

/// Keys and values of all slots.
pub(super) fn kv(case: &Case<'_>, kv: &[LayerCache]) -> Part {
    let scenario = case.scenario;
    let bytes: u64 = kv.iter().map(|layer| layer.bytes).sum();
    let (mut full, mut sliding) = case.model.architecture.cache_owners();
    let ignored = sliding > 0
        && scenario.runtime.is_llama_cpp()
        && case.model.architecture.conduct.llama_cpp_ignores_windows;
    if ignored {
        (full, sliding) = (full + sliding, 0);
    }
    let shared = case.model.architecture.attention_layers().filter(|(_, a)| !a.owns_cache()).count();
    let mut note = format!("{full} full");
    if sliding > 0 {
        note += &format!(" + {sliding} sliding");
    }
    if ignored {
        note += ", since llama.cpp knows no windows of this architecture";
    }
    let passes = case.model.architecture.passes;
    if passes > 1 {
        note += &format!(", {passes} passes each");
    }
    if shared > 0 {
        note += &format!(", {shared} shared (free)");
    }
    let (k, v) = kv_cache::formats(&case.model.architecture, scenario);
    note += &format!(", K {k} V {v}");
    if scenario.slots > 1 {
        let how = if scenario.unified_kv { "share the cells" } else { "have cells of their own" };
        note += &format!("; {} slots {how}", scenario.slots);
    }
    Part::exact(Component::KvCache, bytes, Kind::Anonymous, Touch::Token, note)
}

/// State of recurrent layers, where there are any.
pub(super) fn state(case: &Case<'_>, bytes: u64) -> Option<Part> {
    let how = state::types(&case.model.architecture, case.scenario);
    let note = match case.scenario.slots {
        1 => format!("state: {how}; one sequence"),
        slots => format!("state: {how}; {slots} sequences"),
    };
    (bytes > 0).then(|| Part::exact(Component::RecurrentState, bytes, Kind::Anonymous, Touch::Token, note))
}

/// Activations of runtimes whose graphs are not followed here: a wide estimate.
fn activations(case: &Case<'_>) -> Part {
    let architecture = &case.model.architecture;
    let ubatch = case.scenario.ubatch.min(case.scenario.context_tokens);
    let widest = architecture.layers.iter().map(|layer| layer.ffn.width_of_token()).max().unwrap_or(0);
    let touched = ubatch * (2 * widest + 6 * architecture.hidden_size) * 4;
    let note = format!("{ubatch} tokens x (2 x FFN + 6 x hidden) x 4 B");
    Part::uncertain(Component::Compute, Interval::percent(touched, 50, 200), Provenance::Estimated, note)
}

/// The process, as an estimate in MiB with its interval in percent.
pub(super) fn process(mib: u64, percent: (u64, u64), note: &str) -> Part {
    let size = Interval::percent(mib * MIB, percent.0, percent.1);
    Part::uncertain(Component::Runtime, size, Provenance::Estimated, note.to_owned())
}
