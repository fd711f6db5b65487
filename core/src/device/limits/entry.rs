//! A limit as its file states it: what it counts, how many bytes by class of memory and state, and how that is known.

use super::amount::Amount;
use super::{Beyond, ByState, Counts, Limit, MemoryKind, Platform, State, Version};
use crate::device::{Source, SourceKind};
use crate::leaf::named;
use serde::Serialize;

/// How a figure is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The source itself was read.
    Read,
    /// An excerpt of the source was read.
    Excerpt,
    /// Somebody else's transcription or measurement, not checked.
    SecondHand,
    /// An estimate or inference.
    Estimate,
}

impl Confidence {
    /// In a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Read => "the source was read",
            Self::Excerpt => "an excerpt of the source was read",
            Self::SecondHand => "second hand, not checked",
            Self::Estimate => "an estimate",
        }
    }

    const fn kind(self) -> SourceKind {
        match self {
            Self::Read | Self::Excerpt => SourceKind::Published,
            Self::SecondHand => SourceKind::SecondHand,
            Self::Estimate => SourceKind::Estimate,
        }
    }
}

named!(Confidence { Read "read", Excerpt "excerpt", SecondHand "second-hand", Estimate "estimate" });

/// A limit of a system, a store or a chip.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Slug.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Who sets and enforces it.
    pub who: String,
    /// Systems that have it.
    pub systems: Vec<Platform>,
    /// First version that has it.
    pub from_version: Option<Version>,
    /// Holds only on devices whose file names it.
    pub named_only: bool,
    /// A permission that the app must ask for.
    pub on_request: Option<String>,
    /// Kinds of memory that it counts.
    pub counts: Vec<MemoryKind>,
    /// What happens beyond it.
    pub beyond: Beyond,
    /// Since when it holds, in words.
    pub since: String,
    /// Where it is written.
    pub source: String,
    /// How it is known.
    pub confidence: Confidence,
    /// Remarks.
    pub note: String,
    /// Bytes by class; the first that suits a device holds.
    pub classes: Vec<Class>,
}

/// Bytes of a limit on some devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Name of the class.
    pub title: String,
    /// On these systems only; nothing where it does not matter.
    pub systems: Vec<Platform>,
    /// From so much memory on, MiB.
    pub ram_from_mib: Option<u64>,
    /// Below so much memory, MiB.
    pub ram_below_mib: Option<u64>,
    /// From this version of the system on.
    pub from_version: Option<Version>,
    /// Below this version of the system.
    pub below_version: Option<Version>,
    /// On these devices only, by slug.
    pub devices: Vec<String>,
    /// Seen, but shown only: taken by no device.
    pub shown_only: bool,
    /// A sample of the figures, not a device's own.
    pub sample: bool,
    /// Amounts of states, in the order of [`State::ALL`]; none where nothing is known.
    pub amounts: [Option<Amount>; 4],
    /// Where its figures are from, where that differs.
    pub source: Option<String>,
    /// How they are known, where that differs.
    pub confidence: Option<Confidence>,
    /// What happens beyond it, where that differs.
    pub beyond: Option<Beyond>,
    /// Remarks.
    pub note: String,
}

/// What of a device decides which class holds.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// System.
    pub platform: Platform,
    /// Its version; the newest where none is stated.
    pub version: Option<Version>,
    /// Memory as sold, MiB.
    pub ram_mib: Option<u64>,
    /// Slug of the device.
    pub device: &'a str,
}

impl Class {
    /// The amount in a state.
    pub const fn amount(&self, state: State) -> Option<Amount> {
        self.amounts[state as usize]
    }

    /// Bytes in every state on a device with so much memory.
    pub fn bytes(&self, ram_mib: Option<u64>) -> ByState {
        let mut bytes = ByState::default();
        for state in State::ALL {
            bytes.set(state, self.amount(state).and_then(|amount| amount.bytes(ram_mib)));
        }
        bytes
    }

    fn suits(&self, setting: &Setting<'_>) -> bool {
        let ram = |test: &dyn Fn(u64) -> bool| setting.ram_mib.is_some_and(test);
        let version = setting.version.or_else(|| setting.platform.newest());
        !self.shown_only
            && (self.systems.is_empty() || self.systems.contains(&setting.platform))
            && self.ram_from_mib.is_none_or(|from| ram(&|ram| ram >= from))
            && self.ram_below_mib.is_none_or(|below| ram(&|ram| ram < below))
            && self.from_version.is_none_or(|from| version.is_some_and(|version| version >= from))
            && self.below_version.is_none_or(|below| version.is_some_and(|version| version < below))
            && (self.devices.is_empty() || self.devices.iter().any(|slug| slug == setting.device))
    }
}

impl Entry {
    /// Where a class's figures are from.
    pub fn source_of<'a>(&'a self, class: &'a Class) -> &'a str {
        class.source.as_deref().unwrap_or(&self.source)
    }

    /// How a class's figures are known.
    pub fn confidence_of(&self, class: &Class) -> Confidence {
        class.confidence.unwrap_or(self.confidence)
    }

    /// Whether it holds on a system by itself, without being named.
    pub fn holds(&self, setting: &Setting<'_>) -> bool {
        let version = setting.version.or_else(|| setting.platform.newest());
        self.systems.contains(&setting.platform)
            && !self.named_only
            && self.from_version.is_none_or(|from| version.is_some_and(|version| version >= from))
    }

    /// The class that holds, if any is known.
    pub fn class(&self, setting: &Setting<'_>) -> Option<&Class> {
        self.classes.iter().find(|class| class.suits(setting))
    }

    /// The limit on a device; none where no class suits it or nothing is known in the foreground.
    pub fn limit(&self, setting: &Setting<'_>) -> Option<Limit> {
        let class = self.class(setting)?;
        let mut states = class.bytes(setting.ram_mib);
        // Where the system does not tell states apart, one is as good as another.
        if setting.platform.states().len() == 1 {
            states = ByState::same(states.get(State::Foreground)?);
        }
        let confidence = self.confidence_of(class);
        let kind = if class.sample { SourceKind::Estimate } else { confidence.kind() };
        let from = self.source_of(class);
        let text = match (class.sample, class.note.as_str()) {
            (true, _) => format!("a sample, not a phone's own ({from})"),
            (false, "") => from.to_owned(),
            // Where a rule of our own makes the number, the rule says more than what it started from.
            (false, note) if kind == SourceKind::Estimate => note.to_owned(),
            (false, note) => format!("{note} ({from})"),
        };
        Some(Limit {
            id: self.name.clone(),
            title: self.title.clone(),
            counts: Counts::of(&self.counts),
            card: None,
            bytes: states.get(State::Foreground)?,
            states,
            beyond: class.beyond.unwrap_or(self.beyond),
            source: Source { kind, text },
            on_request: self.on_request.is_some(),
        })
    }
}
