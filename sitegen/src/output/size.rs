//! The bytes of a first visit to the calculator, and the most that they may be.
//!
//! Five groups: what a first visit fetches for its answer; what stands below the answer and comes when that is on screen; what
//! the compute worker adds with the first tab that computes; what comes when it is asked for (the other tabs, the
//! reader of files); and what all other pages have for search, sorting and words. The browser keeps all of it after the first answer, for the time without a network. Gzip, since that is what most hosts send;
//! Brotli for what has to arrive before anything is drawn, since that should fit the first flight of packets.

use std::fmt;

use anyhow::{Context as _, Result};

use crate::compress::{brotli, gzip};
use crate::output::assets::{self, is_hashed};
use crate::output::site::Site;
use crate::path::extension;

/// The most that a first visit fetches, gzip. Above the goal since formats of quantised checkpoints and a card's memory are told
/// there.
pub const MOST_GZIP: usize = 230_500;
/// The goal for both sums. Paths and tool versions move a build by some hundred bytes, which the limits leave room for.
pub const GOAL_GZIP: usize = 220_000;
/// The most that it and the worker may be together, gzip. Above the goal: a guard against growth. The worker's part copies memory for
/// whoever measures, reads f64 and Fortran order, and lays graphs out on a GPU (13 KB), to the byte as the command line does.
pub const MOST_WITH_WORKER: usize = 364_000;
/// What search, sorting and words of the other pages may take, gzip.
pub const MOST_SEARCH: usize = 25_000;
/// HTML with its drawings, and the style, Brotli.
pub const MOST_BROTLI: usize = 9_000;

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
    group: Group,
}

/// When a file is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    /// On a first visit, for the answer.
    First,
    /// When what stands below the answer comes on screen.
    Below,
    /// With the first tab that computes.
    Worker,
    /// With the first of the other tabs, the first file or the first report.
    Asked,
    /// With any other page, and its first search.
    Search,
}

impl Group {
    const ALL: [Self; 5] = [Self::First, Self::Below, Self::Worker, Self::Asked, Self::Search];

    const fn title(self) -> &'static str {
        match self {
            Self::First => "first visit",
            Self::Below => "below the answer",
            Self::Worker => "when codecs or tables are computed",
            Self::Asked => "with other tabs, files and reports",
            Self::Search => "with other pages and a first search",
        }
    }

    fn of(place: &str) -> Self {
        if assets::is_worker(place) {
            Self::Worker
        } else if assets::is_below(place) {
            Self::Below
        } else if assets::is_search(place) {
            Self::Search
        } else if assets::is_on_demand(place) {
            Self::Asked
        } else {
            Self::First
        }
    }
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
            group: Group::of(place),
        })
    };
    Ok(FirstVisit { files: files.map(measure).collect::<Result<_>>()? })
}

impl FirstVisit {
    /// What a first visit fetches, gzip.
    pub fn gzip(&self) -> usize {
        self.sum(Group::First, |file| file.gzip)
    }

    /// The same and the worker, gzip.
    pub fn with_worker(&self) -> usize {
        self.gzip() + self.sum(Group::Worker, |file| file.gzip)
    }

    /// What the other pages fetch for search, sorting and words, gzip.
    pub fn search(&self) -> usize {
        self.sum(Group::Search, |file| file.gzip)
    }

    /// What has to arrive before anything is drawn, Brotli.
    pub fn before_drawing(&self) -> usize {
        self.files
            .iter()
            .filter(|file| file.first && file.group == Group::First)
            .map(|file| file.brotli)
            .sum()
    }

    /// Do all sums keep their limits?
    pub fn within_budget(&self) -> bool {
        self.gzip() <= MOST_GZIP
            && self.with_worker() <= MOST_WITH_WORKER
            && self.before_drawing() <= MOST_BROTLI
            && self.search() <= MOST_SEARCH
    }

    fn sum(&self, group: Group, of: fn(&File) -> usize) -> usize {
        self.files.iter().filter(|file| file.group == group).map(of).sum()
    }
}

impl fmt::Display for FirstVisit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<40} {:>9} {:>9} {:>9}", "file", "raw", "gzip", "brotli")?;
        for group in Group::ALL {
            for file in self.files.iter().filter(|file| file.group == group) {
                writeln!(f, "{:<40} {:>9} {:>9} {:>9}", file.place, file.raw, file.gzip, file.brotli)?;
            }
            let sum = |of| self.sum(group, of);
            let (raw, gzip, brotli) = (sum(|file| file.raw), sum(|file| file.gzip), sum(|file| file.brotli));
            writeln!(f, "{:<40} {raw:>9} {gzip:>9} {brotli:>9}\n", group.title())?;
        }
        writeln!(f, "first visit, gzip: {} of at most {MOST_GZIP} (goal {GOAL_GZIP})", self.gzip())?;
        writeln!(
            f,
            "with the worker, gzip: {} of at most {MOST_WITH_WORKER} (goal {GOAL_GZIP})",
            self.with_worker()
        )?;
        writeln!(f, "search, gzip: {} of at most {MOST_SEARCH}", self.search())?;
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
        site.insert("assets/find-0123456789.json", "[]");
        site.insert("assets/worker-0123456789.js", vec![b'x'; 1_000]);
        site.insert("assets/part-worker_chunk_3-0123456789.wasm", vec![b'x'; 1_000]);
        site.insert("assets/part-split_below-0123456789.wasm", vec![b'x'; 1_000]);
        site.insert("assets/part-split_compute-0123456789.wasm", vec![b'x'; 1_000]);
        site.insert("assets/reader-0123456789.wasm", vec![b'x'; 1_000]);
        site.insert("assets/part-split_late-0123456789.wasm", vec![b'x'; 1_000]);
        site
    }

    #[test]
    fn only_what_the_calculator_loads_counts() {
        let visit = first_visit(&site(1000)).unwrap();
        let count = |group| visit.files.iter().filter(|file| file.group == group).count();
        assert_eq!(Group::ALL.map(count), [2, 1, 3, 2, 1]);
        assert!(visit.gzip() < visit.with_worker());
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
