//! Files whose name carries a hash of their bytes, so that a browser may keep them for ever.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::bundle::bindgen::Glued;
use crate::bundle::split::SCRIPT as PARTS;
use crate::bundle::stylesheet;
use crate::bundle::wasm::Bundle;
use crate::output::embed;
use crate::output::find;
use crate::output::site::Site;
use crate::page::Page;
use crate::pages::catalogue::Catalogue;
use crate::path::SitePath;

/// Folder of all hashed files.
pub const FOLDER: &str = "assets/";
/// Hexadecimal digits of the hash in a name: 40 bits, far more than a site has files.
const DIGITS: usize = 10;

/// Where the layout finds what every page, or the calculator, loads.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// The stylesheet of all pages.
    pub style: SitePath,
    /// What the calculator's page does without.
    pub pages_style: SitePath,
    /// What stands below the calculator's answer, and in its other tabs.
    pub below_style: SitePath,
    /// The icon.
    pub icon: SitePath,
    /// Search, sorting and filters of all pages but the calculator's.
    pub script: SitePath,
    /// The calculator, when it was built.
    pub calculator: Option<Calculator>,
}

/// How the names of the compute worker's files start.
const WORKER: [&str; 3] = ["worker", "part-split_compute", "part-worker_chunk"];
/// How the names of files start that stand below the calculator's answer.
const BELOW: [&str; 3] = ["part-split_below", "part-below_chunk", "below"];

/// The calculator's files that its page names.
#[derive(Debug, Clone)]
pub struct Calculator {
    /// The script that starts it.
    pub boot: SitePath,
    /// Its glue, for preloading.
    pub glue: SitePath,
    /// Its module, for preloading.
    pub module: SitePath,
    /// What the page shows first, for preloading.
    pub first: SitePath,
}

impl Assets {
    /// Puts the stylesheet, the icon, the pages' script with its index, and the calculator into `site`.
    pub fn publish(site: &mut Site, style: &Path, bundle: Option<&Bundle>, pages: &[Page]) -> Result<Self> {
        let icon = style.join("icon.svg");
        let icon = fs::read(&icon).with_context(|| format!("cannot read {}", icon.display()))?;
        Ok(Self {
            style: hashed(site, "site.css", stylesheet::of(style)?.into_bytes()),
            pages_style: hashed(site, "pages.css", stylesheet::of_pages(style)?.into_bytes()),
            below_style: hashed(site, "below.css", stylesheet::of_below(style)?.into_bytes()),
            icon: hashed(site, "icon.svg", icon),
            script: {
                let index = find::index(pages, Catalogue::built_in()?);
                let index = hashed(site, "find.json", index.into_bytes());
                let search = renamed(find::SCRIPT, &[(find::INDEX, &index)])?;
                let search = hashed(site, "find.js", search.into_bytes());
                hashed(site, "pages.js", renamed(find::PAGES, &[(find::NAME, &search)])?.into_bytes())
            },
            calculator: bundle.map(|bundle| calculator(site, bundle)).transpose()?,
        })
    }
}

fn calculator(site: &mut Site, bundle: &Bundle) -> Result<Calculator> {
    let module = hashed(site, "app.wasm", bundle.app.wasm.clone());
    let (parts, glue) = in_parts(site, &bundle.app)?;
    let reader = reader(site, bundle)?;
    let catalogue = hashed(site, "catalogue.bin", bundle.catalogue.clone());
    let application = [("./app.js", &glue), (PARTS, &parts), ("./app.wasm", &module)];
    let worker = hashed(site, "worker.js", renamed(&bundle.worker_js, &application)?.into_bytes());
    let first = hashed(site, "first.bin", bundle.first.clone());
    let own = [
        ("./catalogue.bin", &catalogue),
        ("./first.bin", &first),
        ("./reader.js", &reader),
        ("./worker.js", &worker),
    ];
    let neighbours = [&application[..], &own].concat();
    // Not beside them: `./reader.js` is `../assets/reader-….js` there.
    let embedded = renamed(embed::MODULE, &[("./reader.js", &reader), ("./catalogue.bin", &catalogue)])?;
    embed::add(site, embedded.replace("'./", &format!("'../{FOLDER}")));
    let boot = hashed(site, "boot.js", renamed(&bundle.boot_js, &neighbours)?.into_bytes());
    Ok(Calculator { boot, glue, module, first })
}

