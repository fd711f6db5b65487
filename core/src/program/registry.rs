//! Built-in programs, embedded from `profiles/programs`.

use super::Program;
use crate::format::document::nearest_names;
use std::sync::OnceLock;

include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// A name that no built-in program has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no built-in program `{name}`{}; expected one of {known}", .nearest.as_ref().map_or_else(String::new, |n| format!("; nearest: {n}")))]
pub struct UnknownProgram {
    /// What was asked for.
    pub name: String,
    /// Nearest names, comma-separated.
    pub nearest: Option<String>,
    /// All names.
    pub known: String,
}

/// Every built-in program, in alphabetical order.
pub fn programs() -> impl Iterator<Item = &'static Program> {
    static READ: OnceLock<Vec<Program>> = OnceLock::new();
    let load = |(name, text): &(&str, &str)| {
        Program::from_yaml(&format!("profiles/programs/{name}.yaml"), text).ok()
    };
    READ.get_or_init(|| PROGRAMS.iter().filter_map(load).collect()).iter()
}

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

/// A built-in program by name.
pub fn program(name: &str) -> Result<&'static Program, UnknownProgram> {
    let asked = name.trim().to_ascii_lowercase().replace(['.', '_', ' '], "-");
    programs().find(|program| program.name == asked).ok_or_else(|| UnknownProgram {
        name: name.to_owned(),
        nearest: nearest_names(&asked, names()),
        known: names().collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
pub(super) fn files() -> &'static [(&'static str, &'static str)] {
    PROGRAMS
}
