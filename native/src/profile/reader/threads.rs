//! A mapping touched by several threads at once: the faults of one token overlap.

use super::mapped::{self, Advice};
use crate::profile::seam::Reader;
use crate::profile::spec::Place;
use dhurandhar_core::storage::Extent;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A page at least: smaller parts would fault the same page twice.
const PART: u64 = 4096;

pub(super) struct Threads {
    jobs: Vec<Sender<Vec<Extent>>>,
    results: Receiver<io::Result<()>>,
}

impl Threads {
    /// Workers end when the reader is dropped.
    pub(super) fn open(place: &Place, count: usize) -> io::Result<Self> {
        let map = Arc::new(mapped::map(place, Advice::Random)?);
        let (done, results) = channel();
        let jobs = (0..count)
            .map(|_| {
                let (job, inbox) = channel::<Vec<Extent>>();
                let (map, done) = (Arc::clone(&map), done.clone());
                std::thread::spawn(move || {
                    let mut buffer = Vec::new();
                    for extents in inbox {
                        let outcome =
                            extents.iter().try_for_each(|extent| mapped::copy(&map, *extent, &mut buffer));
                        if done.send(outcome).is_err() {
                            break;
                        }
                    }
                });
                job
            })
            .collect();
        Ok(Self { jobs, results })
    }
}

impl Reader for Threads {
    fn fetch(&mut self, extents: &[Extent]) -> io::Result<()> {
        let mut shares = vec![Vec::new(); self.jobs.len()];
        for (part, worker) in parts(extents).zip((0..self.jobs.len()).cycle()) {
            if let Some(share) = shares.get_mut(worker) {
                share.push(part);
            }
        }
        let mut sent = 0;
        for (job, share) in self.jobs.iter().zip(shares).filter(|(_, share)| !share.is_empty()) {
            job.send(share).map_err(io::Error::other)?;
            sent += 1;
        }
        let mut outcome = Ok(());
        for _ in 0..sent {
            outcome = outcome.and(self.results.recv().map_err(io::Error::other)?);
        }
        outcome
    }
}

/// Extents cut into parts of at most a page, so that a long row is shared out too.
fn parts(extents: &[Extent]) -> impl Iterator<Item = Extent> + '_ {
    extents.iter().flat_map(|extent| {
        (0..extent.bytes.div_ceil(PART)).map(move |index| Extent {
            offset: extent.offset + index * PART,
            bytes: PART.min(extent.bytes - index * PART),
        })
    })
}
