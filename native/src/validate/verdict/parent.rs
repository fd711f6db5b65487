//! The parent's side: start a child, hear it until it ends or its time is up, and say how it ended.

use super::child::{Event, Task};
use anyhow::Context;
use dhurandhar_core::measurement::{DecodedToken, LoggedMemory, VerdictEnding, VerdictStep};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What came of a child.
#[derive(Debug)]
pub(super) enum Reply {
    Measured(Seen),
    Failed(String),
}

/// What a child said before it ended.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) runtime: Option<String>,
    pub(super) logged: LoggedMemory,
    pub(super) steps: Vec<VerdictStep>,
    pub(super) tokens: Vec<DecodedToken>,
    pub(super) ending: VerdictEnding,
}

/// Words of a runtime that was refused memory rather than ended.
const REFUSALS: [&str; 4] = ["allocat", "out of memory", "bad_alloc", "mlock"];

/// Run a task and wait for it, at most `seconds`.
pub(super) fn measure(task: &Task, seconds: u64) -> anyhow::Result<Reply> {
    let mut child = Command::new(std::env::current_exe().context("cannot find this program")?)
        .args(["validate-verdict", "--run-case"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start a child process")?;
    let mut stdin = child.stdin.take().context("the child has no input")?;
    // A child that died already shows in its status, not here.
    let _ = stdin.write_all(&serde_json::to_vec(task)?);
    drop(stdin);
    let stdout = child.stdout.take().context("the child has no output")?;
    let stderr = child.stderr.take().context("the child has no output for errors")?;
    let (send, events) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // The other end is gone when time is up.
            if send.send(line).is_err() {
                break;
            }
        }
    });
    let complaints = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = BufReader::new(stderr).read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut seen = Seen {
        runtime: None,
        logged: LoggedMemory::default(),
        steps: Vec::new(),
        tokens: Vec::new(),
        ending: VerdictEnding::Complete,
    };
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut failure = None;
    let late = loop {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => match serde_json::from_str(&line) {
                Ok(Event::Runtime(version)) => seen.runtime = Some(version),
                Ok(Event::Step(step)) => seen.steps.push(step),
                Ok(Event::Logged(logged)) => seen.logged = logged,
                Ok(Event::Token(token)) => seen.tokens.push(token),
                Ok(Event::Failed(reason)) => failure = Some(reason),
                // A line cut short by the end of the process.
                Err(_) => {}
            },
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if late {
        child.kill().context("cannot end the child process")?;
    }
    let status = child.wait().context("cannot wait for the child process")?;
    let complaint = complaints.join().unwrap_or_default();
    Ok(match ending(late, status, failure, &complaint) {
        Ok(ending) => Reply::Measured(Seen { ending, ..seen }),
        Err(reason) => Reply::Failed(reason),
    })
}

/// How a run ended, or why it is none.
fn ending(
    late: bool,
    status: ExitStatus,
    failure: Option<String>,
    complaint: &str,
) -> Result<VerdictEnding, String> {
    if late {
        return Ok(VerdictEnding::TimedOut);
    }
    if was_killed(status) {
        return Ok(VerdictEnding::Killed);
    }
    let why = failure.or_else(|| {
        let line = || complaint.lines().find(|line| line.contains("error") || line.contains("bad_alloc"));
        (!status.success()).then(|| format!("the child ended with {status}: {}", line().unwrap_or("no word")))
    });
    match why {
        None => Ok(VerdictEnding::Complete),
        Some(why) if REFUSALS.iter().any(|word| why.contains(word)) => Ok(VerdictEnding::Refused),
        Some(why) => Err(why),
    }
}

#[cfg(unix)]
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(libc::SIGKILL)
}

#[cfg(not(unix))]
fn was_killed(_status: ExitStatus) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn every_end_is_told_apart() {
        let of = |late, raw, failure: Option<&str>, complaint| {
            ending(late, ExitStatus::from_raw(raw), failure.map(str::to_owned), complaint)
        };
        assert_eq!(of(false, 0, None, ""), Ok(VerdictEnding::Complete));
        assert_eq!(of(true, libc::SIGKILL, None, ""), Ok(VerdictEnding::TimedOut));
        assert_eq!(of(false, libc::SIGKILL, None, ""), Ok(VerdictEnding::Killed));
        let refused = of(false, 0, Some("the context was not made: failed to allocate buffer"), "");
        assert_eq!(refused, Ok(VerdictEnding::Refused));
        assert_eq!(of(false, libc::SIGABRT, None, "what(): std::bad_alloc"), Ok(VerdictEnding::Refused));
        assert!(of(false, 1 << 8, None, "error: cannot join").is_err_and(|why| why.contains("cannot join")));
    }
}
