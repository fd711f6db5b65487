//! What a limit on memory does to a run: nothing, reads from storage for every token, or its end.
//!
//! The rules are those of 88 runs of llama.cpp in memory cgroups, dense, with experts and with per-layer tables, and of the
//! runs that `validate-verdict` adds. A decoded token walks dense weights from end to end, so a cache that drops what came
//! longest ago drops every page before its turn: once the hot set does not fit, nearly all of it is read again, not the
//! part that is missing; where next to nothing is missing, the kernel's list of pages in use keeps part of it. Experts are drawn anew for every token, so they miss in proportion to what does not fit.

use super::Needs;
use crate::leaf::cast::to_u64;
use crate::leaf::number::within;
use serde::Serialize;

/// Linux's usual read-ahead, bytes: a fault on a mapped file reads up to this far around it.
pub const READ_AHEAD_BYTES: u64 = 131_072;
/// The dense hot set keeps its place as long as three tokens' experts fit beside it.
const EXPERTS_OF_TOKENS: u64 = 3;
/// Share of the dense hot set from which part of it stays: below, 50 runs read 0.93 to 1.03 of it again for every token (the
/// middle half); above, 19 runs read 0.10 to 1.00 of it, and 0.42 at the median.
const NEARLY_ALL: f64 = 0.925;
/// What of it is read again there.
const READ_OF_NEARLY_ALL: f64 = 0.42;
/// Exponent of the share of experts that misses: 1 for uniform routing, up to this for the skewed routing of real text.
const SKEWED: i32 = 4;

/// Bytes read from storage for every token in the steady state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReRead {
    /// Lower end, bytes.
    pub low: u64,
    /// Expected, bytes.
    pub expected: u64,
    /// Upper end, bytes.
    pub high: u64,
}

/// How a run fares within a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Everything that is ever touched again stays in memory.
    Everything,
    /// Everything but tables, whose rows are read from storage as they are needed.
    TablesOnStorage,
    /// Weights are dropped and read again for every token.
    Rereads(ReRead),
    /// Memory that cannot be dropped is more than there is: the process is ended.
    Ended,
}

/// How a run of `needs` with `anonymous` bytes of anonymous memory fares within `limit` bytes of memory of all kinds.
///
/// `anonymous` is stated separately since it alone is uncertain; `read_ahead` is in bytes, [`READ_AHEAD_BYTES`] unless the
/// storage is known.
pub fn held(needs: &Needs, anonymous: u64, limit: u64, read_ahead: u64) -> Held {
    let fixed = anonymous.saturating_add(needs.wired.bytes);
    let Some(pages) = limit.checked_sub(fixed) else { return Held::Ended };
    let (dense, experts) = (needs.dense_file_bytes(), needs.expert_file_bytes);
    if pages >= dense + experts + needs.table_file_bytes {
        return Held::Everything;
    }
    if pages >= dense + experts {
        return Held::TablesOnStorage;
    }
    if experts == 0 {
        let all = dense as f64;
        let read = if pages as f64 >= NEARLY_ALL * all { READ_OF_NEARLY_ALL } else { 1.0 };
        return Held::Rereads(ReRead { low: dense - pages, expected: bytes(read * all), high: dense });
    }
    Held::Rereads(of_experts(needs, pages, read_ahead))
}

/// Reads of a token of a mixture whose file pages have `pages` bytes to stay in.
fn of_experts(needs: &Needs, pages: u64, read_ahead: u64) -> ReRead {
    let (dense, active) = (needs.dense_file_bytes(), needs.active_expert_bytes);
    let ahead = 1.0 + 2.0 * read_ahead as f64 / needs.expert_matrix_bytes.max(1) as f64;
    let all = dense + bytes(ahead * active as f64);
    let missing = |pages: u64, exponent: i32| {
        let cached = pages.saturating_sub(dense) as f64 / needs.expert_file_bytes as f64;
        let read = ahead * active as f64 * within(1.0 - cached, 0.0, 1.0).powi(exponent);
        bytes(read)
    };
    let settled = dense + EXPERTS_OF_TOKENS * active;
    if pages >= settled {
        return ReRead { low: missing(pages, SKEWED), expected: missing(pages, 1), high: missing(pages, 1) };
    }
    if pages <= dense + active {
        return ReRead { low: missing(pages, 1).min(all), expected: all, high: all };
    }
    // Between the two the dense part begins to lose its place.
    let share = (pages - dense - active) as f64 / (settled - dense - active).max(1) as f64;
    let kept = missing(settled, 1);
    let expected = bytes(all as f64 - share * all.saturating_sub(kept) as f64);
    ReRead { low: missing(pages, SKEWED), expected, high: all }
}

