//! Children under a memory limit: a control group or a balloon made for one block and gone after it.

use super::balloon::{Balloon, FLOOR};
use super::child::{BlockRunner, ChildRunner};
use super::spec::{BlockSpec, Reply};
use crate::machine::cgroup::{Group, Parent};
use dhurandhar_core::measurement::{Flag, FlagCode};

/// How far a limit may be from what was asked for.
const HELD: f64 = 0.2;

/// Starts children, limited where the block asks for it.
#[derive(Debug)]
pub(super) struct Limited {
    children: ChildRunner,
    groups: Option<Parent>,
    balloon: bool,
}

impl Limited {
    /// `groups` is where control groups can be made; else `balloon` may inflate one.
    pub(super) fn new(groups: Option<Parent>, balloon: bool) -> Self {
        Self { children: ChildRunner, groups, balloon }
    }
}

impl BlockRunner for Limited {
    fn run(&mut self, spec: &BlockSpec) -> Reply {
        let budget = spec.key.budget_bytes;
        if budget == 0 {
            return self.children.run(spec);
        }
        if let Some(parent) = &self.groups {
            let group = match Group::new(parent, budget) {
                Ok(group) => group,
                Err(error) => return Reply::failed("refused", format!("no memory limit: {error}")),
            };
            let limited = BlockSpec { group: Some(group.directory.clone()), ..spec.clone() };
            let reply = self.children.run(&limited);
            return held(reply, budget, group.limit_bytes);
        }
        if !self.balloon {
            return Reply::failed("refused", "no memory limit can be set here".to_owned());
        }
        match Balloon::inflate(budget) {
            Ok(balloon) => {
                let left = balloon.available_bytes.saturating_sub(FLOOR);
                held(self.children.run(spec), budget, left)
            }
            Err(error) => Reply::failed("refused", format!("{error:#}")),
        }
    }
}

/// Flags every window when the limit is not what was asked for.
fn held(reply: Reply, asked: u64, got: u64) -> Reply {
    let Reply::Windows(mut windows) = reply else { return reply };
    if (got as f64 / asked as f64 - 1.0).abs() > HELD {
        let text = format!("{got} bytes of memory were left, {asked} asked for");
        for window in &mut windows {
            window.block.flags.push(Flag::hard(FlagCode::BudgetNotHeld, text.clone()));
        }
    }
    Reply::Windows(windows)
}

#[cfg(test)]
mod tests {
    use super::held;
    use crate::profile::block::run_block;
    use crate::profile::fake::{FakeClock, FakeStorage};
    use crate::profile::spec::Reply;
    use crate::profile::spec::tests::spec;
    use dhurandhar_core::measurement::{Engine, FlagCode, Pattern, State};

    #[test]
    fn a_limit_that_is_not_held_voids_the_windows() {
        let spec = spec(Pattern::RandomDecode, Engine::Pread, State::Budget);
        let (fake, clock) = (FakeStorage::of(&spec), FakeClock::default());
        let windows = run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap();
        let codes = |got| match held(Reply::Windows(windows.clone()), 100, got) {
            Reply::Windows(windows) => {
                windows[0].block.flags.iter().filter(|f| f.hard).map(|f| f.code).collect()
            }
            Reply::Failed(_) => vec![],
        };
        assert!(codes(110).is_empty());
        assert_eq!(codes(400), [FlagCode::BudgetNotHeld]);
    }
}
