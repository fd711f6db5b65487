//! Ctrl-C and termination: the first asks to finish, the second ends the process at once.

use anyhow::Context as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a run that was interrupted.
pub(crate) const CODE: u8 = 130;

/// A flag that the first interrupt sets, after saying `word`.
pub(crate) fn watch(word: Option<&'static str>) -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            // Tables have no name and children follow their parent: nothing stays behind.
            std::process::exit(i32::from(CODE));
        }
        if let Some(word) = word {
            super::output::note(word);
        }
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}
