//! Builds, serves and checks the site of dhurandhar.
//!
//! The way through: [`bundle`] compiles the calculator, [`content`] renders Markdown, [`pages`] makes pages from
//! data, [`template`] puts the layout around all of them, [`build`] gathers a [`Site`](output::site::Site) in memory, [`output`]
//! brings it to disk, [`check`] reads it back and looks for what is broken, [`serve`] shows it while it changes.
//!
//! Two things are absent on purpose: arithmetic about models or codecs (that is `dhurandhar-core`), and any unasked request
//! to anybody, at build time or from a page.

pub mod base_url;
pub mod bench;
pub mod build;
pub mod bundle;
pub mod check;
pub mod cli;
pub mod compress;
pub mod config;
pub mod content;
pub mod disk;
pub mod hub;
pub mod output;
pub mod page;
pub mod pages;
pub mod path;
pub mod serve;
pub mod template;
pub mod workspace;
