//! wasm-bindgen as a library: one compiled module in, JavaScript glue and the final module out.
//!
//! The library leaves the module's default address out of the glue, so only `boot.js` and `worker.js`
//! know hashed names and every address stays relative.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::bundle::arrange::arranged;
use crate::bundle::names::{Names, tidied};
use crate::bundle::split::{Split, split};
use crate::disk;

/// Change this when the options below change, so that kept results are made anew.
const OPTIONS: &str =
    "web, no names, no producers, arranged, in parts, short names, tidy, own loader, styled, 8";

/// A module that a browser can load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glued {
    /// The glue: an ES module whose default export instantiates the WebAssembly.
    pub js: String,
    /// The WebAssembly.
    pub wasm: Vec<u8>,
    /// Script that loads the parts; empty without any.
    pub parts_js: String,
    /// Parts that are loaded later: names in that script, and bytes.
    pub parts: Vec<(String, Vec<u8>)>,
}

/// Glues the module at `input`, or takes the result kept in `kept` when the input is the same.
pub fn glue(input: &Path, kept: &Path, in_parts: bool) -> Result<Glued> {
    let bytes = fs::read(input).with_context(|| format!("cannot read {}", input.display()))?;
    let key = format!("{} {OPTIONS}", blake3::hash(&bytes).to_hex());
    let key_file = kept.join("key");
    if fs::read_to_string(&key_file).is_ok_and(|old| old == key)
        && let Ok(glued) = take(kept)
    {
        return Ok(glued);
    }
    let glued = run(bytes, in_parts).with_context(|| format!("{} cannot be used", input.display()))?;
    keep(&glued, kept)?;
    // The key comes last: an interrupted run leaves no key for half a result.
    disk::write_if_different(&key_file, key.as_bytes())?;
    Ok(glued)
}

/// The generated loader serves pages and hosts of every kind, and says at length what is wrong with one: 600 bytes of a first
/// visit. Here a module has an address, and a host that calls it something else than WebAssembly is asked twice.
const LOADER: &str = "\
export default async ({ module_or_path }) => {
  const imports = __wbg_get_imports();
  const ask = () => fetch(module_or_path);
  const whole = async () => WebAssembly.instantiate(await (await ask()).arrayBuffer(), imports);
  const { instance, module } = await WebAssembly.instantiateStreaming(ask(), imports).catch(whole);
  return __wbg_finalize_init(instance, module);
};
";

/// The glue with that loader, which is the last thing in it.
fn loaded(js: &str) -> Result<String> {
    let (before, generated) = js
        .split_once("async function __wbg_load(")
        .context("the glue has no loader where one is expected")?;
    if !generated.trim_end().ends_with("export { initSync, __wbg_init as default };") {
        bail!("the glue's loader is not the last thing in it");
    }
    Ok([before, LOADER].concat())
}

fn take(kept: &Path) -> Result<Glued> {
    let text = |name| fs::read_to_string(kept.join(name));
    let mut parts = Vec::new();
    for name in disk::files(&kept.join("parts")).unwrap_or_default() {
        let bytes = fs::read(kept.join("parts").join(&name))?;
        parts.push((name, bytes));
    }
    Ok(Glued {
        js: text("glue.js")?,
        wasm: fs::read(kept.join("module.wasm"))?,
        parts_js: text("parts.js")?,
        parts,
    })
}

fn keep(glued: &Glued, kept: &Path) -> Result<()> {
    disk::write_if_different(&kept.join("glue.js"), glued.js.as_bytes())?;
    disk::write_if_different(&kept.join("module.wasm"), &glued.wasm)?;
    disk::write_if_different(&kept.join("parts.js"), glued.parts_js.as_bytes())?;
    let folder = kept.join("parts");
    if folder.is_dir() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    for (name, bytes) in &glued.parts {
        disk::write_if_different(&folder.join(name), bytes)?;
    }
    Ok(())
}

fn run(module: Vec<u8>, in_parts: bool) -> Result<Glued> {
    let Split { main, script, parts } =
        if in_parts { split(&module)? } else { Split { main: module, ..Split::default() } };
    let mut output = Bindgen::new()
        .input_bytes("module", main)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        // Parts share the memory, the stack and the table of the main module.
        .keep_lld_exports(in_parts)
        .generate_output()
        .context("wasm-bindgen refuses the module")?;
    // Dependencies may carry files for other ways of building; only what the glue names would be loaded.
    if output.js().contains("snippets/") {
        bail!("the module needs JavaScript files of its dependencies; only the generated glue is served");
    }
    let names = Names::in_script(output.js());
    let js = tidied(&loaded(&names.applied(output.js()))?);
    let wasm = arranged(&output.wasm_mut().emit_wasm(), &names)?;
    // What parts and the main module share has names of its own.
    let parts = parts.into_iter().map(|(name, part)| Ok((name, arranged(&part, &Names::default())?)));
    Ok(Glued { js, wasm, parts_js: tidied(&script), parts: parts.collect::<Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::loaded;

    #[test]
    fn only_the_generated_loader_is_replaced() {
        let glue = "let wasm;\nasync function __wbg_load(module, imports) {}\nexport { initSync, __wbg_init as default };\n";
        let short = loaded(glue).unwrap();
        assert!(
            short.starts_with("let wasm;\nexport default async (") && !short.contains("initSync"),
            "{short}"
        );
        assert!(loaded("let wasm;").is_err() && loaded(&glue.replace("initSync, ", "")).is_err());
    }
}