/// The application's parts and the script that loads them, and its glue, which imports that script.
fn in_parts(site: &mut Site, app: &Glued) -> Result<(SitePath, SitePath)> {
    let mut script = app.parts_js.replace('"', "'");
    for (name, bytes) in &app.parts {
        let place = hashed(site, &format!("part-{}{name}", users(&script, name)), bytes.clone());
        script = renamed(&script, &[(&format!("./{name}"), &place)])?;
    }
    let parts = hashed(site, "app-parts.js", script.into_bytes());
    // Only where it is imported: the module keeps the name that it knows.
    let glue = app.js.replace(&format!("from \"{PARTS}\""), &format!("from '{PARTS}'"));
    let glue = renamed(&glue, &[(PARTS, &parts)])?;
    Ok((parts, hashed(site, "app.js", glue.into_bytes())))
}

/// Who needs what several parts have in common, for its name: the worker, what stands below the answer, or the rest.
fn users(script: &str, name: &str) -> &'static str {
    let Some(chunk) = name.strip_suffix(".wasm").filter(|name| name.starts_with("chunk")) else { return "" };
    // A part's loader ends in the list of the chunks that it waits for.
    let needed_by = |part: &str| {
        let loader = script.split_once(&format!("__wasm_split_load_{part} "));
        let list =
            loader.and_then(|(_, rest)| rest.split_once(", [")).and_then(|(_, rest)| rest.split_once(']'));
        list.is_some_and(|(names, _)| names.split(',').any(|known| known.trim() == format!("__{chunk}")))
    };
    if needed_by("compute") {
        "worker_"
    } else if needed_by("below") {
        "below_"
    } else {
        ""
    }
}

/// The reader's files; the place of its first script.
fn reader(site: &mut Site, bundle: &Bundle) -> Result<SitePath> {
    let module = hashed(site, "reader.wasm", bundle.reader.wasm.clone());
    let glue = hashed(site, "reader-glue.js", bundle.reader.js.clone().into_bytes());
    let script = renamed(&bundle.reader_js, &[("./reader-glue.js", &glue), ("./reader.wasm", &module)])?;
    Ok(hashed(site, "reader.js", script.into_bytes()))
}

/// Adds `bytes` under a name with their hash: `site.css` becomes `assets/site-0a1b2c3d4e.css`.
fn hashed(site: &mut Site, name: &str, bytes: Vec<u8>) -> SitePath {
    let digest = blake3::hash(&bytes).to_hex();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
    let place = format!("{FOLDER}{stem}-{}.{extension}", &digest[..DIGITS]);
    site.insert(place.clone(), bytes);
    SitePath::new(place)
}

/// Replaces `'./app.js'` in a script by the hashed neighbour; a name that is not there is a mistake.
fn renamed(script: &str, names: &[(&str, &SitePath)]) -> Result<String> {
    let mut script = script.to_owned();
    for (name, place) in names {
        let quoted = format!("'{name}'");
        if !script.contains(&quoted) {
            bail!("a start script does not mention {quoted}");
        }
        let neighbour = place.as_str().trim_start_matches(FOLDER);
        script = script.replace(&quoted, &format!("'./{neighbour}'"));
    }
    Ok(script)
}

/// Is it something that most visits to the calculator never ask for?
pub fn is_on_demand(place: &str) -> bool {
    let on_demand = |name: &str| {
        ["reader", "part-", "catalogue", "find", "pages", "below"].iter().any(|start| name.starts_with(start))
    };
    is_hashed(place) && place.strip_prefix(FOLDER).is_some_and(on_demand)
}

/// Is it none of what a first visit to the calculator fetches?
pub fn is_later(place: &str) -> bool {
    is_on_demand(place) || is_hashed(place) && is_worker(place)
}

/// Is it what a search needs? That is small, and kept with the first visit, so that all pages can be searched without a network.
pub fn is_search(place: &str) -> bool {
    starts_with(place, &["find", "pages"])
}

/// Does the compute worker need it, and the first answer not?
pub fn is_worker(place: &str) -> bool {
    starts_with(place, &WORKER)
}

