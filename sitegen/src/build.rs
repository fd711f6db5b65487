//! From sources to a site in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use maud::html;
use rayon::prelude::*;

use crate::base_url::BaseUrl;
use crate::bundle::wasm::Bundle;
use crate::config::Config;
use crate::content::{self, Content};
use crate::hub::Hub;
use crate::output::assets::Assets;
use crate::output::site::Site;
use crate::output::{feed, manifest, offline};
use crate::page::{self, Page, Shape};
use crate::pages;
use crate::path::SitePath;
use crate::template::{self, Chrome, Glossary};

/// The picture of the site, for those who show links to it.
const PICTURE: &str = "images/calculator.png";

/// The page about the module for other pages, which leads to its example where that is built.
const EMBED: &str = "docs/embed/";

/// What a site is made from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Markdown and measurements.
    pub content: PathBuf,
    /// Stylesheets and the icon.
    pub style: PathBuf,
    /// The calculator; without it the site has all pages and no application.
    pub bundle: Option<Bundle>,
    /// Where it will be published, when that is known.
    pub base_url: Option<BaseUrl>,
    /// The hub that the calculator may ask.
    pub hub: Hub,
}

/// Builds the whole site.
pub fn build(sources: &Sources) -> Result<Site> {
    rebuild(sources, &mut pages::Kept::default())
}

/// The same after an earlier build, of which what still stands is kept.
pub fn rebuild(sources: &Sources, kept: &mut pages::Kept) -> Result<Site> {
    let Content { pages: prose, files } = content::load(&sources.content)?;
    let data = kept.pages(&sources.content, &prose)?;
    let mut pages = merged(prose, data);
    if sources.bundle.is_some()
        && let Some(page) = pages.iter_mut().find(|page| page.path.as_str() == EMBED)
    {
        let example = page.path.to("embed/");
        page.body += &html! { p { a href=(example) { "A page that uses it" } "." } }.into_string();
    }
    pages::search::fill(&mut pages);
    let mut site = Site::default();
    let data = pages.iter_mut().flat_map(|page| std::mem::take(&mut page.files));
    for (place, bytes) in files.into_iter().chain(data) {
        site.insert(place.as_str(), bytes);
    }
    let assets = Assets::publish(&mut site, &sources.style, sources.bundle.as_ref(), &pages)?;
    let atom = sources.base_url.as_ref().and_then(|base| feed::atom(&pages, base));
    let menu = Chrome::menu_of(&pages);
    let picture = Some(SitePath::new(PICTURE)).filter(|place| site.files.contains_key(place.as_str()));
    site.insert(manifest::PLACE, manifest::manifest(&assets));
    let config = Config::load(&sources.content)?;
    let base_url = sources.base_url.clone();
    let chrome = Chrome {
        hub: sources.hub.clone(),
        assets,
        menu,
        base_url,
        feed: atom.is_some(),
        picture,
        config,
        search: pages.iter().any(|page| page.path.as_str() == page::SEARCH),
        glossary: Glossary::of(&pages),
    };
    let documents: Vec<(String, String)> =
        pages.par_iter().map(|page| (page.path.file(), template::layout(page, &chrome))).collect();
    for (place, document) in documents {
        site.insert(place, document);
    }
    site.insert("404.html", not_found(&chrome));
    if let Some(base) = &sources.base_url {
        site.insert("sitemap.xml", feed::sitemap(&pages, base));
    }
    if let Some(atom) = atom {
        site.insert(feed::PLACE, atom);
    }
    site.insert("robots.txt", robots(sources.base_url.as_ref()));
    offline::add(&mut site);
    Ok(site)
}

/// Prose and data pages in the order of their places, with lists of children where a section's page has none of its own.
fn merged(prose: Vec<Page>, data: Vec<Page>) -> Vec<Page> {
    let pages: BTreeMap<SitePath, Page> =
        prose.into_iter().chain(data).map(|page| (page.path.clone(), page)).collect();
    let lists: Vec<(SitePath, String)> = pages
        .values()
        .filter(|page| page.shape == Shape::Article && !page.path.as_str().is_empty())
        .filter_map(|page| Some((page.path.clone(), children(page, &pages)?)))
        .collect();
    let mut pages = pages;
    for (path, list) in lists {
        if let Some(page) = pages.get_mut(&path) {
            page.body.push_str(&list);
        }
    }
    pages.into_values().collect()
}

fn children(parent: &Page, pages: &BTreeMap<SitePath, Page>) -> Option<String> {
    let depth = parent.path.depth() + 1;
    let mut below: Vec<&Page> = pages
        .range(parent.path.clone()..)
        .map(|(_, page)| page)
        .take_while(|page| page.path.as_str().starts_with(parent.path.as_str()))
        .filter(|page| page.path.depth() == depth)
        .collect();
    below.sort_by_key(|page| page.order);
    let list = html! {
        ul.cards {
            @for page in &below {
                li { a href=(parent.path.to(page.path.as_str())) { (page.title) } p { (page.description) } }
            }
        }
    };
    (!below.is_empty()).then(|| list.into_string())
}

fn not_found(chrome: &Chrome) -> String {
    // Nobody looks for this page, so no canonical address.
    let page = template::not_found(&chrome.menu);
    let document = template::layout(&page, &Chrome { base_url: None, ..chrome.clone() });
    match &chrome.base_url {
        Some(base) => template::with_base(&document, &base.to_string()),
        None => document,
    }
}

fn robots(base: Option<&BaseUrl>) -> String {
    let sitemap = base.map_or_else(String::new, |base| format!("Sitemap: {}\n", base.join("sitemap.xml")));
    format!("User-agent: *\nAllow: /\n{sitemap}")
}
