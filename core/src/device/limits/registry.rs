//! Built-in limits, embedded from `profiles/limits`.

use super::entry::{Entry, Setting};
use super::{Limit, Platform, Version};
use crate::format::document::nearest_names;
use std::sync::OnceLock;

include!(concat!(env!("OUT_DIR"), "/limits.rs"));

/// A name that no built-in limit has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no built-in limit `{name}`{}", .nearest.as_ref().map_or_else(String::new, |n| format!("; nearest: {n}")))]
pub struct UnknownLimit {
    /// What was asked for.
    pub name: String,
    /// Nearest names, comma-separated.
    pub nearest: Option<String>,
}

/// Every built-in limit, in alphabetical order.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    static READ: OnceLock<Vec<Entry>> = OnceLock::new();
    let read = || {
        let load = |(name, text): &(&str, &str)| {
            Entry::from_yaml(&format!("profiles/limits/{name}.yaml"), text).ok()
        };
        LIMITS.iter().filter_map(load).collect()
    };
    READ.get_or_init(read).iter()
}

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    LIMITS.iter().map(|(name, _)| *name)
}

/// A built-in limit by name.
pub fn entry(name: &str) -> Result<&'static Entry, UnknownLimit> {
    entries()
        .find(|entry| entry.name == name)
        .ok_or_else(|| UnknownLimit { name: name.to_owned(), nearest: nearest_names(name, names()) })
}

/// The limits of a system by itself, without a device.
pub fn of_system(platform: Platform, version: Option<Version>, ram_mib: Option<u64>) -> Vec<Limit> {
    let setting = Setting { platform, version, ram_mib, device: "" };
    entries().filter(|entry| entry.holds(&setting)).filter_map(|entry| entry.limit(&setting)).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
