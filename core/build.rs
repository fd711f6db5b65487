//! Embeds `profiles/{models,devices,gpus,limits,programs,validation}/*.yaml` as (slug, text) tables, and the coefficients of
//! `profiles/speed/classes.yaml` as constants.

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
    embed(&root.join("devices"), "DEVICES", &out.join("devices.rs"))?;
    coefficients(&root.join("speed/classes.yaml"), &out.join("speed.rs"))
}

/// Whole numbers.
const COUNTS: [&str; 7] = ["rows", "chips", "families", "unseen_rows", "unseen_chips", "held", "held_apart"];
/// Fields of a second structure, which the page does without; `cal_*` too.
const BASIS: [&str; 5] = ["rows", "chips", "families", "held_apart", "width_from"];

/// Sections of the file, and the structures that they become.
const SECTIONS: [(&str, &str); 6] = [
    ("decode", "Decode"),
    ("prefill", "Prefill"),
    ("quants", "Quant"),
    ("runtimes", "Program"),
    ("shared", "Shared"),
    ("peak_fallback", "PeakFallback"),
];

/// Lists of flat maps, `- key: value`, as `fit_speed.py` writes them, become tables of constants.
fn coefficients(path: &Path, target: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(path)?;
    let mut code = String::new();
    for (section, name) in SECTIONS {
        let lines = text.lines().skip_while(|line| *line != format!("{section}:")).skip(1);
        let (mut rows, mut bases) = (Vec::<String>::new(), Vec::<String>::new());
        for line in lines.take_while(|line| line.starts_with(' ')) {
            if line.starts_with("  - ") {
                rows.push(String::new());
                bases.push(String::new());
            }
            let Some(((key, value), (row, basis))) = line
                .get(4..)
                .and_then(|pair| pair.split_once(": "))
                .zip(rows.last_mut().zip(bases.last_mut()))
            else {
                continue;
            };
            let value = match value.parse::<f64>() {
                Ok(number) if COUNTS.contains(&key) => format!("{number}"),
                Ok(number) => format!("{number:e}"),
                Err(_) => format!("{value:?}"),
            };
            let field = format!("{key}: {value}, ");
            let twofold = ["decode", "prefill"].contains(&section);
            if key == "class" && twofold {
                basis.push_str(&field);
            }
            let into = if twofold && (BASIS.contains(&key) || key.starts_with("cal_")) { basis } else { row };
            into.push_str(&field);
        }
        let table = if name == "Program" { "RUNTIMES".to_owned() } else { section.to_uppercase() };
        let mut put = |table: &str, name: &str, rows: &[String]| {
            write!(code, "static {table}: &[{name}] = &[").map_err(io::Error::other)?;
            for row in rows {
                write!(code, "{name} {{ {row}}}, ").map_err(io::Error::other)?;
            }
            writeln!(code, "];").map_err(io::Error::other)
        };
        put(&table, name, &rows)?;
        if ["decode", "prefill"].contains(&section) {
            put(&format!("{table}_BASIS"), "Basis", &bases)?;
        }
    }
    fs::write(target, code)
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
