//! Builds, serves and checks the site of dhurandhar.
//!
//! The way through: [`wasm`] compiles the calculator, [`content`] renders Markdown, [`pages`] makes pages from
//! data, [`template`] puts the layout around all of them, [`build`] gathers a [`site::Site`] in memory, [`write`](mod@write)
//! brings it to disk, [`check`] reads it back and looks for what is broken, [`serve`] shows it while it changes.
//!
//! Two things are absent on purpose: arithmetic about models or codecs (that is `dhurandhar-core`), and any request
//! to anybody, at build time or from a page.

pub mod arrange;
pub mod assets;
pub mod base_url;
pub mod bench;
pub mod bindgen;
pub mod build;
pub mod check;
pub mod cli;
pub mod compress;
pub mod config;
pub mod content;
pub mod disk;
mod embed;
pub mod feed;
mod figures;
mod find;
mod manifest;
pub mod markdown;
pub mod names;
pub mod offline;
pub mod page;
pub mod pages;
pub mod path;
pub mod serve;
pub mod site;
pub mod size;
pub mod split;
pub mod stylesheet;
pub mod template;
pub mod toolchain;
pub mod wasm;
pub mod workspace;
pub mod write;