/// Is it fetched when what stands below the first answer comes on screen?
pub fn is_below(place: &str) -> bool {
    starts_with(place, &BELOW)
}

fn starts_with(place: &str, starts: &[&str]) -> bool {
    place.strip_prefix(FOLDER).is_some_and(|name| starts.iter().any(|start| name.starts_with(start)))
}

/// Does the name carry a hash? Such a file never changes.
pub fn is_hashed(place: &str) -> bool {
    place
        .strip_prefix(FOLDER)
        .and_then(|name| name.rsplit_once('.')?.0.rsplit_once('-'))
        .is_some_and(|(_, hash)| hash.len() == DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        let glued = |name: &str| Glued {
            js: format!("import './app-parts.js'; // {name}"),
            wasm: name.as_bytes().to_vec(),
            parts_js: "new URL('./late.wasm')".to_owned(),
            parts: vec![("late.wasm".to_owned(), b"late".to_vec())],
        };
        Bundle {
            app: glued("app"),
            reader: glued("reader"),
            catalogue: b"catalogue".to_vec(),
            first: b"first".to_vec(),
            boot_js: "import './app.js'; import './app-parts.js'; new URL('./app.wasm'); new URL('./catalogue.bin'); new URL('./first.bin'); new URL('./worker.js'); \
                      import('./reader.js');"
                .into(),
            worker_js: "import './app.js'; import './app-parts.js'; new URL('./app.wasm');".into(),
            reader_js: "import './reader-glue.js'; new URL('./reader.wasm');".into(),
        }
    }

    #[test]
    fn scripts_name_hashed_neighbours_that_exist() {
        let mut site = Site::default();
        let calculator = calculator(&mut site, &bundle()).unwrap();
        let boot = String::from_utf8(site.files[calculator.boot.as_str()].clone()).unwrap();
        let neighbours: Vec<&str> = boot.split('\'').filter(|part| part.starts_with("./")).collect();
        assert_eq!(neighbours.len(), 7);
        for name in neighbours {
            assert!(site.files.contains_key(&name.replace("./", FOLDER)), "{name}");
        }
        let (hashed, embedded): (Vec<&String>, Vec<&String>) =
            site.files.keys().partition(|place| place.starts_with(FOLDER));
        assert!(hashed.iter().all(|place| is_hashed(place)), "{hashed:?}");
        let module = String::from_utf8(site.files[embed::PLACE].clone()).unwrap();
        assert!(
            embedded.contains(&&embed::PLACE.to_owned()) && module.contains("'../assets/reader-"),
            "{module}"
        );
        assert!(!is_hashed("index.html") && !is_hashed("assets/app-x.js"));
    }

    #[test]
    fn what_parts_share_is_named_by_who_needs_it() {
        let script = "const __chunk_3 = makeLoad(() => {}, []);\n\
                      export const __wasm_split_load_late = wrapAsyncCb(makeLoad(() => {}\n, [__chunk_3, __chunk_5, __chunk_7]));\n\
                      export const __wasm_split_load_below = wrapAsyncCb(makeLoad(() => {}\n, [__chunk_5, __chunk_3]));\n\
                      export const __wasm_split_load_compute = wrapAsyncCb(makeLoad(() => {}\n, [__chunk_3]));";
        let users = |name| users(script, name);
        assert_eq!(
            [users("chunk_3.wasm"), users("chunk_5.wasm"), users("chunk_7.wasm")],
            ["worker_", "below_", ""]
        );
        assert_eq!(users("split_late.wasm"), "");
    }

    #[test]
    fn a_changed_module_changes_the_name_of_the_start_script() {
        let boot = |bundle: &Bundle| calculator(&mut Site::default(), bundle).unwrap().boot;
        let mut changed = bundle();
        changed.app.parts[0].1.push(0);
        assert_ne!(boot(&bundle()), boot(&changed));
    }

    #[test]
    fn a_start_script_that_forgets_a_file_is_refused() {
        let mut bundle = bundle();
        bundle.boot_js = "import './app.js';".into();
        let message = calculator(&mut Site::default(), &bundle).unwrap_err().to_string();
        assert!(message.contains("./app-parts.js"), "{message}");
    }
}
