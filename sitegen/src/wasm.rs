//! Compiles the calculator, its worker and its reader of files to WebAssembly, with nothing but cargo.
//!
//! A cargo call for each, because one call would unify their features; own target folders and
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

/// One crate that becomes a WebAssembly module.
struct Recipe {
    package: &'static str,
    /// Cargo profile in the root manifest.
    profile: &'static str,
    /// Folder below the target folder.
    folder: &'static str,
    rustflags: &'static [&'static str],
    /// Cut into parts.
    split: bool,
}

const APP: Recipe = Recipe {
    package: "dhurandhar-web",
    profile: "web",
    folder: "web",
    rustflags: &[split::LINKER_FLAG],
    split: true,
};
const WORKER: Recipe = Recipe {
    package: "dhurandhar-worker",
    profile: "worker",
    folder: "worker",
    // Never relaxed-simd: its results differ from one CPU to the next.
    rustflags: &["-Ctarget-feature=+simd128"],
    split: false,
};

/// Built like the application, and in its folder: what they share is compiled once.
const READER: Recipe = Recipe {
    package: "dhurandhar-reader",
    profile: "web",
    folder: "web",
    rustflags: &[split::LINKER_FLAG],
    split: false,
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
    let read = |path: &str| {
        let path = workspace.root.join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(Bundle {
        app: module(workspace, &APP)?,
        worker: module(workspace, &WORKER)?,
        reader: module(workspace, &READER)?,
        catalogue: Catalogue::built_in().to_bytes(),
        boot_js: read("web/boot.js")?,
        worker_js: read("web/worker/worker.js")?,
        reader_js: read("web/reader/reader.js")?,
    })
}

fn module(workspace: &Workspace, recipe: &Recipe) -> Result<Glued> {
    let target = workspace.target.join(recipe.folder);
    compile(workspace, recipe, &target)?;
    let file = format!("{}.wasm", recipe.package.replace('-', "_"));
    bindgen::glue(
        &target.join(TARGET).join(recipe.profile).join(file),
        &target.join("glue").join(recipe.package),
        recipe.split,
    )
}

fn compile(workspace: &Workspace, recipe: &Recipe, target: &Path) -> Result<()> {
    let status = cargo(workspace, recipe, target).status().context("cannot run cargo")?;
    if !status.success() {
        bail!(
            "compiling {} for {TARGET} ended with {status}; the compiler's messages are above",
            recipe.package
        );
    }
    Ok(())
}

fn cargo(workspace: &Workspace, recipe: &Recipe, target: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo
        .current_dir(&workspace.root)
        .args(["build", "--locked", "--lib", "--target", TARGET])
        .args(["--package", recipe.package, "--profile", recipe.profile])
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
        let app = command(&APP);
        let cleared: Vec<_> =
            app.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        for name in ["RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            assert!(cleared.contains(&OsStr::new(name)), "{name} leaks");
        }
    }

    #[test]
    fn the_builders_folders_stay_out_of_the_modules() {
        assert!(rustflags(&APP).contains("registry/src="), "{}", rustflags(&APP));
    }

    #[test]
    fn only_the_worker_uses_simd_and_each_module_has_its_own_call() {
        assert!(rustflags(&WORKER).starts_with("-Ctarget-feature=+simd128"));
        assert!(!rustflags(&APP).contains("target-feature"));
        let packages = |recipe| command(recipe).get_args().filter(|arg| *arg == "--package").count();
        assert_eq!((packages(&APP), packages(&WORKER)), (1, 1));
        assert_ne!(APP.folder, WORKER.folder);
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
