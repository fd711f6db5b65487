//! `profile-mmap` under a filter like that of Android's applications: a system call that is not listed is no error to
//! be handled but a signal that ends the process.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![expect(unsafe_code, reason = "a seccomp filter is installed between fork and exec")]

use dhurandhar_core::measurement::{Measurement, MmapProfile, VerdictResult};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// Calls that newer kernels have and that application filters do not know.
const UNLISTED: [libc::c_long; 5] = [
    libc::SYS_io_uring_setup,
    libc::SYS_openat2,
    libc::SYS_close_range,
    libc::SYS_pidfd_open,
    // cachestat, the same number on every architecture.
    451,
];

/// A filter that answers `forbidden` with SIGSYS and allows everything else.
#[cfg(test)]
fn filter(forbidden: &[libc::c_long]) -> Vec<libc::sock_filter> {
    let instruction = |code: u32, jt: usize, k: u32| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt: u8::try_from(jt).unwrap(),
        jf: 0,
        k,
    };
    // The number of the call is the first word of what a filter sees.
    let mut program = vec![instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (at, number) in forbidden.iter().enumerate() {
        // Over the remaining comparisons and the permission to the trap.
        let trap = forbidden.len() - at;
        let number = u32::try_from(*number).unwrap();
        program.push(instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, trap, number));
    }
    program.push(instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    program.push(instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_TRAP));
    program
}

/// Has `command` and all its children live under the filter.
#[cfg(test)]
fn confine(command: &mut Command, forbidden: &[libc::c_long]) {
    let mut program = filter(forbidden);
    // SAFETY: two system calls with pointers into memory that the closure owns; nothing is allocated after fork.
    unsafe {
        command.pre_exec(move || {
            let filter = libc::sock_fprog {
                len: u16::try_from(program.len()).unwrap_or(u16::MAX),
                filter: program.as_mut_ptr(),
            };
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) != 0
            {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// A small quick run under the filter: how it ended, and its report if it wrote one.
#[cfg(test)]
fn profile(directory: &Path, forbidden: &[libc::c_long]) -> (ExitStatus, String, Option<MmapProfile>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhurandhar"));
    command.current_dir(directory).args(["profile-mmap", "--quick", "--scale", "0.01", "--num-tokens", "40"]);
    command.args(["--output", "r.json"]);
    confine(&mut command, forbidden);
    let output = command.output().unwrap();
    let text = std::fs::read_to_string(directory.join("r.json")).ok();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status, complaint, text.map(|text| MmapProfile::read(&text).unwrap()))
}

/// A directory beside the program: the system's temporary one may be memory.
#[cfg(test)]
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(Path::new(env!("CARGO_BIN_EXE_dhurandhar")).parent().unwrap()).unwrap()
}

#[test]
fn the_filter_kills_who_makes_a_forbidden_call() {
    let mut command = Command::new("true");
    confine(&mut command, &[libc::SYS_exit_group]);
    let status = command.status().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGSYS));
}

#[test]
fn a_run_needs_no_call_that_application_filters_forbid() {
    let directory = directory();
    let (status, complaint, report) = profile(directory.path(), &UNLISTED);
    assert!(matches!(status.code(), Some(0 | 1)), "{status} {complaint}");
    let report = report.expect(&complaint);
    assert!(report.configurations.iter().all(|c| c.failures.is_empty()), "{complaint}");
    assert!(report.configurations.iter().any(|c| c.summary.is_some()));
}

#[test]
fn an_engine_behind_a_forbidden_call_is_left_out_with_the_reason() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhurandhar"));
    command.args(["profile-mmap", "--plan"]);
    confine(&mut command, &UNLISTED);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("SIGSYS"), "{text}");
    assert!(text.contains("pread/cold") && !text.contains("io_uring/cold"), "{text}");
}

#[test]
fn a_child_that_is_killed_for_a_call_is_a_result() {
    // The children count their faults with this call; the parent does not.
    let directory = directory();
    let (status, complaint, report) = profile(directory.path(), &[libc::SYS_getrusage]);
    assert!(status.code().is_some(), "{status} {complaint}");
    let report = report.expect(&complaint);
    let killed: Vec<_> = report.configurations.iter().filter(|c| !c.failures.is_empty()).collect();
    assert!(!killed.is_empty(), "{complaint}");
    for configuration in killed {
        assert!(configuration.failures.iter().all(|f| f.detail.contains("SIGSYS")), "{configuration:?}");
        assert!(configuration.summary.is_none());
    }
    assert_ne!(report.verdict.result, VerdictResult::Pass);
}
