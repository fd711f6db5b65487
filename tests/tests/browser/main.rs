//! The site and the calculator in a real browser. One program, so that one site is built and served for all.

mod asked;
mod calculator;
mod codecs;
mod hub;
mod mmap;
mod offline;
mod site;
mod tasks;
