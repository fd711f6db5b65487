//! How fast pages are generated, by a command that anybody can repeat.
//!
//! CPU time, not the clock on the wall: it says the same on a busy machine and on an idle one.

use std::fmt::{self, Write as _};
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use cpu_time::ProcessTime;

use crate::build::{Sources, build};
use crate::compress::Compression;
use crate::hub::Hub;
use crate::output::write::write;
use crate::workspace::Workspace;

/// Sections of a page.
const SECTIONS: usize = 12;
/// Rows of its table.
const ROWS: usize = 43;
/// Pages in a folder: sections of a real site have pages by the dozen, not by the thousand.
const FOLDER: usize = 100;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pages: usize,
    markdown_bytes: usize,
    /// CPU time of reading and rendering.
    building: Duration,
    /// CPU time of writing, most of it the kernel's.
    writing: Duration,
    wall: Duration,
}

/// Generates `pages` pages in a temporary folder and times building and writing them.
pub fn run(pages: usize, workspace: &Workspace) -> Result<Measured> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let content = folder.path().join("content");
    let mut markdown_bytes = 0;
    for number in 0..pages {
        let place = content.join(format!("part-{}", number / FOLDER));
        fs::create_dir_all(&place)?;
        let text = markdown(number);
        markdown_bytes += text.len();
        fs::write(place.join(format!("page-{number}.md")), text)?;
    }
    let sources =
        Sources { content, style: workspace.style(), bundle: None, base_url: None, hub: Hub::default() };
    let (begun, wall) = (ProcessTime::now(), Instant::now());
    let site = build(&sources)?;
    let building = begun.elapsed();
    let begun = ProcessTime::now();
    write(&site, &folder.path().join("site"), Compression::Off, folder.path())?;
    Ok(Measured { pages, markdown_bytes, building, writing: begun.elapsed(), wall: wall.elapsed() })
}

/// A page with sections, links, a table and a footnote.
fn markdown(number: usize) -> String {
    let mut text = format!(
        "+++\ntitle = \"Page {number}\"\ndescription = \"Generated page {number}.\"\norder = {number}\n+++\n\n"
    );
    for section in 0..SECTIONS {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "## Section {section} of page {number}\n\nA paragraph with *emphasis*, `code`, and a [link](page-{number}.md#section-{section}-of-page-{number}).\n\n"
        );
    }
    text.push_str("| layer | kind | KV heads | head_dim | MiB |\n|---:|---|---:|---:|---:|\n");
    for row in 0..ROWS {
        let _ = writeln!(text, "| {row} | sliding | 1 | 256 | {} |", number % 97 + row);
    }
    text.push_str("\nA note[^1].\n\n[^1]: At the end.\n");
    text
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pages, markdown_bytes, building, writing, wall } = self;
        let cpu = *building + *writing;
        write!(
            f,
            "{pages} pages of {} bytes of Markdown: {:.2} CPU-s ({:.2} building, {:.2} writing), {:.2} s wall, {:.0} pages per CPU-second",
            markdown_bytes / pages.max(&1),
            cpu.as_secs_f64(),
            building.as_secs_f64(),
            writing.as_secs_f64(),
            wall.as_secs_f64(),
            *pages as f64 / cpu.as_secs_f64()
        )
    }
}
