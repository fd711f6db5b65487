//! Embeds `profiles/{models,devices,gpus,limits,programs,validation}/*.yaml` as (slug, text) tables.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../profiles");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    embed(&root.join("models"), "MODELS", &out.join("models.rs"))?;
    embed(&root.join("validation"), "VALIDATION", &out.join("validation.rs"))?;
    embed(&root.join("gpus"), "GPUS", &out.join("gpus.rs"))?;
    embed(&root.join("limits"), "LIMITS", &out.join("limits.rs"))?;
    embed(&root.join("programs"), "PROGRAMS", &out.join("programs.rs"))?;
    embed(&root.join("devices"), "DEVICES", &out.join("devices.rs"))
}

fn embed(folder: &Path, table: &str, target: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    // By name without extension: `jetsam` before `jetsam-entitled`.
    paths.sort_by(|a, b| a.file_stem().cmp(&b.file_stem()));
    let mut code = format!("static {table}: &[(&str, &str)] = &[\n");
    for path in &paths {
        println!("cargo::rerun-if-changed={}", path.display());
        let slug = path.file_stem().unwrap_or_default().to_string_lossy();
        writeln!(code, "    ({slug:?}, {:?}),", strip_comments(&fs::read_to_string(path)?))
            .map_err(io::Error::other)?;
    }
    fs::write(target, code + "];\n")
}

/// Whole-line comments are for readers of the file, not for the page that carries it.
fn strip_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty()).fold(
        String::new(),
        |mut kept, line| {
            kept += line;
            kept.push('\n');
            kept
        },
    )
}
