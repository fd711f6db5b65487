//! Running a plan: block after block in the planned order, voided blocks once more, everything journalled.

use super::child::BlockRunner;
use super::plan::{Plan, Planned};
use super::seam::Clock;
use super::spec::{BlockSpec, Reply, Window};
use super::validity;
use dhurandhar_core::measurement::{Failure, Flag, FlagCode};
use std::sync::atomic::{AtomicBool, Ordering};

/// What came of one configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Windows in the order they ran, voided ones too.
    pub(crate) windows: Vec<Window>,
    /// Children that did not come back.
    pub(crate) failures: Vec<Failure>,
    /// Flags of the configuration as a whole.
    pub(crate) flags: Vec<Flag>,
}

impl Outcome {
    /// Windows that count.
    pub(crate) fn valid(&self) -> impl Iterator<Item = &Window> {
        self.windows.iter().filter(|window| window.block.valid)
    }
}

/// Remembers finished blocks across runs.
pub(crate) trait Journal {
    /// The reply that an earlier run got for this very block.
    fn recall(&mut self, spec: &BlockSpec) -> Option<Reply>;
    /// Keeps a reply.
    fn keep(&mut self, spec: &BlockSpec, reply: &Reply);
}

/// Told after every block: blocks done, blocks planned, configuration just run.
pub(crate) type Progress<'a> = dyn FnMut(u64, u64, &str) + 'a;

/// Everything a session needs from outside.
pub(crate) struct Session<'a> {
    /// Starts blocks.
    pub(crate) runner: &'a mut dyn BlockRunner,
    /// Remembers them.
    pub(crate) journal: &'a mut dyn Journal,
    /// For the time limit.
    pub(crate) clock: &'a dyn Clock,
    /// Set by Ctrl-C.
    pub(crate) stop: &'a AtomicBool,
    /// No block starts after this, nanoseconds of `clock`.
    pub(crate) deadline_ns: u64,
    /// Readahead of the device, bytes.
    pub(crate) readahead_bytes: u64,
}

/// How often a block may be repeated on average before a configuration is given up.
const REPEATS: u64 = 3;
/// Fewest valid blocks that an estimate may rest on.
const ENOUGH: u64 = 5;

impl Session<'_> {
    /// Runs the plan. `spec` makes the specification of block number `order` of a configuration.
    pub(crate) fn run(
        &mut self,
        plan: &Plan,
        spec: &mut dyn FnMut(&Planned, u64) -> BlockSpec,
        progress: &mut Progress<'_>,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::default(); plan.configurations.len()];
        let mut queue: std::collections::VecDeque<usize> = plan.order.iter().copied().collect();
        let mut spare: Vec<u64> =
            plan.configurations.iter().map(|planned| planned.blocks.max(2) * REPEATS).collect();
        let (mut order, mut total) = (0, queue.len() as u64);
        while let Some(index) = queue.pop_front() {
            if self.stop.load(Ordering::Relaxed) || self.clock.now_ns() > self.deadline_ns {
                break;
            }
            let (Some(planned), Some(outcome)) = (plan.configurations.get(index), outcomes.get_mut(index))
            else {
                continue;
            };
            let block = spec(planned, order);
            order += 1;
            let again = self.one_block(&block, outcome);
            if let Some(left) = spare.get_mut(index).filter(|left| again && **left > 0) {
                *left -= 1;
                total += 1;
                queue.push_back(index);
            }
            progress(order, total, &planned.key.id());
        }
        for (planned, outcome) in plan.configurations.iter().zip(&mut outcomes) {
            conclude(planned, outcome);
        }
        outcomes
    }

    /// Runs or recalls one block; `true` when it should be repeated.
    fn one_block(&mut self, spec: &BlockSpec, outcome: &mut Outcome) -> bool {
        let reply = self.journal.recall(spec).unwrap_or_else(|| {
            let reply = self.runner.run(spec);
            if !self.stop.load(Ordering::Relaxed) {
                self.journal.keep(spec, &reply);
            }
            reply
        });
        match reply {
            Reply::Failed(failure) => {
                // A killed child after Ctrl-C is the user's doing, not the device's.
                if !self.stop.load(Ordering::Relaxed) {
                    outcome.failures.push(failure);
                }
                false
            }
            Reply::Windows(windows) => {
                let mut valid = 0;
                for mut window in windows {
                    window.block.flags = validity::flags(spec, &window, self.readahead_bytes);
                    window.block.valid = !window.block.flags.iter().any(|flag| flag.hard);
                    valid += u64::from(window.block.valid);
                    outcome.windows.push(window);
                }
                // Under a budget the windows of one child are many; a few bad ones are no reason for another child.
                valid < ENOUGH.min(spec.windows)
            }
        }
    }
}

