//! Sums over parts that limits are compared with.

use super::part::{Component, Kind, Part, Pool, Touch};
use super::weights::mean_matrix;
use super::{EachCard, ONE_CARD};
use crate::device::Counts;
use crate::leaf::Interval;
use serde::Serialize;

/// What a run needs, by what may be dropped and what may not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Needs {
    /// Anonymous memory, a GPU's share of unified memory included: cannot be dropped.
    pub anonymous: Interval,
    /// The same without the GPU's share.
    pub host_anonymous: Interval,
    /// File pages that are locked or wired.
    pub wired: Interval,
    /// Weights in file pages that every token reads, all of them: the hot set.
    pub hot_file_bytes: u64,
    /// File pages of the runtime's code that every token runs through.
    pub code_bytes: u64,
    /// File pages of all experts.
    pub expert_file_bytes: u64,
    /// The part of those that one token reads.
    pub active_expert_bytes: u64,
    /// One expert's matrix, bytes; the mean where they differ.
    pub expert_matrix_bytes: u64,
    /// File pages of tables that are read by rows.
    pub table_file_bytes: u64,
    /// File pages that are read while the model is loaded and never again.
    pub load_file_bytes: u64,
    /// Tables that are read from storage row by row, whatever memory there is.
    pub storage_bytes: u64,
    /// All bytes in a GPU's pool; the first card's where there are several.
    pub gpu: Interval,
    /// Bytes on the other cards, by their place; the first's are not repeated.
    #[serde(skip_serializing_if = "is_nothing")]
    pub more_gpus: EachCard<Interval>,
}

fn is_nothing(cards: &EachCard<Interval>) -> bool {
    cards.iter().all(|size| size.high == 0)
}

impl Needs {
    /// Of these parts.
    pub fn of(parts: &[Part]) -> Self {
        parts.iter().fold(Self::default(), Self::with)
    }

    fn with(mut self, part: &Part) -> Self {
        if matches!(part.pool, Pool::Gpu | Pool::Vram) {
            match part.card {
                None | Some(0) => self.gpu += part.size,
                Some(card) if !ONE_CARD => self.more_gpus[card] += part.size,
                Some(_) => {}
            }
        }
        match (part.kind, part.touch) {
            _ if part.pool == Pool::Storage => self.storage_bytes += part.size.bytes,
            _ if part.pool == Pool::Vram => {}
            (Kind::Anonymous, _) => {
                self.anonymous += part.size;
                if part.pool == Pool::Host {
                    self.host_anonymous += part.size;
                }
            }
            (Kind::Wired, _) => self.wired += part.size,
            (Kind::File, Touch::Token) if part.component == Component::Libraries => {
                self.code_bytes += part.size.bytes;
            }
            (Kind::File, Touch::Token | Touch::Prompt) => self.hot_file_bytes += part.size.bytes,
            (Kind::File, Touch::Experts { active, of, matrix_bytes }) => {
                let other = (part.size.bytes, matrix_bytes);
                self.expert_matrix_bytes =
                    mean_matrix((self.expert_file_bytes, self.expert_matrix_bytes), other);
                self.expert_file_bytes += part.size.bytes;
                self.active_expert_bytes += part.size.bytes.saturating_mul(active) / of.max(1);
            }
            (Kind::File, Touch::Rows { .. }) => self.table_file_bytes += part.size.bytes,
            (Kind::File, Touch::Load | Touch::Never) => self.load_file_bytes += part.size.bytes,
        }
        self
    }

    /// Bytes on one of several cards, counted from 0, or on the only GPU.
    pub const fn on_card(&self, card: Option<usize>) -> Interval {
        match card {
            None | Some(0) => self.gpu,
            Some(card) => self.more_gpus[card],
        }
    }

    /// Bytes on all cards.
    pub fn on_gpus(&self) -> Interval {
        if ONE_CARD { self.gpu } else { self.more_gpus.iter().fold(self.gpu, |sum, size| sum + *size) }
    }

    /// What cannot be dropped: beyond it the process is ended.
    pub fn held(&self) -> Interval {
        self.anonymous + self.wired
    }

    /// File pages that every token touches, all of them: weights and the runtime's code.
    pub const fn dense_file_bytes(&self) -> u64 {
        self.hot_file_bytes + self.code_bytes
    }

    /// Whether most of the file pages that tokens touch are weights; elsewhere little but code can be dropped.
    pub const fn maps_weights(&self) -> bool {
        self.hot_file_bytes + self.expert_file_bytes > self.code_bytes
    }

    /// What must stay in memory for full speed, experts included; tables are left on storage.
    pub fn hot(&self) -> Interval {
        self.held() + self.dense_file_bytes() + self.expert_file_bytes
    }

    /// The same with every table in memory.
    pub fn resident(&self) -> Interval {
        self.hot() + self.table_file_bytes
    }

    /// Anonymous memory as a limit counts it: with a GPU's buffers or without.
    pub fn anonymous_in(&self, counts: Counts) -> Interval {
        match counts {
            Counts::HostAnonymous | Counts::HostMemory => self.host_anonymous,
            Counts::Memory | Counts::Anonymous | Counts::Gpu => self.anonymous,
        }
    }

    /// What a limit on the host's memory is compared with; with every table in memory where it is `resident`.
    pub fn counted(&self, counts: Counts, resident: bool) -> Interval {
        let anonymous = self.anonymous_in(counts);
        if !counts.has_files() {
            return anonymous;
        }
        let tables = if resident { self.table_file_bytes } else { 0 };
        anonymous + self.wired + self.dense_file_bytes() + self.expert_file_bytes + tables
    }

    /// The sums worth showing, by name: what full speed needs, what of it cannot be dropped, and more where there is more.
    pub fn totals(&self) -> Vec<(&'static str, Interval)> {
        let mut totals = vec![("Needed for full speed", self.hot()), ("of it anonymous", self.anonymous)];
        let gpus = self.on_gpus();
        if gpus.high > 0 {
            totals.push(("in the GPU's pool", gpus));
        }
        if self.table_file_bytes > 0 {
            totals.push(("With tables in memory", self.resident()));
        }
        if self.load_file_bytes > 0 {
            totals.push(("Resident set at most", self.peak()));
        }
        totals
    }

    /// The resident set when nothing is short of memory: everything the process has ever touched.
    pub fn peak(&self) -> Interval {
        self.resident() + self.load_file_bytes
    }
}

impl std::ops::Add for Needs {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            anonymous: self.anonymous + other.anonymous,
            host_anonymous: self.host_anonymous + other.host_anonymous,
            wired: self.wired + other.wired,
            hot_file_bytes: self.hot_file_bytes + other.hot_file_bytes,
            code_bytes: self.code_bytes + other.code_bytes,
            expert_file_bytes: self.expert_file_bytes + other.expert_file_bytes,
            active_expert_bytes: self.active_expert_bytes + other.active_expert_bytes,
            expert_matrix_bytes: mean_matrix(
                (self.expert_file_bytes, self.expert_matrix_bytes),
                (other.expert_file_bytes, other.expert_matrix_bytes),
            ),
            table_file_bytes: self.table_file_bytes + other.table_file_bytes,
            load_file_bytes: self.load_file_bytes + other.load_file_bytes,
            storage_bytes: self.storage_bytes + other.storage_bytes,
            gpu: self.gpu + other.gpu,
            more_gpus: if ONE_CARD {
                self.more_gpus
            } else {
                std::array::from_fn(|card| self.more_gpus[card] + other.more_gpus[card])
            },
        }
    }
}
