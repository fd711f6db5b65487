//! Progress bars on standard error; nothing is drawn where it is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A file that is written, by bytes.
pub(crate) fn bytes(what: &'static str, bytes: u64) -> ProgressBar {
    bar(bytes, "{msg} {bar:30} {bytes}/{total_bytes}, {eta} left").with_message(what)
}

/// Blocks of a measurement, each with a name.
pub(crate) fn blocks(blocks: u64) -> ProgressBar {
    bar(blocks, "block {pos}/{len} {bar:20} {eta} left {wide_msg}")
}

/// A share of a whole.
pub(crate) fn share(whole: u64) -> ProgressBar {
    bar(whole, "{bar:40} {percent:>3} %, {eta} left")
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    ProgressStyle::with_template(template).map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}
