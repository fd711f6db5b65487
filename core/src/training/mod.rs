//! Low-rank fine-tuning as arithmetic: what is trained, what it takes in memory, and how parameters move.
//!
//! Nothing here runs a model. The trainer asks these functions for its numbers, and so can a page that only plans.

mod adamw;
mod adapter;
mod dropout;
mod plan;
mod schedule;
mod target;

pub use adamw::{AdamW, clip_factor};
pub use adapter::{AdapterError, AdapterPlan, AdapterShape, GroupCount};
pub use dropout::keep_mask;
pub use plan::{
    Base, MemoryComponent, MemoryPlan, Mode, PlanInputs, When, Where, logit_rows, shard_rows, sum_parts,
};
pub use schedule::{Schedule, ScheduleKind};
pub use target::Target;
