//! The memory probe: everything but the table as touched memory, the table mapped in addition, looked at as decoding
//! goes on.

use super::reader;
use super::seam::Storage;
use super::spec::Place;
use super::storage::RealStorage;
use super::table::content;
use crate::cli::child::{self, Job};
use crate::machine::{counters, memory::available_bytes, proc};
use anyhow::{Result, bail};
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::measurement::{BudgetCheck, BudgetInterpretation, Engine, MemoryProbe, MemorySample};
use dhurandhar_core::storage::{Draws, Layout, TableGeometry};
use serde::{Deserialize, Serialize};

/// Tokens between two looks.
const EVERY: u64 = 25;

/// What the probing child is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MemorySpec {
    /// Memory to touch, bytes.
    pub(super) placeholder_bytes: u64,
    /// The table.
    pub(super) place: Place,
    /// Its rows.
    pub(super) geometry: TableGeometry,
    /// Way of reading it.
    pub(super) engine: Engine,
    /// Tokens to decode.
    pub(super) tokens: u64,
    /// Exponent of the Zipf stream.
    pub(super) zipf_exponent: f64,
    /// Seed of the rows.
    pub(super) seed: u64,
}

/// Budget, interpretation and weights to judge by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Weight precision, bits.
    pub(super) weight_bits: u64,
    /// Decoder and table, bytes.
    pub(super) weights_bytes: u64,
    /// What to compare.
    pub(super) interpretation: BudgetInterpretation,
}

#[derive(Debug, Serialize, Deserialize)]
struct MemoryReply {
    baseline: MemorySample,
    with_placeholder: MemorySample,
    samples: Vec<MemorySample>,
}

/// Runs the probe in a child and judges it.
pub(super) fn measure(spec: &MemorySpec, budget: Budget) -> Result<MemoryProbe> {
    let available = available_bytes();
    if let Some(available) = available.filter(|available| *available < spec.placeholder_bytes) {
        bail!("{} bytes are needed besides the table, {available} are available", spec.placeholder_bytes);
    }
    match child::ask(child::worker(Job::Memory)?, spec, None)? {
        Ok(reply) => Ok(judge(spec, budget, reply)),
        Err(ended) => {
            bail!("the memory probe ended with {}: this memory is not to be had here", ended.status)
        }
    }
}

fn judge(spec: &MemorySpec, budget: Budget, reply: MemoryReply) -> MemoryProbe {
    let needs: Vec<u64> = reply.samples.iter().filter_map(MemorySample::need_bytes).collect();
    let tail = needs.get(needs.len() - (needs.len() / 5).min(needs.len())..).unwrap_or(&[]);
    let peak = needs.iter().copied().max().unwrap_or(0);
    let steady = tail.iter().sum::<u64>().checked_div(tail.len() as u64).unwrap_or(peak);
    let (name, bytes) = BudgetCheck::preset(budget.weight_bits);
    let mut checks = Vec::new();
    if budget.interpretation != BudgetInterpretation::WeightsOnly && !needs.is_empty() {
        checks.push(BudgetCheck::judge(name, bytes, BudgetInterpretation::FullProcess, peak, steady));
    }
    if budget.interpretation != BudgetInterpretation::FullProcess {
        let weights = budget.weights_bytes;
        checks.push(BudgetCheck::judge(name, bytes, BudgetInterpretation::WeightsOnly, weights, weights));
    }
    MemoryProbe {
        method: "table evicted first; anonymous memory stands for all but the table; need = RssAnon + the \
                 table's pages in the page cache"
            .to_owned(),
        weight_bits: budget.weight_bits,
        placeholder_bytes: spec.placeholder_bytes,
        tokens: spec.tokens,
        baseline: reply.baseline,
        with_placeholder: reply.with_placeholder,
        samples: reply.samples,
        checks,
        limits: Vec::new(),
    }
}

/// The child's side.
pub(crate) fn serve() -> Result<()> {
    child::answer(&probe(&child::task()?)?)
}

