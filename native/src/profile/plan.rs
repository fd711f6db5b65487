//! What will run: the configurations of a mode, and the interleaved order of their blocks.

mod mode;
mod size;

pub(crate) use mode::Mode;
pub(crate) use size::STOP_SHARE;

use super::spec::Key;
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::measurement::{Engine, Note, Pattern, State};
use dhurandhar_core::storage::{Layout, Permutation, TableGeometry};
use serde::Serialize;
use size::sized;

/// Everything the plan depends on.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How much.
    pub(crate) mode: Mode,
    /// The table, token-major and unpadded.
    pub(crate) geometry: TableGeometry,
    /// Tokens a configuration.
    pub(crate) num_tokens: u64,
    /// Untimed tokens before a warm block.
    pub(crate) warmup_tokens: u64,
    /// Leave out everything cold.
    pub(crate) warm_only: bool,
    /// The engine that the runtime in question uses: the verdict rests on it.
    pub(crate) deployed: Engine,
    /// Decode speed to hold, tokens a second.
    pub(crate) target_tps: f64,
    /// Memory limits, bytes; empty where none can be set.
    pub(crate) budgets: Vec<u64>,
    /// Tokens of a prompt.
    pub(crate) prompt_tokens: u64,
    /// Whether a recorded trace is at hand.
    pub(crate) trace: bool,
    /// Readahead window of the device, bytes.
    pub(crate) readahead_bytes: u64,
    /// Seed of order and draws.
    pub(crate) seed: u64,
    /// Engines that this platform lacks, with the reason.
    pub(crate) missing: fn(Engine) -> Option<&'static str>,
}

/// A configuration and its size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Planned {
    /// Which.
    pub(crate) key: Key,
    /// Its rows (padded rows are fewer in the same file).
    pub(crate) geometry: TableGeometry,
    /// Timed tokens a block.
    pub(crate) tokens: u64,
    /// Untimed tokens before.
    pub(crate) warm_up: u64,
    /// Children.
    pub(crate) blocks: u64,
    /// Timed windows a child.
    pub(crate) windows: u64,
    /// Upper bound of what all its blocks read from storage, bytes.
    pub(crate) read_bytes: u64,
}

/// The whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Plan {
    /// Configurations in report order.
    pub(crate) configurations: Vec<Planned>,
    /// Indices into them, one a block, interleaved.
    pub(crate) order: Vec<usize>,
    /// What was left out and why.
    pub(crate) notes: Vec<Note>,
}

/// Lays out a run.
pub(crate) fn plan(settings: &Settings) -> Plan {
    let mut notes = Vec::new();
    let mut configurations: Vec<Planned> = Vec::new();
    for key in keys(settings) {
        if let Some(reason) = (settings.missing)(key.engine) {
            let note = Note { about: key.engine.name().to_owned(), reason: reason.to_owned() };
            if !notes.contains(&note) {
                notes.push(note);
            }
        } else if !configurations.iter().any(|known| known.key == key) {
            configurations.push(sized(settings, key));
        }
    }
    if settings.budgets.is_empty() {
        notes.push(Note { about: "budget".to_owned(), reason: "no memory limit can be set here".to_owned() });
    }
    let order = interleave(&configurations, settings.seed);
    Plan { configurations, order, notes }
}

/// Round by round, each round shuffled: drift of the device meets every configuration alike.
fn interleave(configurations: &[Planned], seed: u64) -> Vec<usize> {
    let rounds = configurations.iter().map(|planned| planned.blocks).max().unwrap_or(0);
    let mut order = Vec::new();
    for round in 0..rounds {
        let mut open: Vec<usize> = (0..configurations.len())
            .filter(|index| configurations.get(*index).is_some_and(|planned| planned.blocks > round))
            .collect();
        let shuffle = Permutation::new(open.len() as u64, seed ^ (round << 32));
        let mut ranked: Vec<(u64, usize)> =
            open.drain(..).enumerate().map(|(at, index)| (shuffle.apply(at as u64), index)).collect();
        ranked.sort_unstable();
        order.extend(ranked.into_iter().map(|(_, index)| index));
    }
    order
}

