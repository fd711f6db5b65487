//! The programs under test: those in the folder that `DHURANDHAR_PROGRAMS` names, which `tests/run` has just built; else built by
//! cargo the first time they are asked for.

use anyhow::{Context, ensure};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

static BUILT: Mutex<Option<HashMap<&'static str, PathBuf>>> = Mutex::new(None);

/// `dhurandhar` as a command.
pub fn dhurandhar() -> anyhow::Result<Command> {
    Ok(Command::new(path("dhurandhar")?))
}

/// `sitegen` as a command.
pub fn sitegen() -> anyhow::Result<Command> {
    Ok(Command::new(path("sitegen")?))
}

/// Run `dhurandhar` with these arguments in the workspace's root.
pub fn run(arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = dhurandhar()?;
    command.args(arguments).current_dir(super::workspace::root());
    command.output().context("dhurandhar did not start")
}

/// What `dhurandhar` prints with these arguments.
///
/// # Panics
/// It does not start or does not succeed.
pub fn answer(arguments: &[&str]) -> String {
    let output = run(arguments).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What it says when it refuses these arguments as bad input.
///
/// # Panics
/// It does not start, does not refuse, or answers all the same.
pub fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty(), "half an answer before the refusal");
    String::from_utf8(output.stderr).unwrap()
}

/// The executable of this name, from cargo's own report of where it put it.
pub fn path(binary: &'static str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("DHURANDHAR_PROGRAMS") {
        let path = PathBuf::from(folder).join(binary).with_extension(std::env::consts::EXE_EXTENSION);
        ensure!(path.is_file(), "DHURANDHAR_PROGRAMS: no {}", path.display());
        return Ok(path);
    }
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let known = built.get_or_insert_with(HashMap::new);
    if let Some(path) = known.get(binary) {
        return Ok(path.clone());
    }
    let output = Command::new(env!("CARGO"))
        // Of the whole workspace, as the tests themselves are: another choice of packages means other features of
        // what they share, and everything is compiled again.
        .args(["build", "--workspace", "--exclude", "dhurandhar-web", "--exclude", "dhurandhar-reader"])
        .args(["--bin", binary, "--message-format=json-render-diagnostics"])
        .current_dir(super::workspace::root())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo did not start")?;
    ensure!(output.status.success(), "cargo build --bin {binary} failed");
    let path = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == binary)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo named no executable for {binary}"))?;
    known.insert(binary, path.clone());
    Ok(path)
}
