//! The processor: what it can compute with, and how threads are scheduled on it.

use super::proc;
use std::io;

/// The widest vector instructions of this processor that decide which weights llama.cpp packs.
pub(crate) fn processor() -> &'static str {
    let flags = proc::text("/proc/cpuinfo").unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    match () {
        () if has("avx512f") && has("avx512bw") => "avx512",
        () if has("avx2") => "avx2",
        () if has("asimddp") => "dotprod",
        () => "other",
    }
}

/// The instruction sets of this processor that models' kernels use, by their usual names.
pub(crate) fn instruction_sets() -> Vec<&'static str> {
    let flags = proc::text("/proc/cpuinfo").unwrap_or_default();
    let words: std::collections::BTreeSet<&str> = flags.split_whitespace().collect();
    let known = [
        ("avx2", "AVX2"),
        ("fma", "FMA"),
        ("f16c", "F16C"),
        ("avx_vnni", "AVX-VNNI"),
        ("avx512f", "AVX-512"),
        ("avx512_vnni", "AVX-512 VNNI"),
        ("avx512_bf16", "AVX-512 BF16"),
        ("amx_int8", "AMX"),
        ("asimd", "NEON"),
        ("asimddp", "dot products"),
        ("i8mm", "8-bit matrix products"),
        ("sve", "SVE"),
        ("sve2", "SVE2"),
        ("sme", "SME"),
    ];
    known.iter().filter(|(flag, _)| words.contains(flag)).map(|(_, name)| *name).collect()
}

/// Puts this thread, and those it starts, under the lowest real-time priority.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "sched_setscheduler has no safe wrapper")]
pub(crate) fn realtime() -> io::Result<()> {
    // The kernel's own structure: one number. The call itself, because musl's wrapper refuses without asking.
    let lowest: libc::c_int = 1;
    // SAFETY: the pointer is valid for the length of the call; process 0 is the calling thread.
    match unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const lowest) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Only implemented for Linux and Android.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn realtime() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