fn probe(spec: &MemorySpec) -> Result<MemoryReply> {
    let mut storage = RealStorage::open(&spec.place, None)?;
    storage.evict()?;
    let baseline = sample(0, &mut storage, spec.place.bytes);
    let mut placeholder = vec![0_u8; usize::try_from(spec.placeholder_bytes)?];
    // Incompressible, or compressed swap would make it vanish.
    for chunk in placeholder.chunks_mut(4096) {
        let length = chunk.len().min(64);
        let seed = chunk.as_ptr().addr() as u64;
        content::fill(seed, 0, &mut chunk[..length]);
    }
    let with_placeholder = sample(0, &mut storage, spec.place.bytes);
    let mut reader = reader::open(spec.engine, &spec.place)?;
    let mut rows = Draws::zipf(spec.geometry.rows, spec.zipf_exponent, spec.seed, spec.seed);
    let (mut extents, mut samples) = (Vec::new(), Vec::new());
    for token in 1..=spec.tokens {
        extents.clear();
        if let Some(row) = rows.next() {
            spec.geometry.row_extents(Layout::Contiguous, row, &mut extents);
        }
        reader.fetch(&extents)?;
        if token.is_multiple_of(EVERY) || token == spec.tokens {
            samples.push(sample(token, &mut storage, spec.place.bytes));
        }
    }
    std::hint::black_box(&placeholder);
    Ok(MemoryReply { baseline, with_placeholder, samples })
}

fn sample(tokens: u64, storage: &mut RealStorage, table_bytes: u64) -> MemorySample {
    let status = |name| proc::kilobytes("/proc/self/status", name);
    let rollup = |name| proc::kilobytes("/proc/self/smaps_rollup", name);
    let counters = counters::read();
    let resident = |share: f64| to_u64(share.clamp(0.0, 1.0) * table_bytes as f64);
    MemorySample {
        tokens,
        rss_bytes: status("VmRSS:"),
        rss_anon_bytes: status("RssAnon:"),
        rss_file_bytes: status("RssFile:"),
        rss_shmem_bytes: status("RssShmem:"),
        swap_bytes: status("VmSwap:"),
        pss_bytes: rollup("Pss:"),
        pss_file_bytes: rollup("Pss_File:"),
        peak_rss_bytes: status("VmHWM:"),
        group_bytes: None,
        table_resident_bytes: storage.residency().map(resident),
        major_faults: counters.major_faults,
        device_read_bytes: counters.device_read_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, MemoryReply, MemorySpec, judge};
    use crate::profile::spec::tests::spec;
    use dhurandhar_core::measurement::{
        BudgetInterpretation, Engine, MemorySample, Pattern, State, VerdictResult,
    };

    fn judged(peak: u64, settled: u64) -> VerdictResult {
        let block = spec(Pattern::RandomDecode, Engine::MmapDefault, State::Cold);
        let spec = MemorySpec {
            placeholder_bytes: 0,
            place: block.place,
            geometry: block.geometry,
            engine: Engine::MmapDefault,
            tokens: 250,
            zipf_exponent: 1.0,
            seed: 0,
        };
        let look = |bytes| MemorySample {
            rss_anon_bytes: Some(bytes),
            rss_file_bytes: Some(0),
            ..MemorySample::default()
        };
        let samples = (0..10).map(|i| look(if i == 3 { peak } else { settled })).collect();
        let reply = MemoryReply { baseline: look(0), with_placeholder: look(0), samples };
        let budget =
            Budget { weight_bits: 4, weights_bytes: 1, interpretation: BudgetInterpretation::FullProcess };
        judge(&spec, budget, reply).checks[0].result
    }

    #[test]
    fn a_single_peak_warns_and_a_lasting_need_fails() {
        let budget = 1536 << 20;
        assert_eq!(judged(budget, budget), VerdictResult::Pass);
        assert_eq!(judged(budget + 1, budget), VerdictResult::Warn);
        assert_eq!(judged(budget + 1, budget + 1), VerdictResult::Fail);
    }
}
