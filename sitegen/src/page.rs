//! A page before the layout goes around it. Every page of the site, from Markdown or from data, is one of these.

use crate::path::SitePath;

/// One page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Where it is.
    pub path: SitePath,
    /// Heading and title.
    pub title: String,
    /// One sentence.
    pub description: String,
    /// `YYYY-MM-DD`; a page with a date is in the feed.
    pub date: Option<String>,
    /// Name in the menu at the top, for pages that are in it.
    pub menu: Option<String>,
    /// Place in the menu and among its siblings, lowest first.
    pub order: i64,
    /// How the layout treats it.
    pub shape: Shape,
    /// Sections, for the table of contents.
    pub headings: Vec<Heading>,
    /// Terms that it defines, in order.
    pub terms: Vec<Term>,
    /// Words by which people look for it, beside its title; empty where its description has them.
    pub words: String,
    /// HTML below the page's heading.
    pub body: String,
    /// Files that come with the page: its data, to download.
    pub files: Vec<(SitePath, Vec<u8>)>,
}

/// Where the page is that has all results of a search, and the list of everything.
pub(crate) const SEARCH: &str = "search/";
/// The page in the place of one that was not kept for the time without a network.
pub(crate) const UNKEPT: &str = "offline/";

impl Page {
    /// What it is, by its folder.
    pub(crate) fn kind(&self) -> &'static str {
        match self.path.as_str().split_once('/') {
            Some(("models", slug)) if !slug.is_empty() => "model",
            Some(("devices", slug)) if !slug.is_empty() => "device",
            Some(("docs", name)) if !name.is_empty() => "guide",
            Some(("reports", name)) if !name.is_empty() => "report",
            Some(("dossiers", name)) if !name.is_empty() => "dossier",
            Some(("limits", name)) if !name.is_empty() => "limit",
            _ => "page",
        }
    }
}

/// How wide a page runs and what it loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// Text at reading width, with a table of contents when it is long.
    #[default]
    Article,
    /// Tables and charts over the full width.
    Wide,
    /// Full width, and the calculator starts in it.
    Calculator,
}

/// A term and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Fragment.
    pub id: String,
    /// As it is defined: several names with commas between them.
    pub name: String,
    /// Its meaning without markup.
    pub text: String,
    /// Fragment of the section that it stands in; empty above the first.
    pub section: String,
}

/// One section of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 2 for `##`.
    pub level: u8,
    /// Fragment.
    pub id: String,
    /// Text without markup.
    pub text: String,
}
