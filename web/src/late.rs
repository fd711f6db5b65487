//! What a first visit does not show, the other tabs and the advanced choices: a part of the application that is loaded when one of them is opened.
//!
//! Whatever can be reached from [`load`] alone is cut out of the module when the site is built (`sitegen/src/split.rs`).

use dhurandhar_chart::{Theme, svg};
use dhurandhar_core::device::Device;
use dhurandhar_core::report::Report;
use wasm_split_helpers::{SplitLoaderError, wasm_split};
use yew::Html;

use crate::components::{
    CodecPanelProps, Controls, DevicesPanel, MmapPanelProps, advanced, codec_panel, mmap_panel,
};
use crate::custom_device::CustomDevice;
use crate::drawing::memory_bars;

/// The way into that part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Late {
    pub(crate) codecs: fn(CodecPanelProps) -> Html,
    pub(crate) mmap: fn(MmapPanelProps) -> Html,
    pub(crate) devices: fn(&DevicesPanel) -> Html,
    pub(crate) advanced: fn(&Controls<'_>) -> Html,
    /// The reader's own device.
    pub(crate) device: fn(&CustomDevice) -> Option<Device>,
    /// The memory of a report as a drawing of its own.
    pub(crate) svg: fn(&Report) -> String,
}

/// Said when it cannot be loaded.
pub(crate) const ABSENT: &str = "This part of the page could not be loaded. Is there a network?";

/// Loads it the first time.
#[wasm_split(late, fallible)]
#[allow(clippy::unnecessary_wraps, reason = "that it was not loaded is the other result")]
pub(crate) fn load() -> Result<Late, SplitLoaderError> {
    Ok(Late {
        codecs: codec_panel,
        mmap: mmap_panel,
        devices: DevicesPanel::view,
        advanced,
        device: |form| form.device().and_then(Result::ok),
        svg: |report| svg::standalone(&memory_bars(report), svg::WIDE, &Theme::light()),
    })
}
