//! A scripted disk and clock: pages cost a fixed time, nothing is read and nothing waits.

use super::seam::{Clock, Reader, Storage};
use super::spec::BlockSpec;
use dhurandhar_core::measurement::Counters;
use dhurandhar_core::storage::{Extent, touched_pages};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// Time that only moves when told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeClock(Rc<Cell<u64>>);

impl Clock for FakeClock {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }

    fn sleep_until(&self, ns: u64) {
        self.0.set(self.0.get().max(ns));
    }
}

#[derive(Debug)]
struct Disk {
    cached: VecDeque<u64>,
    capacity: usize,
    readahead: u64,
    pages: u64,
    page_bytes: u64,
    evicts: bool,
    fail_after: Option<u64>,
    counters: Counters,
}

/// A page cache in front of a disk that takes 100 us a page; a hit takes 1 us.
#[derive(Clone, Debug)]
pub(crate) struct FakeStorage(Rc<RefCell<Disk>>);

impl FakeStorage {
    pub(crate) fn of(spec: &BlockSpec) -> Self {
        let page_bytes = spec.geometry.page_bytes;
        let zero = Some(0);
        Self(Rc::new(RefCell::new(Disk {
            cached: VecDeque::new(),
            capacity: usize::MAX,
            readahead: 1,
            pages: spec.place.bytes.div_ceil(page_bytes),
            page_bytes,
            evicts: true,
            fail_after: None,
            counters: Counters {
                major_faults: zero,
                minor_faults: zero,
                device_read_bytes: zero,
                run_delay_ns: zero,
                ..Counters::default()
            },
        })))
    }

    pub(crate) fn set_readahead_pages(&self, pages: u64) {
        self.0.borrow_mut().readahead = pages;
    }

    pub(crate) fn set_capacity(&self, pages: usize) {
        self.0.borrow_mut().capacity = pages;
    }

    pub(crate) fn fail_after(&self, fetches: u64) {
        self.0.borrow_mut().fail_after = Some(fetches);
    }

    pub(crate) fn reader(&self, clock: &FakeClock) -> Box<dyn Reader> {
        Box::new(FakeReader(self.clone(), clock.clone()))
    }
}

impl Storage for FakeStorage {
    fn evict(&mut self) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        if disk.evicts {
            disk.cached.clear();
        }
        Ok(())
    }

    fn residency(&mut self) -> Option<f64> {
        let disk = self.0.borrow();
        Some(disk.cached.len() as f64 / disk.pages as f64)
    }

    fn residency_method(&self) -> String {
        "scripted".to_owned()
    }

    fn counters(&mut self) -> Counters {
        self.0.borrow().counters
    }

    fn group_cache(&mut self) -> Option<u64> {
        let disk = self.0.borrow();
        Some(disk.cached.len() as u64 * disk.page_bytes)
    }
}

struct FakeReader(FakeStorage, FakeClock);

impl Reader for FakeReader {
    fn fetch(&mut self, extents: &[Extent]) -> io::Result<()> {
        let mut disk = self.0.0.borrow_mut();
        if let Some(left) = disk.fail_after.as_mut() {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::from_raw_os_error(5))?;
        }
        for page in touched_pages(extents, disk.page_bytes) {
            if disk.cached.contains(&page) {
                self.1.0.set(self.1.now_ns() + 1000);
                continue;
            }
            self.1.0.set(self.1.now_ns() + 100_000);
            for ahead in page..(page + disk.readahead).min(disk.pages) {
                disk.cached.push_back(ahead);
                let bytes = disk.page_bytes;
                disk.counters.device_read_bytes = disk.counters.device_read_bytes.map(|read| read + bytes);
            }
            disk.counters.major_faults = disk.counters.major_faults.map(|faults| faults + 1);
            while disk.cached.len() > disk.capacity {
                disk.cached.pop_front();
            }
        }
        Ok(())
    }
}
