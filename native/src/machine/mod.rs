//! What this computer is and does: memory, processors, adapters, file systems, clocks.
//!
//! Linux and Android are complete; elsewhere what cannot be proved is reported as unknown, never guessed.

#[cfg(feature = "burn")]
pub(crate) mod adapters;
pub(crate) mod bandwidth;
pub(crate) mod cards;
pub(crate) mod cgroup;
mod clock;
pub(crate) mod counters;
pub(crate) mod environment;
pub(crate) mod evict;
pub(crate) mod filesystem;
pub(crate) mod memory;
pub(crate) mod multiply;
pub(crate) mod proc;
mod processor;
pub(crate) mod residency;
pub(crate) mod surroundings;

pub(crate) use clock::now;
pub(crate) use environment::{device, page_cache};
pub(crate) use processor::{instruction_sets, processor, realtime};

use dhurandhar_core::measurement::Tool;

/// What was measured several times: in its own unit, by `threads` together.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Rates {
    pub(crate) threads: usize,
    pub(crate) each: Vec<f64>,
}

impl Rates {
    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        dhurandhar_core::leaf::median(&self.each).unwrap_or(0.0)
    }

    /// The most: what else runs only takes away, and data sheets state peaks.
    pub(crate) fn best(&self) -> f64 {
        self.each.iter().copied().fold(0.0, f64::max)
    }

    /// From the least to the most, as a share of the middle.
    pub(crate) fn spread(&self) -> f64 {
        let (least, most) = self
            .each
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(least, most), rate| (least.min(*rate), most.max(*rate)));
        if self.each.is_empty() { 0.0 } else { (most - least) / self.median() }
    }
}

/// Processes that wanted to run in the last minute, for each processor; none where the system does not say.
pub(crate) fn load() -> Option<f64> {
    let load: f64 =
        proc::text("/proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok())?;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Some(load / processors as f64)
}

/// This program, as reports name it.
pub(crate) fn tool() -> Tool {
    Tool {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    }
}
