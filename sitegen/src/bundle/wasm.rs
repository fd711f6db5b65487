//! Compiles the calculator and its reader of files to WebAssembly, with nothing but cargo.
//!
//! One cargo call with a target folder of its own and cleared host flags, because `target-cpu=native` for the host must
//! not leak into (and rebuild) these.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use dhurandhar_core::catalogue::Catalogue;

use crate::bundle::bindgen::{self, Glued};
use crate::bundle::split;
use crate::bundle::toolchain::{self, Installed, TARGET};
use crate::compress::gzip;
use crate::workspace::Workspace;

/// Page and compute worker, which start the same module.
const APP: &str = "dhurandhar-web";
const READER: &str = "dhurandhar-reader";
/// Cargo profile in the root manifest.
const PROFILE: &str = "web";
/// Folder below the target folder.
const FOLDER: &str = "web";
/// SIMD for the codecs, never the relaxed kind: its results differ from one CPU to the next. And small functions inlined
/// a little more readily than is usual where space is saved (5): the application gets smaller by it, and the codecs quicker.
const RUSTFLAGS: [&str; 3] =
    [split::LINKER_FLAG, "-Ctarget-feature=+simd128", "-Cllvm-args=-inline-threshold=12"];

/// Everything that the calculator page loads after its HTML and CSS.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    /// The Yew application.
    pub app: Glued,
    /// The reader of files and writer of reports, which is loaded when it is first needed.
    pub reader: Glued,
    /// The built-in models and devices, packed: few hosts would compress a file of its kind.
    pub catalogue: Vec<u8>,
    /// Of them what the page shows first.
    pub first: Vec<u8>,
    /// `web/start/boot.js`: starts the application.
    pub boot_js: String,
    /// `web/src/worker/worker.js`: the worker's first script.
    pub worker_js: String,
    /// `web/reader/reader.js`: the reader's first script.
    pub reader_js: String,
}

/// Builds the modules; quick when nothing changed.
pub fn bundle(workspace: &Workspace) -> Result<Bundle> {
    toolchain::ensure_target(&Installed)?;
    compile(workspace)?;
    let read = |path: &str| {
        let path = workspace.root.join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(Bundle {
        app: module(workspace, APP)?,
        reader: module(workspace, READER)?,
        catalogue: gzip(&Catalogue::built_in().to_bytes())?,
        first: gzip(&Catalogue::built_in().first().to_bytes())?,
        boot_js: read("web/start/boot.js")?,
        worker_js: read("web/src/worker/worker.js")?,
        reader_js: read("web/reader/reader.js")?,
    })
}

/// The compiled module of one of the crates, in parts if it is the application.
fn module(workspace: &Workspace, package: &str) -> Result<Glued> {
    let target = workspace.target.join(FOLDER);
    let file = format!("{}.wasm", package.replace('-', "_"));
    let compiled = target.join(TARGET).join(PROFILE).join(file);
    bindgen::glue(&compiled, &target.join("glue").join(package), package == APP)
}

fn compile(workspace: &Workspace) -> Result<()> {
    let status = cargo(workspace, &workspace.target.join(FOLDER)).status().context("cannot run cargo")?;
    if !status.success() {
        bail!(
            "compiling {APP} and {READER} for {TARGET} ended with {status}; the compiler's messages are above"
        );
    }
    Ok(())
}

fn cargo(workspace: &Workspace, target: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo
        .current_dir(&workspace.root)
        .args(["build", "--locked", "--lib", "--target", TARGET])
        .args(["--profile", PROFILE, "--package", APP, "--package", READER])
        .arg("--target-dir")
        .arg(target);
    for variable in ["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"] {
        cargo.env_remove(variable);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags().join("\u{1f}"));
    cargo
}

/// The modules' own flags. Messages of panics name source files: without this builder's folders they are shorter,
/// say nothing about the builder, and are the same on every machine.
fn flags() -> Vec<String> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let remap = home.map(|home| format!("--remap-path-prefix={}=", home.join("registry/src").display()));
    RUSTFLAGS.iter().map(|flag| (*flag).to_owned()).chain(remap).collect()
}

/// Folders whose change means that the modules are out of date.
pub fn sources(workspace: &Workspace) -> [PathBuf; 5] {
    ["web/src", "web/reader", "web/start", "core", "profiles"].map(|folder| workspace.root.join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn command() -> Command {
        let workspace = Workspace { root: "/checkout".into(), target: "/checkout/target".into() };
        cargo(&workspace, Path::new("/checkout/target/web"))
    }

    #[test]
    fn host_flags_never_reach_the_wasm_build() {
        let command = command();
        let cleared: Vec<_> =
            command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        for name in ["RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            assert!(cleared.contains(&OsStr::new(name)), "{name} leaks");
        }
    }

    #[test]
    fn the_builders_folders_stay_out_of_the_modules_and_relaxed_simd_does_too() {
        let command = command();
        let flags = command.get_envs().find(|(name, _)| *name == "CARGO_ENCODED_RUSTFLAGS");
        let flags = flags.and_then(|(_, value)| value?.to_str()).unwrap();
        assert!(flags.contains("registry/src=") && flags.contains("+simd128"), "{flags}");
        assert!(!flags.contains("relaxed"), "{flags}");
    }

    /// A tool that embeds another schema than the module's refuses it; one lockfile keeps them together.
    #[test]
    fn the_lockfile_has_one_wasm_bindgen_and_the_same_version_of_its_tool() {
        let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
        let versions = |name: &str| -> Vec<String> {
            lock.split("[[package]]")
                .filter(|entry| entry.contains(&format!("\nname = \"{name}\"\n")))
                .filter_map(|entry| entry.split("version = \"").nth(1)?.split('"').next().map(str::to_owned))
                .collect()
        };
        let bindgen = versions("wasm-bindgen");
        assert_eq!(bindgen.len(), 1, "{bindgen:?}");
        assert_eq!(versions("wasm-bindgen-cli-support"), bindgen);
    }
}
