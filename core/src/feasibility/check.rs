//! One limit against one run: does it pass, what happens otherwise, and from how many bytes on it would.

use crate::device::{Beyond, Counts, Limit, State};
use crate::leaf::Interval;
use crate::leaf::named;
use crate::leaf::number::grouped;
use crate::placement::{Held, Needs, READ_AHEAD_BYTES, ReRead, held};
use serde::Serialize;

/// How a run fares under one limit, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Everything it counts fits.
    Passes,
    /// It passes when tables are left on storage and read by rows.
    PassesWithTablesOnStorage,
    /// Weights are dropped and read from storage again for every token.
    Slows {
        /// Bytes read for a token.
        reread: ReRead,
    },
    /// The process is ended, or its allocations fail.
    Fails,
}

impl Outcome {
    /// What a limit makes of a run with these needs, at their expected bytes.
    pub fn of(limit: &Limit, needs: &Needs) -> Self {
        outcome(limit, needs, expected)
    }

    /// Whether everything that the limit counts fits, tables left on storage where they have to be.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Passes | Self::PassesWithTablesOnStorage)
    }

    /// In few words, where many are told of in one sentence.
    pub const fn short(&self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::PassesWithTablesOnStorage => "passes with tables on storage",
            Self::Slows { .. } => "slower",
            Self::Fails => "fails",
        }
    }

    /// For ordering: what matters to a verdict, then how many bytes are read.
    pub(super) const fn rank(self) -> (u8, u64) {
        match self {
            Self::Passes => (0, 0),
            Self::PassesWithTablesOnStorage => (1, 0),
            Self::Slows { reread } => (2, reread.expected),
            Self::Fails => (3, 0),
        }
    }
}

/// Whether the intervals of need and limit leave doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Both ends of the need agree, and the limit is a stated or published number.
    Certain,
    /// Both ends agree, but the limit is an estimate, or what a program chooses is.
    Likely,
    /// The limit lies within the need's interval: measure before deciding.
    Borderline,
}

named!(Certainty { Certain "certain", Likely "likely", Borderline "borderline" });

/// A limit and what a run makes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Check {
    /// The limit.
    pub limit: Limit,
    /// What happens.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How sure that is.
    pub certainty: Certainty,
    /// Bytes that the run needs in the way it would run: with tables in memory where they fit, on storage otherwise.
    pub needed: Interval,
    /// The limit less the expected need; negative when short.
    pub headroom_bytes: i64,
    /// From this many bytes on the run goes at full speed with its tables on storage.
    pub runs_from_bytes: u64,
    /// From this many bytes on everything stays in memory.
    pub resident_from_bytes: u64,
    /// What happens in the other states of the process, where the limit allows other bytes there; filled by
    /// [`crate::report::Report::explained`].
    pub elsewhere: Vec<Elsewhere>,
    /// The same in a sentence.
    pub text: String,
}

/// A limit in another state of the process.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Elsewhere {
    /// The state.
    pub state: State,
    /// Bytes allowed there.
    pub bytes: u64,
    /// What happens.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What happens to a run that needs `needs`, anonymous memory being at this end of its interval.
pub(super) fn outcome(limit: &Limit, needs: &Needs, end: fn(&Interval) -> u64) -> Outcome {
    let anonymous = needs.anonymous_in(limit.counts);
    match limit.counts {
        Counts::Memory | Counts::HostMemory => {
            match held(needs, end(&anonymous), limit.bytes, READ_AHEAD_BYTES) {
                Held::Everything if needs.storage_bytes > 0 => Outcome::PassesWithTablesOnStorage,
                Held::Everything => Outcome::Passes,
                Held::TablesOnStorage => Outcome::PassesWithTablesOnStorage,
                Held::Rereads(reread) if limit.beyond.drops_file_pages() => Outcome::Slows { reread },
                Held::Rereads(_) | Held::Ended => Outcome::Fails,
            }
        }
        Counts::Anonymous | Counts::HostAnonymous if end(&anonymous) <= limit.bytes => Outcome::Passes,
        Counts::Gpu if end(&needs.on_card(limit.card)) <= limit.bytes => Outcome::Passes,
        Counts::Anonymous | Counts::HostAnonymous | Counts::Gpu => Outcome::Fails,
    }
}

/// The least and the most bytes that are read again for a token, over both intervals: that of the need and its own; none
/// where nothing is expected to be read again.
pub(super) fn reread_at_ends(limit: &Limit, needs: &Needs) -> Option<(u64, u64)> {
    let of = |end| match outcome(limit, needs, end) {
        Outcome::Slows { reread } => Some(reread),
        _ => None,
    };
    let now = of(expected)?;
    let (low, high) =
        (of(|interval| interval.low).unwrap_or(now), of(|interval| interval.high).unwrap_or(now));
    Some((low.low, high.high))
}

/// The expected end of an interval.
pub(super) fn expected(interval: &Interval) -> u64 {
    interval.bytes
}

/// Whether the limit lies within the interval of what it counts.
pub(super) fn is_borderline(limit: &Limit, needs: &Needs) -> bool {
    let now = outcome(limit, needs, expected);
    let ends: [fn(&Interval) -> u64; 2] = [|interval| interval.low, |interval| interval.high];
    ends.iter().any(|end| outcome(limit, needs, *end).rank().0 != now.rank().0)
}

