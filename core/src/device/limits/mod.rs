//! Limits on memory: what each counts, how many bytes it allows by state, and what happens beyond.
//!
//! `profiles/limits` has them, a file each. A device gets those of its system, its version and its memory when its file
//! is read; the file may add to them, replace or drop them by name.

mod amount;
mod entry;
mod kinds;
mod platform;
pub(in crate::device) mod read;
pub mod registry;
mod state;

pub use amount::Amount;
pub use entry::{Class, Confidence, Entry, Setting};
pub use kinds::{Beyond, Counts, MemoryKind};
pub use platform::{Platform, UnknownSystem, Version};
pub use state::{ByState, State};

use super::{BudgetMetric, Device, Gpu, Maker, Os, Source, SourceKind, whole};
use crate::leaf::cast::to_u64;
use crate::leaf::units::MIB;
use crate::leaf::wire::wire_struct;
use serde::Serialize;

/// What Windows lends of a card's own memory, as `profiles/limits/windows-gpu-budget.yaml` has it: short name, name for
/// people, the least share that was seen, and where.
const WINDOWS_BUDGET: (&str, &str, f64, &str) = (
    "windows-gpu-budget",
    "Windows' budget of GPU memory (DXGI)",
    0.95,
    "95 to 97 % of the card when nothing else uses it (learn.microsoft.com, logs of an RTX 3070 and an RX 7900 XTX)",
);

/// A limit by name, on one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limit {
    /// Short name in data.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// Which sum over a run's memory it is compared with.
    pub counts: Counts,
    /// Which of several cards it counts, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<usize>,
    /// Bytes it allows in the state that was asked for.
    pub bytes: u64,
    /// Bytes it allows by state of the process.
    #[cfg_attr(feature = "schema", schemars(with = "state::Named"))]
    pub states: ByState,
    /// What happens beyond.
    pub beyond: Beyond,
    /// How the number is known.
    pub source: Source,
    /// It holds only with a permission that the app must ask for; shown, but the verdict does not count on it.
    pub on_request: bool,
}

impl Limit {
    /// Whether the number is somebody's estimate, or nobody checked it: nothing is certain by it.
    pub const fn is_estimate(&self) -> bool {
        matches!(self.source.kind, SourceKind::Estimate | SourceKind::SecondHand)
    }

    /// Whether a verdict depends on it: not where it must be asked for first, or where a run beyond it still runs.
    pub const fn decides(&self) -> bool {
        !self.on_request && self.beyond.stops()
    }

    /// The same limit in another state; none where it sets none there.
    #[inline(never)]
    pub fn in_state(&self, state: State) -> Option<Self> {
        let bytes = self.states.get(state)?;
        Some(Self { bytes, ..self.clone() })
    }
}

impl Device {
    /// The limits that hold on this device in the foreground, in the order they are shown.
    pub fn limits(&self) -> Vec<Limit> {
        self.limits_in(State::Foreground)
    }

    /// The limits that hold in a state; the same in all where the system does not tell them apart.
    #[inline(never)]
    pub fn limits_in(&self, state: State) -> Vec<Limit> {
        let mut limits: Vec<Limit> = self.own_budget().into_iter().collect();
        // What a system lends of the host's memory to a GPU is nothing to a card that has its own.
        let has_card = !self.cards().is_empty();
        let lent = |limit: &&Limit| has_card && limit.counts == Counts::Gpu && limit.beyond == Beyond::Fails;
        let system = self.system_limits.iter().filter(|limit| !lent(limit));
        limits.extend(system.filter_map(|limit| limit.in_state(state)));
        // Other systems have no control groups; there it is what the person states.
        let cgroup = match self.os {
            Os::Linux | Os::Android => "the cgroup's memory limit",
            _ => "the stated memory limit",
        };
        for (id, title, mib, counts) in [
            ("cgroup", cgroup, self.cgroup_mib, Counts::HostMemory),
            ("physical", "physical memory", self.ram_mib, Counts::Memory),
        ] {
            let field = if id == "cgroup" { "cgroup_mib" } else { "ram_mib" };
            limits.extend(mib.map(|mib| {
                let bytes = whole(mib as f64 * MIB as f64);
                // macOS and Windows compress and swap before they end anything.
                let swaps = id == "physical" && matches!(self.os, Os::Macos | Os::Windows);
                let beyond = if swaps { Beyond::Throttles } else { Beyond::Evicts };
                plain(id, title, counts, bytes, beyond, self.source(field))
            }));
        }
        limits.extend(self.card_limits());
        limits
    }

    /// Graphics cards in llama.cpp's order: other machines' first, then the device's own.
    pub fn cards(&self) -> Vec<&Gpu> {
        let more = |remote| self.more_gpus.iter().filter(move |gpu| gpu.remote == remote);
        more(true).chain(&self.gpu).chain(more(false)).filter(|gpu| gpu.memory_mib.is_some()).collect()
    }