/// Flags of the configuration, from what its blocks have in common.
fn conclude(planned: &Planned, outcome: &mut Outcome) {
    for failure in &outcome.failures {
        outcome
            .flags
            .push(Flag::hard(FlagCode::ChildFailed, format!("{}: {}", failure.kind, failure.detail)));
    }
    let wanted = planned.blocks * planned.windows;
    let valid = outcome.valid().count() as u64;
    if valid >= wanted {
        return;
    }
    if valid < ENOUGH.min(wanted) {
        // The reason that voided most blocks is the reason of the configuration.
        let mut reasons: Vec<&Flag> =
            outcome.windows.iter().flat_map(|window| &window.block.flags).filter(|flag| flag.hard).collect();
        reasons.sort_by_key(|flag| flag.code);
        let common = reasons
            .chunk_by(|a, b| a.code == b.code)
            .max_by_key(|same| same.len())
            .and_then(|same| same.first().map(|flag| (*flag).clone()));
        let detail = format!("{valid} valid blocks of {wanted}");
        match common {
            Some(flag) => outcome.flags.push(Flag { detail: format!("{detail}: {}", flag.detail), ..flag }),
            None => outcome.flags.push(Flag::hard(FlagCode::MissingBlocks, detail)),
        }
    } else {
        let detail = format!("{valid} valid blocks of {wanted}");
        outcome.flags.push(Flag::soft(FlagCode::MissingBlocks, detail));
    }
}

/// No memory.
#[derive(Debug, Default)]
pub(crate) struct NoJournal;

impl Journal for NoJournal {
    fn recall(&mut self, _spec: &BlockSpec) -> Option<Reply> {
        None
    }

    fn keep(&mut self, _spec: &BlockSpec, _reply: &Reply) {}
}

#[cfg(test)]
mod tests {
    use super::{NoJournal, Outcome, Session};
    use crate::profile::block::run_block;
    use crate::profile::child::BlockRunner;
    use crate::profile::fake::{FakeClock, FakeStorage};
    use crate::profile::plan::tests::settings;
    use crate::profile::plan::{Mode, Plan, Planned, STOP_SHARE, plan};
    use crate::profile::spec::{BlockSpec, Place, Reply};
    use dhurandhar_core::measurement::{Engine, Failure, FlagCode, State};
    use dhurandhar_core::storage::Layout;
    use std::sync::atomic::AtomicBool;

    /// Runs blocks on the scripted disk; every `void_every`-th waits for a CPU.
    struct Scripted {
        clock: FakeClock,
        runs: u64,
        void_every: Option<u64>,
        sigbus: Option<Engine>,
        never_evicts: bool,
    }

    impl Scripted {
        fn new() -> Self {
            Self { clock: FakeClock::default(), runs: 0, void_every: None, sigbus: None, never_evicts: false }
        }
    }

    impl BlockRunner for Scripted {
        fn run(&mut self, spec: &BlockSpec) -> Reply {
            self.runs += 1;
            if self.sigbus == Some(spec.key.engine) {
                return Reply::Failed(Failure {
                    kind: "signal".into(),
                    detail: "SIGBUS".into(),
                    tokens: None,
                });
            }
            let fake = FakeStorage::of(spec);
            if spec.key.engine.reads_ahead() {
                fake.set_readahead_pages(32);
            }
            if spec.key.budget_bytes > 0 {
                fake.set_capacity(usize::try_from(spec.key.budget_bytes / 4096).unwrap());
            }
            let open = &mut || Ok(fake.reader(&self.clock));
            let mut windows = run_block(spec, &mut fake.clone(), &self.clock, open).unwrap();
            for window in &mut windows {
                if self.void_every.is_some_and(|every| self.runs.is_multiple_of(every)) {
                    window.block.counters.run_delay_ns = Some(u64::MAX);
                }
                if self.never_evicts {
                    window.block.residency.before = Some(1.0);
                }
            }
            Reply::Windows(windows)
        }
    }

