//! Markdown files in, pages out. Other files in the folder are copied as they are.

mod figures;
pub mod front_matter;
pub mod markdown;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rayon::prelude::*;

use crate::config;
use crate::disk;
use crate::page::Page;
use crate::path::{SitePath, extension};
use front_matter::{FrontMatter, FrontMatterError, line_of};
use markdown::MarkdownError;

/// Reports are data, read by the pages that show them, not content to copy.
const DATA: &str = "measurements/";

/// A Markdown file that can't become a page.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// Its head is wrong.
    #[error("{file}: {source}")]
    FrontMatter {
        /// Path below the content folder.
        file: String,
        /// Line and field.
        source: FrontMatterError,
    },
    /// Its text is wrong.
    #[error("{file}: line {line}: {source}")]
    Markdown {
        /// Path below the content folder.
        file: String,
        /// 1 for the first line.
        line: usize,
        /// What is wrong.
        source: MarkdownError,
    },
}

/// What a content folder holds.
#[derive(Debug, Default)]
pub struct Content {
    /// Pages, in the order of their files.
    pub pages: Vec<Page>,
    /// Other files: place and bytes.
    pub files: Vec<(SitePath, Vec<u8>)>,
}

/// Reads the folder and renders its pages.
pub fn load(folder: &Path) -> Result<Content> {
    let names = disk::files(folder)?;
    let (pages, files): (Vec<_>, Vec<_>) = names
        .iter()
        .filter(|name| {
            !name.starts_with(DATA)
                && *name != config::FILE
                && !name.split('/').any(|part| part.starts_with('.'))
        })
        .partition(|name| is_markdown(name));
    let read = |name: &str| -> Result<Vec<u8>> {
        let path: PathBuf = folder.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let render = |name: &&String| {
        let text = String::from_utf8(read(name)?).with_context(|| format!("{name} is not valid UTF-8"))?;
        page(name, &text, &names).map_err(anyhow::Error::from)
    };
    Ok(Content {
        pages: pages.par_iter().map(render).collect::<Result<_>>()?,
        files: files
            .into_iter()
            .map(|name| Ok((SitePath::new(name.clone()), read(name)?)))
            .collect::<Result<_>>()?,
    })
}

fn is_markdown(name: &str) -> bool {
    extension(name) == "md"
}

/// Renders one file. `siblings` are all files of the folder: links between Markdown files are checked against them.
pub fn page(file: &str, source: &str, siblings: &[String]) -> Result<Page, ContentError> {
    let (front, body) = front_matter::parse(source)
        .map_err(|source| ContentError::FrontMatter { file: file.to_owned(), source })?;
    let path = place(file);
    let links = Links { file, path: &path, siblings };
    let rendered =
        markdown::render(&source[body.clone()], &|target| links.resolve(target)).map_err(|error| {
            ContentError::Markdown {
                file: file.to_owned(),
                line: line_of(source, body.start + error.offset),
                source: error.what,
            }
        })?;
    let FrontMatter { title, description, date, menu, order } = front;
    Ok(Page {
        path,
        title,
        description,
        date,
        menu,
        order,
        headings: rendered.headings,
        terms: rendered.terms,
        body: rendered.html,
        ..Page::default()
    })
}

/// `docs/kv.md` is the page `docs/kv/`, `docs/index.md` is `docs/`.
fn place(file: &str) -> SitePath {
    let stem = file.trim_end_matches(".md");
    match stem.strip_suffix("index") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => SitePath::new(folder),
        _ => SitePath::new(format!("{stem}/")),
    }
}

/// Links are written from file to file, as an editor or a code host follows them, and become page addresses.
struct Links<'a> {
    file: &'a str,
    path: &'a SitePath,
    siblings: &'a [String],
}

impl Links<'_> {
    fn resolve(&self, target: &str) -> Result<String, MarkdownError> {
        if target.starts_with('#') || markdown::is_external(target) {
            return Ok(target.to_owned());
        }
        let fail = |expected| MarkdownError::Link { target: target.to_owned(), expected };
        if target.starts_with('/') {
            return Err(fail("an address relative to this file"));
        }
        let (path, fragment) = target.find('#').map_or((target, ""), |at| target.split_at(at));
        let joined = SitePath::new(self.file)
            .join(path)
            .ok_or_else(|| fail("an address inside the content folder"))?;
        let goal = if is_markdown(joined.as_str()) {
            if self.siblings.binary_search_by(|name| name.as_str().cmp(joined.as_str())).is_err() {
                return Err(fail("a Markdown file that exists"));
            }
            place(joined.as_str())
        } else {
            joined
        };
        Ok(self.path.to(&format!("{goal}{fragment}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "+++\ntitle = \"T\"\ndescription = \"D\"\n+++\n";

    fn body(file: &str, markdown: &str) -> Result<String, ContentError> {
        let siblings = ["docs/index.md", "docs/kv.md", "method.md"].map(str::to_owned);
        page(file, &format!("{HEAD}{markdown}"), &siblings).map(|page| page.body)
    }

    #[test]
    fn links_between_files_become_relative_page_addresses() {
        let html =
            body("docs/kv.md", "[a](../method.md#bits) [b](index.md) [c](../calculator/) [d](#x)").unwrap();
        for href in ["../../method/#bits", "../", "../../calculator/", "#x"] {
            assert!(html.contains(&format!("href=\"{href}\"")), "{href} in {html}");
        }
    }

    #[test]
    fn a_dead_link_names_file_line_and_target() {
        let message = body("docs/kv.md", "text\n\n[a](gone.md)").unwrap_err().to_string();
        assert_eq!(message, "docs/kv.md: line 7: link `gone.md`: expected a Markdown file that exists");
        assert!(body("method.md", "[a](/docs/)").unwrap_err().to_string().contains("relative"));
        assert!(body("method.md", "[a](../../x)").unwrap_err().to_string().contains("inside"));
    }

    #[test]
    fn an_index_is_its_folder() {
        assert_eq!(place("index.md").as_str(), "");
        assert_eq!(place("docs/index.md").as_str(), "docs/");
        assert_eq!(place("docs/reindex.md").as_str(), "docs/reindex/");
    }
}
