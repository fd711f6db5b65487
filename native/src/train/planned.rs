//! What a run would take in memory.

use super::config::Config;
use dhurandhar_core::Model;
use dhurandhar_core::training::{AdapterPlan, MemoryPlan, Mode, PlanInputs};

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned<'a> {
    pub(crate) config: &'a Config,
    pub(crate) model: &'a Model,
    pub(crate) adapters: &'a AdapterPlan,
    /// Whether the CPU of this machine computes, and not a GPU.
    pub(crate) on_cpu: bool,
}

impl Planned<'_> {
    /// The plan at some sequence length.
    pub(crate) fn plan(&self, mode: Mode, sequence: u64) -> MemoryPlan {
        self.plan_for(mode, (sequence * self.config.training.batch as u64, sequence))
    }

    /// The plan of the configuration.
    pub(crate) fn configured(&self) -> MemoryPlan {
        self.plan(self.config.training.mode, self.config.training.max_seq_length as u64)
    }

    /// The plan for passes of so many tokens, the longest sequence among them.
    pub(crate) fn plan_for(&self, mode: Mode, (tokens, sequence): (u64, u64)) -> MemoryPlan {
        let cpu_threads = self.on_cpu.then(|| rayon::current_num_threads() as u64);
        let inputs = PlanInputs { base: self.config.base, mode, tokens, sequence, cpu_threads };
        MemoryPlan::new(self.model, self.adapters, inputs)
    }
}
