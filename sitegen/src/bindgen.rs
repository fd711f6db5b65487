//! wasm-bindgen as a library: one compiled module in, JavaScript glue and the final module out.
//!
//! The library leaves the module's default address out of the glue, so only `boot.js` and `worker.js`
//! know hashed names and every address stays relative.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::arrange::arranged;
use crate::disk;

/// Change this when the options below change, so that kept results are made anew.
const OPTIONS: &str = "web, no names, no producers, arranged, 2";

/// A module that a browser can load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glued {
    /// The glue: an ES module whose default export instantiates the WebAssembly.
    pub js: String,
    /// The WebAssembly.
    pub wasm: Vec<u8>,
}

/// Glues the module at `input`, or takes the result kept in `kept` when the input is the same.
pub fn glue(input: &Path, kept: &Path) -> Result<Glued> {
    let bytes = fs::read(input).with_context(|| format!("cannot read {}", input.display()))?;
    let key = format!("{} {OPTIONS}", blake3::hash(&bytes).to_hex());
    let [key_file, js_file, wasm_file] = ["key", "glue.js", "module.wasm"].map(|name| kept.join(name));
    if fs::read_to_string(&key_file).is_ok_and(|old| old == key)
        && let (Ok(js), Ok(wasm)) = (fs::read_to_string(&js_file), fs::read(&wasm_file))
    {
        return Ok(Glued { js, wasm });
    }
    let glued = run(input, bytes)?;
    disk::write_if_different(&js_file, glued.js.as_bytes())?;
    disk::write_if_different(&wasm_file, &glued.wasm)?;
    // The key comes last: an interrupted run leaves no key for half a result.
    disk::write_if_different(&key_file, key.as_bytes())?;
    Ok(glued)
}

fn run(input: &Path, bytes: Vec<u8>) -> Result<Glued> {
    let mut output = Bindgen::new()
        .input_bytes("module", bytes)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .with_context(|| format!("wasm-bindgen cannot use {}", input.display()))?;
    // Dependencies may carry files for other ways of building; only what the glue names would be loaded.
    if output.js().contains("snippets/") {
        bail!(
            "{} needs JavaScript files of its dependencies; only the generated glue is served",
            input.display()
        );
    }
    let wasm = arranged(&output.wasm_mut().emit_wasm())
        .with_context(|| format!("what wasm-bindgen made of {} cannot be used", input.display()))?;
    Ok(Glued { js: output.js().to_owned(), wasm })
}
