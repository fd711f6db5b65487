//! A site to disk: only what differs is written, and what an earlier build left over is removed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rayon::prelude::*;

use crate::compress::{self, Compression, EXTENSIONS};
use crate::disk;
use crate::output::site::Site;

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
    let writer = Writer { folder, compression, cache, earlier: manifest(folder)? };
    let results: Vec<(Vec<String>, usize)> =
        site.files.par_iter().map(|(place, bytes)| writer.file(place, bytes)).collect::<Result<_>>()?;
    let changed = results.iter().map(|(_, changed)| changed).sum();
    let names: BTreeSet<String> = results.into_iter().flat_map(|(names, _)| names).collect();
    let gone: Vec<&String> = writer.earlier.difference(&names).collect();
    for name in &gone {
        let path = folder.join(name);
        remove(&path)?;
        remove_empty_folders(&path, folder);
    }
    let list: String = names.iter().flat_map(|name| [name.as_str(), "\n"]).collect();
    disk::write_if_different(&folder.join(MANIFEST), list.as_bytes())?;
    Ok(Written { files: site.files.len(), changed, removed: gone.len() })
}

struct Writer<'a> {
    folder: &'a Path,
    compression: Compression,
    cache: &'a Path,
    earlier: BTreeSet<String>,
}

impl Writer<'_> {
    /// Writes a file and its twins; returns their names and how many changed.
    ///
    /// Twins go first: a file with the right bytes then means that its twins are right too, and need not be read.
    fn file(&self, place: &str, bytes: &[u8]) -> Result<(Vec<String>, usize)> {
        let path = self.folder.join(place);
        let names = EXTENSIONS.map(|extension| format!("{place}.{extension}"));
        let settled = match self.compression {
            Compression::Off => false,
            Compression::Kept => true,
            Compression::Full => names.iter().all(|name| self.earlier.contains(name)),
        };
        if settled && disk::has(&path, bytes) {
            let twins = names.into_iter().filter(|name| self.earlier.contains(name));
            return Ok((std::iter::once(place.to_owned()).chain(twins).collect(), 0));
        }
        let twins = compress::twins(place, bytes, self.compression, self.cache)?;
        let mut written = vec![place.to_owned()];
        let mut changed = 0;
        for (extension, name) in EXTENSIONS.into_iter().zip(names) {
            let twin = self.folder.join(&name);
            match twins.iter().find(|(known, _)| *known == extension) {
                Some((_, packed)) => {
                    changed += usize::from(disk::write_if_different(&twin, packed)?);
                    written.push(name);
                }
                // Of other bytes than the file is about to have.
                None if self.earlier.contains(&name) => remove(&twin)?,
                None => {}
            }
        }
        changed += usize::from(disk::write_if_different(&path, bytes)?);
        Ok((written, changed))
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
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