    fn spec_of(planned: &Planned, order: u64) -> BlockSpec {
        BlockSpec {
            key: planned.key,
            order,
            seed: order,
            stream_seed: 5,
            tokens: planned.tokens.min(40),
            warm_up: planned.warm_up.min(400),
            windows: planned.windows,
            geometry: planned.geometry,
            place: Place { path: "/".into(), offset: 0, bytes: planned.geometry.bytes(Layout::Contiguous) },
            zipf_exponent: 1.0,
            trace: Vec::new(),
            group: None,
            settle_ms: 0,
            realtime: false,
            stop_share: STOP_SHARE,
        }
    }

    fn small() -> Plan {
        let mut settings = settings(Mode::Quick);
        settings.budgets.clear();
        settings.prompt_tokens = 20;
        plan(&settings)
    }

    fn run(runner: &mut Scripted, plan: &Plan, stop: &AtomicBool, deadline_ns: u64) -> Vec<Outcome> {
        let clock = runner.clock.clone();
        let mut session = Session {
            runner,
            journal: &mut NoJournal,
            clock: &clock,
            stop,
            deadline_ns,
            readahead_bytes: 131_072,
        };
        session.run(plan, &mut spec_of, &mut |_, _, _| {})
    }

    #[test]
    fn a_quiet_machine_needs_no_block_twice() {
        let (plan, mut runner) = (small(), Scripted::new());
        let outcomes = run(&mut runner, &plan, &AtomicBool::new(false), u64::MAX);
        assert_eq!(runner.runs, plan.order.len() as u64);
        for (planned, outcome) in plan.configurations.iter().zip(&outcomes) {
            assert_eq!(
                outcome.valid().count() as u64,
                planned.blocks,
                "{}: {:?}",
                planned.key.id(),
                outcome.flags
            );
            assert!(outcome.flags.is_empty());
        }
    }

    #[test]
    fn a_voided_block_is_repeated_and_kept_in_the_record() {
        let (plan, mut runner) = (small(), Scripted::new());
        runner.void_every = Some(7);
        let outcomes = run(&mut runner, &plan, &AtomicBool::new(false), u64::MAX);
        assert!(runner.runs > plan.order.len() as u64);
        assert!(outcomes.iter().any(|outcome| outcome.windows.iter().any(|window| !window.block.valid)));
        assert!(outcomes.iter().all(|outcome| outcome.flags.iter().all(|flag| !flag.hard)));
    }

    #[test]
    fn an_eviction_that_does_nothing_is_found_out() {
        let (plan, mut runner) = (small(), Scripted::new());
        runner.never_evicts = true;
        let outcomes = run(&mut runner, &plan, &AtomicBool::new(false), u64::MAX);
        for (planned, outcome) in plan.configurations.iter().zip(&outcomes) {
            if planned.key.state == State::Cold {
                assert!(outcome.flags.iter().any(|f| f.hard && f.code == FlagCode::ResidencyAfterEvict));
            }
        }
    }

    #[test]
    fn a_child_that_dies_is_a_result() {
        let (plan, mut runner) = (small(), Scripted::new());
        runner.sigbus = Some(Engine::MmapWillneed);
        let outcomes = run(&mut runner, &plan, &AtomicBool::new(false), u64::MAX);
        let dead: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).collect();
        assert_eq!(dead.len(), 2);
        assert!(dead.iter().all(|o| o.flags.iter().any(|f| f.hard && f.code == FlagCode::ChildFailed)));
    }

    #[test]
    fn stopping_and_running_out_of_time_keep_what_there_is() {
        let (plan, mut runner) = (small(), Scripted::new());
        let outcomes = run(&mut runner, &plan, &AtomicBool::new(true), u64::MAX);
        assert_eq!(runner.runs, 0);
        assert!(outcomes.iter().all(|o| o.flags.iter().any(|f| f.hard && f.code == FlagCode::MissingBlocks)));
        // A deadline in the scripted clock: some blocks ran, none is lost.
        let outcomes = run(&mut runner, &plan, &AtomicBool::new(false), 200_000_000);
        assert!(runner.runs > 0 && runner.runs < plan.order.len() as u64);
        assert_eq!(outcomes.iter().map(|o| o.windows.len() as u64).sum::<u64>(), runner.runs);
    }
}
