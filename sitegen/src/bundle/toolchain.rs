//! Makes sure that the standard library for `wasm32-unknown-unknown` is there.
//!
//! The target is added with `rustup target add`, once. A toolchain is never installed or upgraded: a
//! calculator page is no reason to change somebody's compiler.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The target of the page and its worker.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Why the page can't be compiled.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// `rustc` itself does not run.
    #[error("cannot run `{program}`: {source}; install Rust from https://rustup.rs")]
    Rustc {
        /// What was started.
        program: String,
        /// Why it did not start.
        source: io::Error,
    },
    /// The target is missing and could not be added.
    #[error(
        "the standard library for {TARGET} is missing and could not be added ({reason}); run `rustup target add {TARGET}`, or install your distribution's Rust package for it"
    )]
    Missing {
        /// What went wrong with rustup.
        reason: String,
    },
}

/// What this module asks of the outside; a script in tests.
pub trait Toolchain {
    /// Is the standard library of [`TARGET`] installed?
    fn has_target(&self) -> Result<bool, ToolchainError>;
    /// Runs `rustup target add` once; the error says why it failed.
    fn add_target(&self) -> Result<(), String>;
}

/// Adds the target when it is missing, and checks that it is there afterwards.
pub fn ensure_target(toolchain: &impl Toolchain) -> Result<(), ToolchainError> {
    if toolchain.has_target()? {
        return Ok(());
    }
    toolchain.add_target().map_err(|reason| ToolchainError::Missing { reason })?;
    if toolchain.has_target()? {
        return Ok(());
    }
    Err(ToolchainError::Missing { reason: "rustup reported success, but rustc does not find it".to_owned() })
}

/// The `rustc` and `rustup` that run this build.
#[derive(Debug, Default)]
pub struct Installed;

impl Toolchain for Installed {
    fn has_target(&self) -> Result<bool, ToolchainError> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        let program = rustc.to_string_lossy().into_owned();
        let output = Command::new(&rustc)
            .args(["--print", "target-libdir", "--target", TARGET])
            .output()
            .map_err(|source| ToolchainError::Rustc { program, source })?;
        let libdir = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        Ok(output.status.success() && libdir.is_dir())
    }

    fn add_target(&self) -> Result<(), String> {
        eprintln!("adding the Rust target {TARGET} (once, with rustup)");
        let status = Command::new("rustup")
            .args(["target", "add", TARGET])
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("rustup does not run: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("`rustup target add` ended with {status}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// Answers `has_target` from a list and counts the calls of `add_target`.
    struct Scripted {
        present: RefCell<Vec<bool>>,
        add: Result<(), String>,
        added: Cell<u32>,
    }

    impl Scripted {
        fn new(present: &[bool], add: Result<(), String>) -> Self {
            Self { present: RefCell::new(present.iter().rev().copied().collect()), add, added: Cell::new(0) }
        }
    }

    impl Toolchain for Scripted {
        fn has_target(&self) -> Result<bool, ToolchainError> {
            Ok(self.present.borrow_mut().pop().expect("the script ends before the questions"))
        }
        fn add_target(&self) -> Result<(), String> {
            self.added.set(self.added.get() + 1);
            self.add.clone()
        }
    }

    #[test]
    fn a_present_target_is_left_alone() {
        let script = Scripted::new(&[true], Ok(()));
        ensure_target(&script).unwrap();
        assert_eq!(script.added.get(), 0);
    }

    #[test]
    fn a_missing_target_is_added_once() {
        let script = Scripted::new(&[false, true], Ok(()));
        ensure_target(&script).unwrap();
        assert_eq!(script.added.get(), 1);
    }

    #[test]
    fn failure_is_one_sentence_with_the_command() {
        for script in
            [Scripted::new(&[false], Err("no network".into())), Scripted::new(&[false, false], Ok(()))]
        {
            let message = ensure_target(&script).unwrap_err().to_string();
            assert!(message.contains("rustup target add wasm32-unknown-unknown"), "{message}");
            assert_eq!(message.lines().count(), 1);
            assert_eq!(script.added.get(), 1);
        }
    }
}
