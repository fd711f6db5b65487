//! The table under test as the operating system sees it: eviction, residency, counters.

use super::seam::Storage;
use super::spec::Place;
use crate::machine::{cgroup, counters, evict, residency};
use dhurandhar_core::measurement::Counters;
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// The real file under test.
pub(crate) struct RealStorage {
    file: File,
    place: Place,
    group: Option<PathBuf>,
    observable: Result<(), String>,
}

impl RealStorage {
    /// Opens the file read-only. `group` is the control group whose page cache is reported.
    pub(crate) fn open(place: &Place, group: Option<PathBuf>) -> io::Result<Self> {
        let file = File::open(&place.path)?;
        let observable = residency::observable(&file);
        Ok(Self { file, place: place.clone(), group, observable })
    }
}

impl Storage for RealStorage {
    fn evict(&mut self) -> io::Result<()> {
        evict::evict(&self.file, self.place.offset, self.place.bytes)
    }

    fn residency(&mut self) -> Option<f64> {
        self.observable.as_ref().ok()?;
        residency::resident_share(&self.file, self.place.offset, self.place.bytes).ok()
    }

    fn residency_method(&self) -> String {
        match &self.observable {
            Ok(()) => "mincore over the whole table".to_owned(),
            Err(reason) => format!("not observed: {reason}"),
        }
    }

    fn counters(&mut self) -> Counters {
        counters::read()
    }

    fn group_cache(&mut self) -> Option<u64> {
        self.group.as_deref().and_then(cgroup::page_cache_bytes)
    }
}
