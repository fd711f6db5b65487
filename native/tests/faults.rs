//! Faults of storage and memory that a profiling run has to survive or refuse by name.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "a limit is set between fork and exec")]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dhurandhar");
/// Who owns nothing.
const NOBODY: u32 = 65534;

/// A directory beside the program: the system's temporary one may be memory.
#[cfg(test)]
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(Path::new(PROGRAM).parent().unwrap()).unwrap()
}

#[cfg(test)]
fn quick(directory: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(directory).args(["profile-mmap", "--quick", "--num-tokens", "40"]).args(more);
    command
}

#[cfg(test)]
fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[cfg(test)]
fn is_root() -> bool {
    // SAFETY: reads the caller's own identity.
    unsafe { libc::geteuid() == 0 }
}

#[cfg(test)]
fn run(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn a_disk_that_is_too_small_is_refused_before_anything_is_written() {
    let directory = directory();
    let (image, mount) = (directory.path().join("image"), directory.path().join("small"));
    std::fs::create_dir(&mount).unwrap();
    std::fs::File::create(&image).unwrap().set_len(48 << 20).unwrap();
    let (image, mount) = (image.to_str().unwrap(), mount.to_str().unwrap());
    if !is_root() || !run("mkfs.ext4", &["-q", "-F", image]) || !run("mount", &["-o", "loop", image, mount]) {
        eprintln!("skipped: no file system of 48 MiB can be mounted here");
        return;
    }
    let output = quick(Path::new(mount), &["--scale", "0.1", "--directory", "."]).output().unwrap();
    let left = std::fs::read_dir(mount)
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != "lost+found"));
    let left = left.count();
    assert!(run("umount", &[mount]));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("bytes free, the table needs"), "{}", stderr(&output));
    assert_eq!(left, 0);
}

#[test]
fn a_directory_of_somebody_else_is_refused_by_name() {
    if !is_root() {
        eprintln!("skipped: only root can become somebody else");
        return;
    }
    let directory = directory();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = quick(directory.path(), &["--scale", "0.02"]).uid(NOBODY).gid(NOBODY).output();
    let Ok(output) = output else {
        eprintln!("skipped: the program lies where nobody else may run it");
        return;
    };
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).to_lowercase().contains("permission denied"), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn space_that_was_only_reserved_is_no_table() {
    // Reserved extents look full to a count of blocks and read as zeros without a single read.
    let directory = directory();
    let path = directory.path().join("reserved.bin");
    let file = std::fs::File::create(&path).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 40 << 20).unwrap();
    let arguments = ["--scale", "0.025", "--table", "reserved.bin", "--keep"];
    let output = quick(directory.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("left as it is"), "{}", stderr(&output));
    assert_eq!(path.metadata().unwrap().len(), 40 << 20);
}

#[test]
fn a_balloon_that_memory_cannot_hold_ends_by_itself() {
    let mut command = Command::new(PROGRAM);
    command.args(["worker", "balloon"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: one system call with a pointer to a local value.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 256 << 20, rlim_max: 256 << 20 };
            match libc::setrlimit(libc::RLIMIT_AS, &raw const limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"8000000000\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(output.stdout, b"", "it never says that it is up");
    assert!(stderr(&output).contains("no more memory"), "{}", stderr(&output));
}
