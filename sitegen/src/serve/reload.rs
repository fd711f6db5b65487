//! Tells open pages that the site was rebuilt: a script added on the way out, never on disk, and an event stream.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::path::SitePath;

/// Where pages find the script.
pub(super) const SCRIPT_PLACE: &str = "__reload.js";
/// Where the script listens.
pub(super) const EVENTS_PLACE: &str = "__events";
pub(super) const SCRIPT: &str =
    "new EventSource(new URL('./__events', import.meta.url)).onmessage = () => location.reload();\n";

/// Counts rebuilds and wakes whoever waits for the next one.
#[derive(Debug, Default)]
pub(super) struct Rebuilds {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Rebuilds {
    fn lock(&self) -> MutexGuard<'_, u64> {
        // A counter is whole whatever its last holder did.
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        *self.lock()
    }

    /// One more.
    pub(super) fn announce(&self) {
        *self.lock() += 1;
        self.changed.notify_all();
    }

    /// Waits until there were more than `seen`, at most `limit`; returns how many there were.
    pub(super) fn wait(&self, seen: u64, limit: Duration) -> u64 {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |count| *count <= seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The page with the script in it.
pub(super) fn with_script(html: &[u8], place: &str) -> Vec<u8> {
    let html = String::from_utf8_lossy(html);
    let tag =
        format!("<script type=\"module\" src=\"{}\"></script></body>", SitePath::new(place).to(SCRIPT_PLACE));
    html.replacen("</body>", &tag, 1).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_page_hears_of_a_rebuild_and_of_one_it_missed() {
        let rebuilds = Rebuilds::default();
        assert_eq!(rebuilds.wait(0, Duration::ZERO), 0);
        std::thread::scope(|scope| {
            scope.spawn(|| rebuilds.announce());
            assert_eq!(rebuilds.wait(0, Duration::from_secs(90)), 1);
        });
        assert_eq!(rebuilds.wait(0, Duration::ZERO), 1);
    }
}