impl Check {
    /// Check `needs` against `limit`.
    pub(super) fn of(limit: Limit, needs: &Needs, state: State) -> Self {
        let now = outcome(&limit, needs, expected);
        // Whether a driver spills is a setting, and second hand.
        let unsure = limit.is_estimate() || limit.beyond == Beyond::Spills && now == Outcome::Fails;
        let certainty = match (is_borderline(&limit, needs), unsure) {
            (true, _) => Certainty::Borderline,
            (false, true) => Certainty::Likely,
            (false, false) => Certainty::Certain,
        };
        let (runs, resident) = match limit.counts {
            Counts::Gpu => (needs.on_card(limit.card), needs.on_card(limit.card)),
            counts => (needs.counted(counts, false), needs.counted(counts, true)),
        };
        let needed = if now == Outcome::Passes { resident } else { runs };
        let mut check = Self {
            outcome: now,
            certainty,
            needed,
            headroom_bytes: difference(limit.bytes, needed.bytes),
            runs_from_bytes: runs.bytes,
            resident_from_bytes: resident.bytes,
            elsewhere: Vec::new(),
            text: String::new(),
            limit,
        };
        check.text = check.sentence(state, needs);
        check
    }

    fn sentence(&self, state: State, needs: &Needs) -> String {
        let buffers = self.limit.counts == Counts::Anonymous && needs.anonymous != needs.host_anonymous;
        let counts = if buffers { "anonymous memory and GPU buffers" } else { self.limit.counts.title() };
        let needed = range(&self.needed);
        let allowed = grouped(self.limit.bytes >> 20);
        let mut spare = mib(self.headroom_bytes.unsigned_abs());
        let whereabouts =
            if self.limit.states.differs() { format!(" in {}", state.title()) } else { String::new() };
        let mut of_it = String::new();
        if self.outcome == Outcome::Fails && self.limit.beyond.drops_file_pages() {
            // File pages would leave first: what is left of the need alone is too much.
            let held = needs.anonymous_in(self.limit.counts) + needs.wired;
            spare = mib(held.bytes.saturating_sub(self.limit.bytes));
            of_it = format!(", {} of it cannot be dropped", range(&held));
        }
        let start = format!("needs {needed} MiB of {counts}{of_it}; {allowed} allowed{whereabouts}");
        let near = if self.certainty == Certainty::Borderline { ", borderline" } else { "" };
        match self.outcome {
            Outcome::Passes => format!("{start}: passes, {spare} MiB to spare{near}"),
            Outcome::PassesWithTablesOnStorage => {
                format!("{start}: passes with tables on storage, {spare} MiB to spare{near}")
            }
            Outcome::Slows { reread } => format!(
                "{start}: {spare} MiB short{near}, so about {} MiB of {} are read again for every token",
                mib(reread.expected),
                if needs.maps_weights() { "weights" } else { "the runtime's code" }
            ),
            Outcome::Fails => {
                let what = match self.limit.beyond {
                    Beyond::Fails => "allocations fail",
                    Beyond::Evicts | Beyond::Ends | Beyond::EndsLater => "the process is ended",
                    Beyond::Throttles => {
                        "the process is held back, and its own pages are compressed or swapped out"
                    }
                    Beyond::LessVisible => "the store shows the app less, and may refuse updates",
                    Beyond::Spills => {
                        "the driver moves the rest to the host's memory, or allocations fail where that is off"
                    }
                    Beyond::Swaps | Beyond::Stutters => "slower",
                };
                format!("{start}: fails, {spare} MiB short{near}; {what}")
            }
        }
    }

    /// Adds what happens in the other states, to the data and to the sentence.
    pub(super) fn explain(&mut self, needs: &Needs, state: State) {
        self.elsewhere = elsewhere(&self.limit, needs, state);
        let mut text = std::mem::take(&mut self.text);
        let mut others = self.elsewhere.iter().peekable();
        while let Some(other) = others.next() {
            text += "; in ";
            text += other.state.title();
            // States that allow the same are said once.
            if let Some(alike) = others.next_if(|next| next.bytes == other.bytes) {
                text += " or ";
                text += alike.state.title();
            }
            text += " ";
            text += &grouped(other.bytes >> 20);
            text += ": ";
            text += other.outcome.short();
        }
        self.text = text;
    }
}

/// What happens in the states that allow other bytes.
fn elsewhere(limit: &Limit, needs: &Needs, state: State) -> Vec<Elsewhere> {
    let other = |(_, state): &(&str, State)| {
        let there = limit.in_state(*state)?;
        let outcome = outcome(&there, needs, expected);
        (there.bytes != limit.bytes).then_some(Elsewhere { state: *state, bytes: there.bytes, outcome })
    };
    State::RUNNING.iter().filter(|(_, known)| *known != state).filter_map(other).collect()
}

/// From low to high, MiB.
fn range(interval: &Interval) -> String {
    let (low, high) = (mib(interval.low), mib(interval.high));
    if low == high { low } else { format!("{low} to {high}") }
}

/// To the nearest, as tables of the same numbers are written.
fn mib(bytes: u64) -> String {
    grouped((bytes + (1 << 19)) >> 20)
}

pub(super) fn difference(limit: u64, needed: u64) -> i64 {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    signed(limit) - signed(needed)
}
