//! Work in a process of its own: this program again, as its hidden `worker` command, with a task on standard input and
//! an answer on standard output. A process that dies is a result, and its peaks of memory are its own.

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What a worker can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Job {
    /// Run one block of a profile
    Block,
    /// Try io_uring
    IoUring,
    /// Sweep a decoder while the table is read
    Sweep,
    /// Hold memory until standard input ends
    Balloon,
    /// Look at memory while decoding goes on
    Memory,
    /// Run a case of validate-memory
    ValidateMemory,
    /// Answer a question of validate-sizes
    ValidateSizes,
    /// Run a case of validate-verdict
    ValidateVerdict,
    /// Measure a ladder of speeds
    Bench,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its status.
    pub(crate) status: ExitStatus,
    /// Its time was up, and it was ended.
    pub(crate) late: bool,
    /// What it wrote for people.
    pub(crate) complaint: String,
}

impl Ended {
    /// The first line that says why, without a path before it: the runtime's own assertions end a process after such a line.
    pub(crate) fn why(&self) -> &str {
        let mut lines = self.complaint.lines();
        let line = lines.find(|line| line.contains("ASSERT") || line.contains("error"));
        line.and_then(|line| line.rsplit('/').next()).unwrap_or("it did not say why")
    }
}

/// This program as a worker.
pub(crate) fn worker(job: Job) -> io::Result<Command> {
    Ok(as_worker(Command::new(std::env::current_exe()?), job))
}

/// The worker of a program that `runner` starts, a command with its arguments: one for another processor.
pub(crate) fn worker_of(runner: &str, job: Job) -> io::Result<Command> {
    let mut words = runner.split_whitespace();
    let Some(program) = words.next() else { return worker(job) };
    let mut command = Command::new(program);
    command.args(words);
    Ok(as_worker(command, job))
}

fn as_worker(mut command: Command, job: Job) -> Command {
    let name = job.to_possible_value();
    command.arg("worker").args(name.as_ref().map(clap::builder::PossibleValue::get_name));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Give a child its task and hear every line of its answer until it ends, or until `patience` is over.
pub(crate) fn listen(
    mut command: Command,
    task: &impl Serialize,
    patience: Option<Duration>,
    mut hear: impl FnMut(&str),
) -> anyhow::Result<Ended> {
    let mut child = command.spawn().context("cannot start a child process")?;
    let mut stdin = child.stdin.take().context("the child has no input")?;
    // A child that died already shows in its status, not here.
    let _ = stdin.write_all(&serde_json::to_vec(task)?);
    drop(stdin);
    let stdout = child.stdout.take().context("the child has no output")?;
    let mut stderr = child.stderr.take().context("the child has no output for errors")?;
    let (send, lines) = channel();
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
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let deadline = patience.map(|patience| Instant::now() + patience);
    let late = loop {
        let line = match deadline {
            Some(deadline) => lines.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            None => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match line {
            Ok(line) => hear(&line),
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if late {
        child.kill().context("cannot end the child process")?;
    }
    let status = child.wait().context("cannot wait for the child process")?;
    Ok(Ended { status, late, complaint: complaints.join().unwrap_or_default() })
}

/// Give a child its task and wait for its answer; the way it ended where there is none.
pub(crate) fn ask<T: DeserializeOwned>(
    command: Command,
    task: &impl Serialize,
    patience: Option<Duration>,
) -> anyhow::Result<Result<T, Ended>> {
    let mut text = String::new();
    let ended = listen(command, task, patience, |line| text.push_str(line))?;
    if ended.late || !ended.status.success() {
        return Ok(Err(ended));
    }
    Ok(Ok(serde_json::from_str(&text).context("the child's answer is not understood")?))
}

/// The child's side: its task, from standard input. The child ends with its parent, however that happens.
pub(crate) fn task<T: DeserializeOwned>() -> anyhow::Result<T> {
    follow_parent();
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    serde_json::from_str(&text).context("the task is not understood")
}

/// A line of the child's answer.
pub(crate) fn answer(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn follow_parent() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
}
