//! What an unhappy end of a child means.

use super::spec::Reply;
use std::process::ExitStatus;

/// The reply of a child that gave none.
#[cfg(unix)]
pub(super) fn interpret(status: ExitStatus, complaint: &str) -> Reply {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(libc::SIGBUS) => Reply::failed(
            "signal",
            "SIGBUS: the file was cut short or its storage failed under the mapping".to_owned(),
        ),
        Some(libc::SIGKILL) => Reply::failed(
            "out_of_memory",
            "SIGKILL: the system ended it, most likely for its memory".to_owned(),
        ),
        Some(libc::SIGSYS) => {
            Reply::failed("signal", "SIGSYS: a system call is forbidden to this process".to_owned())
        }
        Some(number) => Reply::failed("signal", format!("ended by signal {number}")),
        None => Reply::failed("refused", format!("{status}: {complaint}")),
    }
}

#[cfg(not(unix))]
pub(super) fn interpret(status: ExitStatus, complaint: &str) -> Reply {
    Reply::failed("refused", format!("{status}: {complaint}"))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::interpret;
    use crate::profile::spec::Reply;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn every_end_of_a_child_has_a_name() {
        let kind = |raw| match interpret(ExitStatus::from_raw(raw), "no such file") {
            Reply::Failed(failure) => (failure.kind, failure.detail),
            Reply::Windows(_) => (String::new(), String::new()),
        };
        assert_eq!(kind(libc::SIGBUS).0, "signal");
        assert_eq!(kind(libc::SIGKILL).0, "out_of_memory");
        assert!(kind(libc::SIGSYS).1.contains("forbidden"));
        assert_eq!(kind(1 << 8), ("refused".to_owned(), "exit status: 1: no such file".to_owned()));
    }
}