fn keys(settings: &Settings) -> Vec<Key> {
    use Engine::{
        Direct, IoUring, IoUringDirect, MmapDefault, MmapRandom, MmapSequential, MmapThreads, MmapWillneed,
        Pread,
    };
    use Layout::{Contiguous, LayerMajor, Padded};
    use Pattern::{PromptPrefill, RandomDecode, RandomScatter, SequentialPrefill, TraceDecode, ZipfDecode};
    let mut keys = Vec::new();
    let cold = |pattern, layout, engine| Key::new(pattern, layout, engine, State::Cold);
    let warm = |pattern, layout, engine| Key::new(pattern, layout, engine, State::Warm);
    let more = settings.mode != Mode::Quick;
    if !settings.warm_only {
        for engine in [settings.deployed, MmapRandom, MmapDefault, MmapWillneed, Pread, Direct] {
            keys.push(cold(RandomDecode, Contiguous, engine));
        }
        for engine in [MmapRandom, MmapWillneed] {
            keys.push(cold(RandomDecode, LayerMajor, engine));
        }
        keys.push(cold(RandomScatter, Contiguous, MmapRandom));
        keys.push(cold(SequentialPrefill, Contiguous, MmapDefault));
        keys.push(cold(PromptPrefill, Contiguous, settings.deployed));
    }
    if more && !settings.warm_only {
        keys.push(cold(PromptPrefill, Contiguous, Pread));
        keys.push(cold(RandomDecode, Padded, MmapRandom));
        keys.push(cold(RandomDecode, Contiguous, MmapSequential));
        keys.push(cold(SequentialPrefill, Contiguous, MmapSequential));
        for engine in [MmapThreads, Pread, Direct, IoUring, IoUringDirect] {
            keys.push(cold(RandomDecode, LayerMajor, engine));
        }
        for engine in [IoUring, IoUringDirect] {
            keys.push(cold(RandomDecode, Contiguous, engine));
        }
        let pacing_us = pause_us(settings.target_tps);
        for engine in [settings.deployed, MmapRandom, Pread] {
            keys.push(Key { pacing_us, ..cold(RandomDecode, Contiguous, engine) });
        }
    }
    if settings.mode == Mode::Full && !settings.warm_only {
        for pattern in [RandomDecode, RandomScatter, SequentialPrefill, PromptPrefill] {
            for layout in [Contiguous, Padded, LayerMajor] {
                for engine in Engine::ALL {
                    keys.push(cold(pattern, layout, engine));
                }
            }
        }
    }
    keys.push(warm(RandomDecode, Contiguous, MmapRandom));
    keys.push(warm(RandomDecode, Contiguous, Pread));
    keys.push(warm(RandomDecode, LayerMajor, MmapRandom));
    for (rank, &budget_bytes) in settings.budgets.iter().enumerate() {
        let limited =
            |pattern, engine| Key { budget_bytes, ..Key::new(pattern, Contiguous, engine, State::Budget) };
        keys.push(limited(ZipfDecode, MmapRandom));
        if more {
            keys.push(limited(ZipfDecode, Pread));
            if rank == 0 {
                keys.push(limited(RandomDecode, MmapRandom));
            }
        }
        if settings.trace {
            keys.push(limited(TraceDecode, MmapRandom));
        }
    }
    keys
}

/// Pause between token starts at a decode speed, microseconds.
fn pause_us(target_tps: f64) -> u64 {
    to_u64((1e6 / target_tps).clamp(1.0, 1e7))
}

impl Plan {
    /// Upper bound of all reads, bytes.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.configurations.iter().map(|planned| planned.read_bytes).sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Mode, Settings, plan};
    use dhurandhar_core::measurement::{Engine, State};
    use dhurandhar_core::storage::TableGeometry;

    /// The E2B table at a sixteenth.
    pub(crate) fn settings(mode: Mode) -> Settings {
        Settings {
            mode,
            geometry: TableGeometry::new(16_384, 35, 128, 4096).unwrap(),
            num_tokens: mode.tokens(),
            warmup_tokens: 100,
            warm_only: false,
            deployed: Engine::MmapDefault,
            target_tps: 15.0,
            budgets: vec![16 << 20],
            prompt_tokens: 512,
            trace: false,
            readahead_bytes: 131_072,
            seed: 1,
            missing: |_| None,
        }
    }

    #[test]
    fn blocks_are_interleaved_and_the_order_repeats() {
        let first = plan(&settings(Mode::Quick));
        assert_eq!(first, plan(&settings(Mode::Quick)));
        let other = plan(&Settings { seed: 2, ..settings(Mode::Quick) });
        assert_ne!(first.order, other.order);
        let count = first.configurations.len();
        let mut round = first.order[..count].to_vec();
        assert_ne!(round, (0..count).collect::<Vec<_>>());
        round.sort_unstable();
        assert_eq!(round, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn no_configuration_twice_and_every_mode_has_more() {
        let mut last = 0;
        for mode in [Mode::Quick, Mode::Default, Mode::Full] {
            let plan = plan(&settings(mode));
            let mut ids: Vec<String> = plan.configurations.iter().map(|c| c.key.id()).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), plan.configurations.len());
            assert!(ids.len() > last);
            last = ids.len();
        }
    }

    #[test]
    fn cold_blocks_end_before_they_warm_the_table() {
        let settings = settings(Mode::Full);
        for planned in plan(&settings).configurations {
            let cold = planned.key.state == State::Cold && !planned.key.pattern.fills_the_cache();
            if cold && !planned.key.engine.reads_ahead() {
                let share = planned.read_bytes as f64 / planned.blocks as f64 / 73_400_320.0;
                assert!(share <= 0.0301, "{} {share}", planned.key.id());
            }
        }
    }

    #[test]
    fn warm_only_runs_nothing_cold() {
        let plan = plan(&Settings { warm_only: true, ..settings(Mode::Default) });
        assert!(plan.configurations.iter().all(|planned| planned.key.state != State::Cold));
    }

    #[test]
    fn a_missing_engine_is_noted_not_run() {
        let missing = |engine| (engine == Engine::Direct).then_some("not here");
        let plan = plan(&Settings { missing, ..settings(Mode::Quick) });
        assert!(plan.configurations.iter().all(|planned| planned.key.engine != Engine::Direct));
        assert!(plan.notes.iter().any(|note| note.reason == "not here"));
    }
}
