//! Reads a built site as a visitor's browser would and names everything that is broken.

mod document;
mod script;
mod style;
mod target;

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use rayon::prelude::*;

use crate::output::site::Site;
use crate::path::extension;
use document::Document;
pub(crate) use target::percent_decoded;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Place in the site.
    pub file: String,
    /// 1 for the first line.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// The page or file is not there.
    #[error("`{0}` leads nowhere: no such file in the site")]
    Missing(String),
    /// The page is there, the section is not.
    #[error("`{target}` leads nowhere: {page} has no id `{id}`")]
    Fragment {
        /// As written.
        target: String,
        /// File of the page.
        page: String,
        /// Fragment.
        id: String,
    },
    /// A page without its slash.
    #[error("`{0}` is a page: expected a `/` at the end")]
    Slash(String),
    /// Leaves the site.
    #[error("`{0}` climbs out of the site")]
    Outside(String),
    /// Begins with `/`.
    #[error("`{0}` is root-absolute and breaks under a sub-path: expected a relative address")]
    RootAbsolute(String),
    /// A file from somebody else.
    #[error("`{0}` is loaded from elsewhere: every file has to come from the site itself")]
    ThirdParty(String),
    /// A link that runs a script.
    #[error("`{0}` is a script, expected an address")]
    ScriptLink(String),
    /// What the content security policy blocks.
    #[error("{0} is blocked by the site's policy: use the stylesheet or a script file")]
    Inline(String),
    /// An id that is used twice.
    #[error("id `{0}` is used twice")]
    DuplicateId(String),
    /// Something that every page has.
    #[error("the page has no {0}")]
    Lacks(&'static str),
    /// More than one of what a page has once.
    #[error("the page has {count} {what}, expected one")]
    Several {
        /// What.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// An image without a text in its place.
    #[error("image `{0}` has no `alt`")]
    Alt(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.fault)
    }
}

/// An address that is written in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    line: usize,
    usage: Usage,
    target: String,
}

/// What becomes of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    /// A reader may follow it, out of the site too.
    Link,
    /// The browser loads it.
    Resource,
}

/// All problems of a site, by file and line.
pub fn problems(site: &Site) -> Vec<Problem> {
    let documents: BTreeMap<&str, Document> = site
        .files
        .par_iter()
        .filter(|(file, _)| extension(file) == "html")
        .map(|(file, bytes)| (file.as_str(), document::read(&String::from_utf8_lossy(bytes))))
        .collect::<Vec<_>>()
        .into_iter()
        .collect();
    let ids: BTreeMap<&str, HashSet<&str>> =
        documents.iter().map(|(file, document)| (*file, document.ids())).collect();
    let known = target::Known { site, ids: &ids };
    let mut problems: Vec<Problem> = site
        .files
        .par_iter()
        .flat_map_iter(|(file, bytes)| {
            let (references, faults) = match documents.get(file.as_str()) {
                Some(document) => (document.references.clone(), document.faults.clone()),
                None => (references(file, bytes), Vec::new()),
            };
            let broken = references.into_iter().filter_map(|reference| {
                let fault = known.fault(file, &reference)?;
                Some((reference.line, fault))
            });
            let found: Vec<_> = faults.into_iter().chain(broken).collect();
            found.into_iter().map(|(line, fault)| Problem { file: file.clone(), line, fault })
        })
        .collect();
    problems.sort_unstable();
    problems
}

fn references(file: &str, bytes: &[u8]) -> Vec<Reference> {
    let text = String::from_utf8_lossy(bytes);
    match extension(file) {
        "css" => style::references(&text),
        "js" => script::references(&text),
        _ => Vec::new(),
    }
}
