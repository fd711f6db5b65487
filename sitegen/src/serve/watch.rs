//! Rebuilds when a source changes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::reload::Rebuilds;
use crate::build::{Sources, build};
use crate::compress::Compression;
use crate::wasm;
use crate::workspace::Workspace;
use crate::write::write;

/// Editors write a file in several steps; this much quiet means that they are done.
const QUIET: Duration = Duration::from_millis(15);

/// What is rebuilt, and to where.
#[derive(Debug)]
pub struct Rebuild {
    /// The checkout.
    pub workspace: Workspace,
    /// What the site is made from; the calculator in it is replaced when its own sources change.
    pub sources: Sources,
    /// Where the site is written.
    pub out: PathBuf,
    /// Which twins are written while somebody waits.
    pub compression: Compression,
}

/// Watches the sources for ever, in the calling thread.
pub(super) fn watch(mut rebuild: Rebuild, rebuilds: &Rebuilds) -> Result<()> {
    let (sender, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(sender).context("cannot watch files")?;
    let compiled = wasm::sources(&rebuild.workspace);
    let with_calculator = rebuild.sources.bundle.is_some();
    follow(&mut watcher, &rebuild.sources.content)?;
    follow(&mut watcher, &rebuild.sources.style)?;
    for folder in compiled.iter().filter(|folder| with_calculator && folder.is_dir()) {
        follow(&mut watcher, folder)?;
    }
    while let Some(paths) = next_changes(&changes) {
        let begun = Instant::now();
        let calculator =
            with_calculator && paths.iter().any(|path| compiled.iter().any(|dir| path.starts_with(dir)));
        match once(&mut rebuild, calculator) {
            Ok(0) => {}
            Ok(count) => {
                rebuilds.announce();
                println!("rebuilt in {} ms, {count} files changed", begun.elapsed().as_millis());
            }
            // The last good site stays up while its author mends the source.
            Err(error) => eprintln!("sitegen: {error:#}"),
        }
    }
    Ok(())
}

fn follow(watcher: &mut RecommendedWatcher, folder: &Path) -> Result<()> {
    watcher
        .watch(folder, RecursiveMode::Recursive)
        .with_context(|| format!("cannot watch {}", folder.display()))
}

/// The next burst of changes; `None` when there will be no more.
fn next_changes(changes: &Receiver<notify::Result<notify::Event>>) -> Option<Vec<PathBuf>> {
    let mut paths = Vec::new();
    loop {
        let event = if paths.is_empty() {
            changes.recv().ok()?
        } else {
            match changes.recv_timeout(QUIET) {
                Ok(event) => event,
                Err(_) => return Some(paths),
            }
        };
        if let Ok(event) = event
            && !matches!(event.kind, EventKind::Access(_))
        {
            paths.extend(event.paths);
        }
    }
}

/// Builds and writes the site; returns how many files changed.
fn once(rebuild: &mut Rebuild, calculator: bool) -> Result<usize> {
    if calculator {
        rebuild.sources.bundle = Some(wasm::bundle(&rebuild.workspace)?);
    }
    let site = build(&rebuild.sources)?;
    let written = write(&site, &rebuild.out, rebuild.compression, &rebuild.workspace.compressed())?;
    Ok(written.changed + written.removed)
}
