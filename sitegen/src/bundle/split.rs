//! Cuts a module into what every visit needs and parts that are loaded when they are first called.
//!
//! The cut follows the linker's relocations: whatever can be reached from an annotated function alone goes into that
//! function's part. It comes before wasm-bindgen, which drops the relocations.

use std::fs;

use anyhow::{Context as _, Result, anyhow, bail};
use wasm_split_cli_support::{Options, transform};

/// Linker flag without which there is nothing to follow.
pub const LINKER_FLAG: &str = "-Clink-arg=--emit-relocs";
/// Script that loads the parts; the module imports it by this name.
pub const SCRIPT: &str = "./app-parts.js";

/// Parts that draw: none of them is there before its style, or all of it would move when that comes.
const DRAWING: [&str; 2] = ["late", "below"];
/// Waits for the style that such parts share; without it they are plain, and whole.
const STYLE: &str = "\
let styled;
const __style = () => styled ??= new Promise(done => {
  const style = document.getElementById('below-style');
  if (!style) return done();
  style.onload = style.onerror = done;
  style.removeAttribute('disabled');
  // A browser that had it already, or tells nothing, shows the parts all the same.
  style.sheet ? done() : setTimeout(done, 3000);
});
";

/// A module in parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// What is loaded first; wasm-bindgen's input.
    pub main: Vec<u8>,
    /// The script at [`SCRIPT`]. Its export `share` takes the main module's exports.
    pub script: String,
    /// Names in the script, and bytes.
    pub parts: Vec<(String, Vec<u8>)>,
}

/// Cuts `module`.
pub fn split(module: &[u8]) -> Result<Split> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let main = folder.path().join("main.wasm");
    let mut options = Options::new(module);
    options.output_dir = folder.path();
    options.main_out_path = &main;
    options.link_name = SCRIPT;
    let written = transform(options).map_err(|error| anyhow!("the module cannot be cut: {error:#}"))?;
    let mut parts = Vec::new();
    for path in written.split_modules {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        parts.push((name, fs::read(&path)?));
    }
    let script = fs::read_to_string(folder.path().join(SCRIPT))?;
    Ok(Split { main: fs::read(&main)?, script: styled(&independent(&script)?)?, parts })
}

/// The script without its import of the main module's script, which imports this one: two files cannot each carry
/// the other's hash in their names. Whoever starts the main module hands over its exports instead.
fn independent(script: &str) -> Result<String> {
    let changes = [
        (
            "import { initSync } from \"./main.js\";",
            "let main;\nexport const share = exports => { main = exports; };",
        ),
        ("initSync(undefined, undefined)", "main"),
    ];
    changes.iter().try_fold(script.to_owned(), |script, (from, to)| {
        if !script.contains(from) {
            bail!("the script that loads parts does not say `{from}`");
        }
        Ok(script.replace(from, to))
    })
}

/// The script with the style among what parts that draw wait for.
fn styled(script: &str) -> Result<String> {
    let styled = DRAWING.iter().try_fold(script.to_owned(), |script, part| {
        let loader = format!("__wasm_split_load_{part} ");
        let after = script.find(&loader).and_then(|at| Some(at + script[at..].find(", [")? + ", [".len()));
        let after = after
            .with_context(|| format!("the script that loads parts has no list of what `{part}` needs"))?;
        let (before, list) = script.split_at(after);
        Ok::<_, anyhow::Error>([before, "__style, ", list].concat())
    })?;
    // The lists are read as the script starts.
    Ok([STYLE, &styled].concat())
}

#[cfg(test)]
mod tests {
    use super::styled;

    #[test]
    fn what_draws_waits_for_its_style_and_the_worker_does_not() {
        let script = "export const __wasm_split_load_late = wrap(makeLoad(() => {}\n, [__chunk_3]));\n\
                      export const __wasm_split_load_compute = wrap(makeLoad(() => {}\n, [__chunk_3]));\n\
                      export const __wasm_split_load_below = wrap(makeLoad(() => {}\n, []));\n";
        let styled = styled(script).unwrap();
        assert_eq!(styled.matches("[__style, ").count(), 2, "{styled}");
        assert!(styled.contains("load_compute = wrap(makeLoad(() => {}\n, [__chunk_3]"), "{styled}");
        assert!(super::styled("").is_err());
    }
}
