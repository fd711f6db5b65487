//! What a child process is told and what it answers: one JSON line each way.

use dhurandhar_core::measurement::{Block, Engine, Failure, Pattern, State};
use dhurandhar_core::storage::{Draws, Extent, Layout, TableGeometry};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which configuration: everything that sets two results of a report apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Page-cache state.
    pub(crate) state: State,
    /// Row order.
    pub(crate) pattern: Pattern,
    /// Row layout.
    pub(crate) layout: Layout,
    /// Way of reading.
    pub(crate) engine: Engine,
    /// Pause between token starts, microseconds.
    pub(crate) pacing_us: u64,
    /// Memory limit, bytes; 0 without.
    pub(crate) budget_bytes: u64,
}

impl Key {
    /// Back to back, no limit.
    pub(crate) fn new(pattern: Pattern, layout: Layout, engine: Engine, state: State) -> Self {
        Self { state, pattern, layout, engine, pacing_us: 0, budget_bytes: 0 }
    }

    /// The short unique name in reports.
    pub(crate) fn id(&self) -> String {
        let mut id = format!(
            "{}/{}/{}/{}",
            self.pattern.name(),
            self.layout.name(),
            self.engine.name(),
            self.state.name()
        );
        if self.budget_bytes > 0 {
            id.push_str(&format!("-{}MiB", self.budget_bytes >> 20));
        }
        if self.pacing_us > 0 {
            id.push_str("/paced");
        }
        id
    }
}

/// Where the table is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Path a child can open; for an unlinked file the descriptor it inherits.
    pub(crate) path: PathBuf,
    /// First byte of the table in the file.
    pub(crate) offset: u64,
    /// Bytes of the table.
    pub(crate) bytes: u64,
}

/// One block for a child to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BlockSpec {
    /// Configuration.
    pub(crate) key: Key,
    /// Position in the schedule.
    pub(crate) order: u64,
    /// Seed of this block's draws.
    pub(crate) seed: u64,
    /// Seed of what all blocks share: which rows are hot.
    pub(crate) stream_seed: u64,
    /// Tokens to time in a window.
    pub(crate) tokens: u64,
    /// Untimed tokens before.
    pub(crate) warm_up: u64,
    /// Windows to time one after the other (1 unless under a budget).
    pub(crate) windows: u64,
    /// Geometry of this configuration's rows.
    pub(crate) geometry: TableGeometry,
    /// Where the bytes are.
    pub(crate) place: Place,
    /// Exponent of the Zipf stream.
    pub(crate) zipf_exponent: f64,
    /// Recorded token ids.
    pub(crate) trace: Vec<u64>,
    /// Control group to join before the first read.
    pub(crate) group: Option<PathBuf>,
    /// Pause between eviction and reading, milliseconds.
    pub(crate) settle_ms: u64,
    /// Read under the real-time scheduler, so that other work does not delay it.
    pub(crate) realtime: bool,
    /// Share of the table after which a cold block ends.
    pub(crate) stop_share: f64,
}

/// One window as a child saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Result without verdict flags of the parent.
    pub(crate) block: Block,
    /// Latencies: (nanoseconds, count), ascending.
    pub(crate) histogram: Vec<(u64, u64)>,
}

/// A child's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// It ran.
    Windows(Vec<Window>),
    /// It could not.
    Failed(Failure),
}

impl Reply {
    /// A block that did not run to its end.
    pub(super) fn failed(kind: &str, detail: String) -> Self {
        Self::Failed(Failure { kind: kind.to_owned(), detail, tokens: None })
    }
}

impl BlockSpec {
    /// The rows this block asks for.
    pub(crate) fn draws(&self) -> Draws {
        let rows = match self.key.pattern {
            Pattern::RandomScatter => self.geometry.rows * self.geometry.layers,
            _ => self.geometry.rows,
        };
        match self.key.pattern {
            Pattern::SequentialPrefill => Draws::sequential(rows, self.seed),
            Pattern::RandomDecode if self.key.state == State::Budget => Draws::uniform(rows, self.seed),
            Pattern::RandomDecode | Pattern::RandomScatter | Pattern::PromptPrefill => {
                Draws::distinct(rows, self.seed)
            }
            Pattern::ZipfDecode => Draws::zipf(rows, self.zipf_exponent, self.seed, self.stream_seed),
            Pattern::TraceDecode => Draws::trace(rows, self.trace.clone(), self.order * self.tokens),
        }
    }

    /// Puts the extents of the next token into `into`.
    pub(crate) fn token(&self, draws: &mut Draws, into: &mut Vec<Extent>) {
        into.clear();
        if self.key.pattern == Pattern::RandomScatter {
            into.extend(draws.take(self.slices()).map(|slice| self.geometry.slice_extent(slice)));
        } else if let Some(row) = draws.next() {
            self.geometry.row_extents(self.key.layout, row, into);
        }
    }

    fn slices(&self) -> usize {
        usize::try_from(self.geometry.layers).unwrap_or(1)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{BlockSpec, Key, Place};
    use dhurandhar_core::measurement::{Engine, Pattern, State};
    use dhurandhar_core::storage::{Layout, TableGeometry, touched_pages};

    /// A block of a 4 MiB table.
    pub(crate) fn spec(pattern: Pattern, engine: Engine, state: State) -> BlockSpec {
        let geometry = TableGeometry::new(936, 35, 128, 4096).unwrap();
        BlockSpec {
            key: Key::new(pattern, Layout::Contiguous, engine, state),
            order: 0,
            seed: 1,
            stream_seed: 2,
            tokens: 20,
            warm_up: 0,
            windows: 1,
            geometry,
            place: Place { path: "/nowhere".into(), offset: 0, bytes: geometry.bytes(Layout::Contiguous) },
            zipf_exponent: 1.0,
            trace: vec![3, 4],
            group: None,
            settle_ms: 0,
            realtime: false,
            stop_share: 0.04,
        }
    }

    #[test]
    fn scatter_is_really_scattered() {
        let mean_pages = |pattern| {
            let spec = spec(pattern, Engine::MmapRandom, State::Cold);
            let (mut draws, mut extents, mut pages) = (spec.draws(), Vec::new(), 0);
            for _ in 0..20 {
                spec.token(&mut draws, &mut extents);
                assert_eq!(extents.iter().map(|e| e.bytes).sum::<u64>(), 4480);
                pages += touched_pages(&extents, 4096).len();
            }
            pages as f64 / 20.0
        };
        assert!(mean_pages(Pattern::RandomDecode) < 2.3);
        assert!(mean_pages(Pattern::RandomScatter) > 30.0);
    }

    #[test]
    fn every_configuration_has_its_own_name() {
        let mut key = Key::new(Pattern::ZipfDecode, Layout::Contiguous, Engine::Pread, State::Budget);
        key.budget_bytes = 64 << 20;
        key.pacing_us = 1;
        assert_eq!(key.id(), "zipf_decode/contiguous/pread/budget-64MiB/paced");
    }
}
