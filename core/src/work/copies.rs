//! Copies within memory, which a page times.

use super::Answer;
use crate::codec::sweep::Progress;

/// Most MiB of a copy: twice as much is taken from a device that may have 2 GiB.
const MOST_COPIED_MIB: usize = 128;

pub(super) fn copies(mib: usize, times: usize, tell: &mut impl FnMut(Answer)) -> Result<(), String> {
    if !(1..=MOST_COPIED_MIB).contains(&mib) {
        return Err(format!("copies of {mib} MiB; expected 1 to {MOST_COPIED_MIB}"));
    }
    let half = mib << 20;
    let mut memory = Vec::new();
    memory.try_reserve_exact(2 * half).map_err(|_| format!("no {} MiB of memory to copy within", 2 * mib))?;
    memory.resize(2 * half, 1_u8);
    for done in 1..=times {
        memory.copy_within(..half, half);
        std::hint::black_box(&mut memory);
        tell(Answer::Progress(Progress { done, total: times }));
    }
    Ok(())
}

/// Bytes that a copy of so many MiB moves a second, in GB/s, where it took these milliseconds each time: each byte is read and
/// written, and the median is what counts. None without a time.
pub fn copied_gb_per_s(mib: usize, took_ms: &[f64]) -> Option<f64> {
    let mut sorted = took_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().filter(|ms| *ms > 0.0)?;
    Some((2 * (mib << 20)) as f64 / median / 1e6)
}
