//! Counters of this process: faults, device bytes, run delay, context switches.

use dhurandhar_core::measurement::Counters;

/// All counters as they stand now.
#[cfg(unix)]
pub(crate) fn read() -> Counters {
    let usage = usage();
    let number = |value: libc::c_long| u64::try_from(value).ok();
    let nanoseconds = |time: libc::timeval| {
        let micros = u64::try_from(time.tv_usec).ok()?;
        Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + micros * 1000)
    };
    Counters {
        major_faults: usage.and_then(|u| number(u.ru_majflt)),
        minor_faults: usage.and_then(|u| number(u.ru_minflt)),
        device_read_bytes: super::proc::field("/proc/self/io", "read_bytes:"),
        run_delay_ns: super::proc::run_delay_ns(),
        voluntary_switches: usage.and_then(|u| number(u.ru_nvcsw)),
        involuntary_switches: usage.and_then(|u| number(u.ru_nivcsw)),
        user_ns: usage.and_then(|u| nanoseconds(u.ru_utime)),
        system_ns: usage.and_then(|u| nanoseconds(u.ru_stime)),
    }
}

/// Nothing is counted outside Unix.
#[cfg(not(unix))]
pub(crate) fn read() -> Counters {
    Counters::default()
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "getrusage has no safe wrapper")]
fn usage() -> Option<libc::rusage> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for one `rusage`, which the call fills in when it returns 0.
    unsafe { (libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) == 0).then(|| usage.assume_init()) }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    #[test]
    fn touching_memory_counts_faults() {
        let before = super::read();
        // Larger than what an allocator keeps from other tests, whose pages were touched already.
        let block = vec![1_u8; 64 << 20];
        assert_eq!(block.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>(), 16 << 10);
        let after = super::read();
        assert!(after.minor_faults > before.minor_faults);
        assert!(after.device_read_bytes >= before.device_read_bytes);
    }
}
