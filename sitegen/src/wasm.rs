//! Compiles the calculator, its worker and its reader of files to WebAssembly, with nothing but cargo.
//!
//! A cargo call for the page's modules and one for the worker's, which has flags of its own; own target folders and
//! cleared host flags, because `target-cpu=native` for the host must not leak into (and rebuild) these.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use dhurandhar_core::catalogue::Catalogue;

use crate::bindgen::{self, Glued};
use crate::split;
use crate::toolchain::{self, Installed, TARGET};
use crate::workspace::Workspace;

/// Crates that become WebAssembly modules in one cargo call.
struct Recipe {
    packages: &'static [&'static str],
    /// Cargo profile in the root manifest.
    profile: &'static str,
    /// Folder below the target folder.
    folder: &'static str,
    rustflags: &'static [&'static str],
}

const APP: &str = "dhurandhar-web";
const READER: &str = "dhurandhar-reader";
const WORKER: &str = "dhurandhar-worker";

/// The application and the reader: what they share has the same features and is compiled once.
const PAGE: Recipe =
    Recipe { packages: &[APP, READER], profile: "web", folder: "web", rustflags: &[split::LINKER_FLAG] };
/// The worker.
const COMPUTE: Recipe = Recipe {
    packages: &[WORKER],
    profile: "worker",
    folder: "worker",
    // Never relaxed-simd: its results differ from one CPU to the next.
    rustflags: &["-Ctarget-feature=+simd128"],
};

/// Everything that the calculator page loads after its HTML and CSS.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    /// The Yew application.
    pub app: Glued,
    /// The compute worker.
    pub worker: Glued,
    /// The reader of files and writer of reports, which is loaded when it is first needed.
    pub reader: Glued,
    /// The built-in models and devices.
    pub catalogue: Vec<u8>,
    /// `web/boot.js`: starts the application.
    pub boot_js: String,
    /// `web/worker/worker.js`: the worker's first script.
    pub worker_js: String,
    /// `web/reader/reader.js`: the reader's first script.
    pub reader_js: String,
}

/// Builds the modules; quick when nothing changed.
pub fn bundle(workspace: &Workspace) -> Result<Bundle> {
    toolchain::ensure_target(&Installed)?;
    for recipe in [&PAGE, &COMPUTE] {
        compile(workspace, recipe)?;
    }
    let read = |path: &str| {
        let path = workspace.root.join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(Bundle {
        app: module(workspace, &PAGE, APP)?,
        worker: module(workspace, &COMPUTE, WORKER)?,
        reader: module(workspace, &PAGE, READER)?,
        catalogue: Catalogue::built_in().to_bytes(),
        boot_js: read("web/boot.js")?,
        worker_js: read("web/worker/worker.js")?,
        reader_js: read("web/reader/reader.js")?,
    })
}

/// The compiled module of one of a recipe's crates, in parts if it is the application.
fn module(workspace: &Workspace, recipe: &Recipe, package: &str) -> Result<Glued> {
    let target = workspace.target.join(recipe.folder);
    let file = format!("{}.wasm", package.replace('-', "_"));
    let compiled = target.join(TARGET).join(recipe.profile).join(file);
    bindgen::glue(&compiled, &target.join("glue").join(package), package == APP)
}

fn compile(workspace: &Workspace, recipe: &Recipe) -> Result<()> {
    let target = workspace.target.join(recipe.folder);
    let status = cargo(workspace, recipe, &target).status().context("cannot run cargo")?;
    if !status.success() {
        let packages = recipe.packages.join(" and ");
        bail!("compiling {packages} for {TARGET} ended with {status}; the compiler's messages are above");
    }
    Ok(())
}

fn cargo(workspace: &Workspace, recipe: &Recipe, target: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo
        .current_dir(&workspace.root)
        .args(["build", "--locked", "--lib", "--target", TARGET])
        .args(["--profile", recipe.profile])
        .args(recipe.packages.iter().flat_map(|package| ["--package", package]))
        .arg("--target-dir")
        .arg(target);
    for variable in ["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"] {
        cargo.env_remove(variable);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(recipe).join("\u{1f}"));
    cargo
}

/// The module's own flags. Messages of panics name source files: without this builder's folders they are shorter,
/// say nothing about the builder, and are the same on every machine.
fn flags(recipe: &Recipe) -> Vec<String> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let remap = home.map(|home| format!("--remap-path-prefix={}=", home.join("registry/src").display()));
    recipe.rustflags.iter().map(|flag| (*flag).to_owned()).chain(remap).collect()
}

/// Folders whose change means that the modules are out of date.
pub fn sources(workspace: &Workspace) -> [PathBuf; 5] {
    ["web/src", "web/reader", "web/worker", "core", "profiles"].map(|folder| workspace.root.join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn command(recipe: &Recipe) -> Command {
        let workspace = Workspace { root: "/checkout".into(), target: "/checkout/target".into() };
        cargo(&workspace, recipe, Path::new("/checkout/target/web"))
    }

    fn rustflags(recipe: &Recipe) -> String {
        let command = command(recipe);
        let flags = command.get_envs().find(|(name, _)| *name == "CARGO_ENCODED_RUSTFLAGS");
        flags.and_then(|(_, value)| value?.to_str()).unwrap().to_owned()
    }

    #[test]
    fn host_flags_never_reach_the_wasm_build() {
        let app = command(&PAGE);
        let cleared: Vec<_> =
            app.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        for name in ["RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            assert!(cleared.contains(&OsStr::new(name)), "{name} leaks");
        }
    }

    #[test]
    fn the_builders_folders_stay_out_of_the_modules() {
        assert!(rustflags(&PAGE).contains("registry/src="), "{}", rustflags(&PAGE));
    }

    #[test]
    fn only_the_worker_uses_simd_and_it_has_its_own_call() {
        assert!(rustflags(&COMPUTE).starts_with("-Ctarget-feature=+simd128"));
        assert!(!rustflags(&PAGE).contains("target-feature"));
        let packages = |recipe| command(recipe).get_args().filter(|arg| *arg == "--package").count();
        assert_eq!((packages(&PAGE), packages(&COMPUTE)), (2, 1));
        assert_ne!(PAGE.folder, COMPUTE.folder);
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
