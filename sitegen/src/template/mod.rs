//! What goes around every page: head, menu, footer. Typed templates, so a forgotten field does not compile.

mod layout;
mod not_found;
mod words;

pub use layout::layout;
pub use not_found::{not_found, with_base};
pub use words::Glossary;

use crate::base_url::BaseUrl;
use crate::config::Config;
use crate::hub::Hub;
use crate::output::assets::Assets;
use crate::page::Page;
use crate::path::SitePath;

/// What all pages share.
#[derive(Debug, Clone, Default)]
pub struct Chrome {
    /// Stylesheet, icon, calculator.
    pub assets: Assets,
    /// Entries of the menu at the top, in order.
    pub menu: Vec<(String, SitePath)>,
    /// Where the site will be, when that is known.
    pub base_url: Option<BaseUrl>,
    /// Is there a feed to point to?
    pub feed: bool,
    /// A picture of the site, for those who show links to it.
    pub picture: Option<SitePath>,
    /// Addresses outside the site.
    pub config: Config,
    /// Is there a page to search on?
    pub search: bool,
    /// Words that are explained where they stand.
    pub glossary: Glossary,
    /// The hub that the calculator may ask.
    pub hub: Hub,
}

impl Chrome {
    /// The menu of the pages that asked to be in it.
    pub fn menu_of(pages: &[Page]) -> Vec<(String, SitePath)> {
        let mut entries: Vec<_> =
            pages.iter().filter_map(|page| Some((page.order, &page.path, page.menu.as_ref()?))).collect();
        entries.sort_unstable();
        entries.into_iter().map(|(_, path, name)| (name.clone(), path.clone())).collect()
    }
}
