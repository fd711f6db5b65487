//! Rebuilds when a source changes.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::reload::Rebuilds;
use crate::build::{self, Sources};
use crate::bundle::wasm;
use crate::compress::Compression;
use crate::output::write::write;
use crate::pages::Kept;
use crate::workspace::Workspace;

/// Editors write a file in several steps; this much quiet means that they are done.
const QUIET: Duration = Duration::from_millis(15);

/// What is rebuilt, and to where.
#[derive(Debug)]
pub struct Rebuild {
    /// The checkout.
    pub workspace: Workspace,
    /// What the site is made from; the calculator in it is replaced when its own sources change.
    pub sources: Sources,
    /// What the next build need not make again.
    pub kept: Kept,
    /// Where the site is written.
    pub out: PathBuf,
    /// Which twins are written while somebody waits.
    pub compression: Compression,
}

/// Watches the sources for ever, in the calling thread.
pub(super) fn watch(mut rebuild: Rebuild, rebuilds: &Rebuilds) -> Result<()> {
    let (sender, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(sender).context("cannot watch files")?;
    let (own, compiled) = (own_sources(&rebuild.workspace), wasm::sources(&rebuild.workspace));
    let with_calculator = rebuild.sources.bundle.is_some();
    // What this program has in itself is out of date from then on.
    let mut outdated = false;
    follow(&mut watcher, &rebuild.sources.content)?;
    follow(&mut watcher, &rebuild.sources.style)?;
    let more = compiled.iter().filter(|folder| with_calculator && !own.contains(folder));
    for folder in own.iter().chain(more).filter(|folder| folder.is_dir()) {
        follow(&mut watcher, folder)?;
    }
    while let Some(paths) = next_changes(&changes) {
        let begun = Instant::now();
        let within = |dirs: &[PathBuf]| paths.iter().any(|path| dirs.iter().any(|dir| path.starts_with(dir)));
        outdated |= within(&own);
        let done = if outdated {
            by_another(&rebuild)
        } else {
            once(&mut rebuild, with_calculator && within(&compiled))
        };
        match done {
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

/// Folders that are compiled into this program: profiles, and what computes with them.
fn own_sources(workspace: &Workspace) -> [PathBuf; 2] {
    ["profiles", "core"].map(|folder| workspace.root.join(folder))
}

/// Compiles this program anew and has the new one build the site.
fn by_another(rebuild: &Rebuild) -> Result<usize> {
    let Rebuild { workspace, sources, out, .. } = rebuild;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(&workspace.root).args(["run", "--quiet", "--locked", "--profile", &profile()]);
    cargo.args(["--package", "dhurandhar-sitegen", "--bin", "sitegen", "--", "build"]);
    cargo.args(["--no-compress", "--out"]).arg(out);
    cargo.arg("--content").arg(&sources.content);
    if sources.bundle.is_none() {
        cargo.arg("--no-calculator");
    }
    if let Some(base) = &sources.base_url {
        cargo.arg("--base-url").arg(base.to_string());
    }
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "building with the changed profiles ended with {status}");
    Ok(1)
}

/// The profile that this program was built with: its folder's name, but for one that cargo calls otherwise.
fn profile() -> String {
    let program = env::current_exe().unwrap_or_default();
    match program.parent().and_then(Path::file_name).map(|name| name.to_string_lossy()) {
        Some(name) if name != "debug" => name.into_owned(),
        _ => "dev".to_owned(),
    }
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
    let site = build::rebuild(&rebuild.sources, &mut rebuild.kept)?;
    let written = write(&site, &rebuild.out, rebuild.compression, &rebuild.workspace.compressed())?;
    Ok(written.changed + written.removed)
}