    /// The own memory of each graphics card.
    fn card_limits(&self) -> Vec<Limit> {
        let (cards, mut limits) = (self.cards(), Vec::new());
        for (index, card) in cards.iter().enumerate() {
            let mut title = format!("the memory of {}", card.title);
            let mut id = "vram".to_owned();
            if cards.len() > 1 {
                title = format!("the memory of card {}, {}", index + 1, card.title);
                id = format!("vram-{}", index + 1);
            }
            let stated = || Source { kind: SourceKind::Stated, text: "as stated".to_owned() };
            let source = card.sources.get("memory_mib").cloned().unwrap_or_else(stated);
            let bytes = card.memory_bytes().unwrap_or(0);
            // From driver 536.40 on, unless it is switched off (since 546.01).
            let spills = self.os == Os::Windows && card.maker == Some(Maker::Nvidia);
            let beyond = if spills { Beyond::Spills } else { Beyond::Fails };
            let limit = plain(&id, &title, Counts::Gpu, bytes, beyond, source);
            let card = (cards.len() > 1).then_some(index);
            limits.push(Limit { card, ..limit });
            let stated = self.system_limits.iter().any(|limit| limit.id == WINDOWS_BUDGET.0);
            if self.os == Os::Windows && !cards[index].remote && !stated {
                let (id, title, share, source) = WINDOWS_BUDGET;
                let source = Source { kind: SourceKind::Published, text: source.to_owned() };
                let bytes = to_u64((bytes as f64 * share).round());
                let limit = plain(id, title, Counts::Gpu, bytes, Beyond::Stutters, source);
                limits.push(Limit { card, ..limit });
            }
        }
        limits
    }

    /// What the system lends a GPU of the host's memory, bytes; none where no limit says.
    pub fn lent_to_gpu_bytes(&self) -> Option<u64> {
        let lent = |limit: &&Limit| limit.counts == Counts::Gpu && limit.beyond == Beyond::Fails;
        let stated = self.system_limits.iter().filter(lent);
        stated.filter_map(|limit| limit.states.get(State::Foreground)).min()
    }

    /// The least that any deciding limit on anonymous memory or memory of all kinds allows in the foreground, bytes.
    pub fn least_limit_bytes(&self) -> u64 {
        let limits = self.limits();
        let counted = limits.iter().filter(|limit| limit.decides() && limit.counts != Counts::Gpu);
        counted.map(|limit| limit.bytes).min().unwrap_or(0)
    }

    /// The deciding limit with the fewest bytes in the foreground, the platform's own rather than memory itself.
    pub fn tightest_limit(&self) -> Limit {
        let limits = self.limits();
        let least = limits.iter().filter(|limit| limit.decides()).min_by_key(|limit| limit.bytes);
        // Every device states a budget or its memory.
        least.unwrap_or(&limits[0]).clone()
    }

    /// Built-in limits of its system that depend on its memory, which it does not state: nobody can check them.
    pub fn unchecked_limits(&self) -> Vec<&'static str> {
        // Not in the page, of whose first visit the limits' texts would be a third.
        if self.ram_mib.is_some() || cfg!(target_arch = "wasm32") {
            return Vec::new();
        }
        let (platform, version) = (self.platform, self.os_version);
        let at = |ram_mib| Setting { platform, version, ram_mib, device: &self.name };
        let depends = |entry: &&Entry| {
            entry.holds(&at(None))
                && entry.limit(&at(None)).is_none()
                && entry.limit(&at(Some(8192))).is_some()
        };
        // A stated budget, without which a device states its memory, stands for what the system leaves.
        let known =
            |name: &str| name == "left-by-system" || self.system_limits.iter().any(|limit| limit.id == name);
        registry::entries().filter(depends).map(|entry| &*entry.name).filter(|name| !known(name)).collect()
    }

    fn source(&self, field: &str) -> Source {
        let stated =
            || Source { kind: SourceKind::Stated, text: "as the device's file states it".to_owned() };
        self.sources.get(field).cloned().unwrap_or_else(stated)
    }

    /// The limit that a stated budget is.
    fn own_budget(&self) -> Option<Limit> {
        let (counts, beyond) = match self.budget_metric {
            BudgetMetric::Rss => (Counts::Memory, Beyond::Evicts),
            BudgetMetric::Footprint => (Counts::Anonymous, Beyond::Ends),
        };
        let bytes = self.ram_budget_bytes()?;
        Some(plain("budget", "the stated budget", counts, bytes, beyond, self.source("ram_budget_mb")))
    }
}

/// A limit that is the same in every state.
#[inline(never)]
fn plain(id: &str, title: &str, counts: Counts, bytes: u64, beyond: Beyond, source: Source) -> Limit {
    let (id, title) = (id.to_owned(), title.to_owned());
    Limit {
        id,
        title,
        counts,
        card: None,
        bytes,
        states: ByState::same(bytes),
        beyond,
        source,
        on_request: false,
    }
}

wire_struct!(Limit { id, title, counts, card, bytes, states, beyond, source, on_request });
