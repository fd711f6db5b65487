//! The bytes of a first visit to the calculator, and the most that they may be.
//!
//! Gzip, since that is what most hosts send; Brotli for what has to arrive before anything is drawn, since that
//! should fit the first flight of packets.

use std::fmt;

use anyhow::{Context as _, Result};

use crate::assets::{self, is_hashed};
use crate::compress::{brotli, gzip};
use crate::path::extension;
use crate::site::Site;

/// Page, style, application and worker, gzip.
pub const MOST_GZIP: usize = 220_000;
/// HTML with its drawings, and the style, Brotli.
pub const MOST_BROTLI: usize = 14_000;

/// Files of a first visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstVisit {
    files: Vec<File>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    place: String,
    raw: usize,
    gzip: usize,
    brotli: usize,
    /// Needed before anything is drawn.
    first: bool,
    /// Not part of a first visit: loaded when a file is dropped or a report is exported.
    later: bool,
}

/// Measures the calculator's page and everything that it loads.
pub fn first_visit(site: &Site) -> Result<FirstVisit> {
    let page = "calculator/index.html";
    site.files.get(page).with_context(|| format!("the site has no {page}"))?;
    let assets = site.files.iter().filter(|(place, _)| place.starts_with(assets::FOLDER) && is_hashed(place));
    let files = site.files.get_key_value(page).into_iter().chain(assets);
    let measure = |(place, bytes): (&String, &Vec<u8>)| {
        Ok(File {
            place: place.clone(),
            raw: bytes.len(),
            gzip: gzip(bytes)?.len(),
            brotli: brotli(bytes)?.len(),
            first: matches!(extension(place), "html" | "css"),
            later: assets::is_on_demand(place),
        })
    };
    Ok(FirstVisit { files: files.map(measure).collect::<Result<_>>()? })
}

impl FirstVisit {
    /// Everything, gzip.
    pub fn gzip(&self) -> usize {
        self.files.iter().filter(|file| !file.later).map(|file| file.gzip).sum()
    }

    /// What has to arrive before anything is drawn, Brotli.
    pub fn before_drawing(&self) -> usize {
        self.files.iter().filter(|file| file.first).map(|file| file.brotli).sum()
    }

    /// Do both sums keep their limits?
    pub fn within_budget(&self) -> bool {
        self.gzip() <= MOST_GZIP && self.before_drawing() <= MOST_BROTLI
    }
}

impl fmt::Display for FirstVisit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<36} {:>9} {:>9} {:>9}", "file", "raw", "gzip", "brotli")?;
        let sum = |of: fn(&File) -> usize, later| -> usize {
            self.files.iter().filter(|file| file.later == later).map(of).sum()
        };
        for (later, title) in [(false, "first visit"), (true, "when a file is dropped or exported")] {
            for file in self.files.iter().filter(|file| file.later == later) {
                writeln!(f, "{:<36} {:>9} {:>9} {:>9}", file.place, file.raw, file.gzip, file.brotli)?;
            }
            let (raw, gzip) = (sum(|file| file.raw, later), sum(|file| file.gzip, later));
            writeln!(f, "{title:<36} {raw:>9} {gzip:>9} {:>9}", sum(|file| file.brotli, later))?;
        }
        writeln!(f, "first visit, gzip: {} of at most {MOST_GZIP}", self.gzip())?;
        writeln!(f, "HTML and CSS, brotli: {} of at most {MOST_BROTLI}", self.before_drawing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(page_bytes: usize) -> Site {
        // Bytes that do not compress: a chain of hashes.
        let noise: Vec<u8> =
            (0..page_bytes.div_ceil(32)).flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect();
        let mut site = Site::default();
        site.insert("calculator/index.html", noise);
        site.insert("assets/site-0123456789.css", "a{}");
        site.insert("models/index.html", vec![b'x'; 1_000_000]);
        site.insert("assets/reader-0123456789.wasm", vec![b'x'; 1_000]);
        site
    }

    #[test]
    fn only_what_the_calculator_loads_counts() {
        let visit = first_visit(&site(1000)).unwrap();
        assert_eq!(visit.files.iter().filter(|file| !file.later).count(), 2);
        assert_eq!(visit.files.len(), 3);
        assert!(visit.within_budget(), "{visit}");
        assert!(first_visit(&Site::default()).is_err());
    }

    #[test]
    fn either_limit_can_be_exceeded() {
        let visit = first_visit(&site(MOST_BROTLI)).unwrap();
        assert!(visit.gzip() < MOST_GZIP && !visit.within_budget(), "{visit}");
        assert!(!first_visit(&site(MOST_GZIP)).unwrap().within_budget());
    }
}