fn bytes(value: f64) -> u64 {
    to_u64(value.round())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::Interval;
    use proptest::prelude::*;

    use crate::leaf::units::MIB;

    fn dense(anonymous: u64, hot: u64) -> Needs {
        Needs { anonymous: Interval::exact(anonymous * MIB), hot_file_bytes: hot * MIB, ..Needs::default() }
    }

    fn outcome(needs: &Needs, limit: u64) -> Held {
        held(needs, needs.anonymous.bytes, limit * MIB, READ_AHEAD_BYTES)
    }

    /// Llama 3.2 1B q4_0 without a packed copy: measured 728 MiB a token at limits of 850 and 780.
    #[test]
    fn dense_weights_are_read_whole_once_they_do_not_fit() {
        let llama = dense(178, 728);
        assert_eq!(outcome(&llama, 906), Held::Everything);
        for limit in [850, 780] {
            let Held::Rereads(read) = outcome(&llama, limit) else { panic!("{limit}") };
            assert_eq!((read.expected, read.low), (728 * MIB, (906 - limit) * MIB));
        }
        assert_eq!(outcome(&llama, 177), Held::Ended);
    }

    /// Nineteen runs just below their cliffs: 0.42 of the whole at the median, and never more than all of it.
    #[test]
    fn just_below_the_cliff_part_of_it_stays() {
        let Held::Rereads(read) = outcome(&dense(100, 1000), 1050) else { panic!("fits") };
        assert_eq!([read.low, read.expected, read.high], [50, 420, 1000].map(|mib| mib * MIB));
    }

    /// Eight layers of Qwen3-30B-A3B at q4_k_m, which need 3,212 MiB: measured 36, 110 and 198 MiB a token at 2,700, 1,900 and 1,100 MiB.
    #[test]
    fn experts_miss_in_proportion() {
        let needs = Needs {
            anonymous: Interval::exact(261 * MIB),
            hot_file_bytes: 347 * MIB,
            expert_file_bytes: 2604 * MIB,
            active_expert_bytes: 2604 * MIB / 16,
            expert_matrix_bytes: 864 * 1024,
            ..Needs::default()
        };
        for (limit, measured) in [(2700, 36.0), (1900, 110.0), (1100, 198.0)] {
            let Held::Rereads(read) = outcome(&needs, limit) else { panic!("{limit}") };
            let expected = read.expected as f64 / MIB as f64;
            assert!((expected / measured - 1.0).abs() < 0.25, "{limit}: {expected} against {measured}");
            assert!(read.low <= read.expected && read.expected <= read.high);
        }
    }

    proptest! {
        /// More memory never makes a run worse.
        #[test]
        fn more_memory_is_never_worse(
            anonymous in 0_u64..2000, hot in 0_u64..2000, experts in 0_u64..4000, of in 1_u64..128, limit in 0_u64..9000,
        ) {
            let needs = Needs {
                expert_file_bytes: experts * MIB,
                active_expert_bytes: experts * MIB / of,
                expert_matrix_bytes: MIB,
                ..dense(anonymous, hot)
            };
            let rank = |held| match held {
                Held::Everything => (0, 0),
                Held::TablesOnStorage => (1, 0),
                Held::Rereads(read) => (2, read.expected),
                Held::Ended => (3, 0),
            };
            prop_assert!(rank(outcome(&needs, limit + 1)) <= rank(outcome(&needs, limit)));
        }
    }
}
