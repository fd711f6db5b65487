//! A site to disk: only what differs is written, and what an earlier build left over is removed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rayon::prelude::*;

use crate::compress::{self, Compression};
use crate::disk;
use crate::site::Site;

/// Names the files of the last build. Only these are ever removed, so that a mistyped `--out` destroys nothing.
const MANIFEST: &str = ".sitegen-files";

/// What happened to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Files of the site, without twins.
    pub files: usize,
    /// Files and twins whose bytes differed.
    pub changed: usize,
    /// Files of an earlier build that are gone now.
    pub removed: usize,
}

/// Writes `site` into `folder`; compressed twins are kept in `cache`.
pub fn write(site: &Site, folder: &Path, compression: Compression, cache: &Path) -> Result<Written> {
    let earlier = manifest(folder)?;
    let results: Vec<(Vec<String>, usize)> = site
        .files
        .par_iter()
        .map(|(place, bytes)| write_one(place, bytes, folder, compression, cache))
        .collect::<Result<_>>()?;
    let changed = results.iter().map(|(_, changed)| changed).sum();
    let names: BTreeSet<String> = results.into_iter().flat_map(|(names, _)| names).collect();
    let gone: Vec<&String> = earlier.difference(&names).collect();
    for name in &gone {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => remove_empty_folders(&path, folder),
        }
    }
    let list: String = names.iter().flat_map(|name| [name.as_str(), "\n"]).collect();
    disk::write_if_different(&folder.join(MANIFEST), list.as_bytes())?;
    Ok(Written { files: site.files.len(), changed, removed: gone.len() })
}

fn write_one(
    place: &str,
    bytes: &[u8],
    folder: &Path,
    compression: Compression,
    cache: &Path,
) -> Result<(Vec<String>, usize)> {
    let mut changed = usize::from(disk::write_if_different(&folder.join(place), bytes)?);
    let mut names = vec![place.to_owned()];
    for (extension, packed) in compress::twins(place, bytes, compression, cache)? {
        let name = format!("{place}.{extension}");
        changed += usize::from(disk::write_if_different(&folder.join(&name), &packed)?);
        names.push(name);
    }
    Ok((names, changed))
}

/// The files of the last build in `folder`; a folder with other things in it is refused.
fn manifest(folder: &Path) -> Result<BTreeSet<String>> {
    match fs::read_to_string(folder.join(MANIFEST)) {
        Ok(list) => Ok(list.lines().map(str::to_owned).collect()),
        Err(_) if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) => {
            bail!(
                "{} has files that sitegen did not write; choose an empty folder with --out",
                folder.display()
            )
        }
        Err(_) => Ok(BTreeSet::new()),
    }
}

fn remove_empty_folders(file: &Path, root: &Path) {
    for folder in file.ancestors().skip(1).take_while(|folder| *folder != root) {
        // A folder with other files in it stays, and that ends the climb.
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(files: &[(&str, &str)]) -> Site {
        let mut site = Site::default();
        for (place, text) in files {
            site.insert(*place, *text);
        }
        site
    }

    #[test]
    fn a_second_build_writes_what_differs_and_removes_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (out, cache) = (dir.path().join("out"), dir.path().join("cache"));
        let write = |site: &Site| write(site, &out, Compression::Off, &cache).unwrap();
        let first = write(&site(&[("index.html", "a"), ("old/index.html", "b")]));
        assert_eq!(first, Written { files: 2, changed: 2, removed: 0 });
        let second = write(&site(&[("index.html", "a"), ("new/index.html", "c")]));
        assert_eq!(second, Written { files: 2, changed: 1, removed: 1 });
        assert!(!out.join("old").exists());
    }

    #[test]
    fn a_changed_page_loses_the_twins_of_its_old_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let (out, cache) = (dir.path().join("out"), dir.path().join("cache"));
        let page = |letter: &str| site(&[("index.html", &letter.repeat(300))]);
        write(&page("a"), &out, Compression::Full, &cache).unwrap();
        assert!(out.join("index.html.br").exists());
        write(&page("b"), &out, Compression::Kept, &cache).unwrap();
        assert!(!out.join("index.html.br").exists() && !out.join("index.html.gz").exists());
        write(&page("a"), &out, Compression::Kept, &cache).unwrap();
        assert!(out.join("index.html.br").exists());
    }

    #[test]
    fn somebody_elses_folder_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "").unwrap();
        let error = write(&Site::default(), dir.path(), Compression::Off, dir.path()).unwrap_err();
        assert!(error.to_string().contains("--out"), "{error}");
    }
}
