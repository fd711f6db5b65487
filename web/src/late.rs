//! What the first answer does not need, in two parts: what stands below the answer and under "More", loaded when
//! that is looked at; and the
//! other tabs, the advanced choices and the exports, loaded when one of them is.
//!
//! Whatever can be reached from [`load_below`] or [`load`] alone is cut out of the module when the site is built
//! (`sitegen/src/bundle/split.rs`).

use dhurandhar_core::device::Device;
use wasm_split_helpers::{SplitLoaderError, wasm_split};
use web_sys::File;
use yew::{Callback, Html};

use crate::components::{
    BelowProps, CodecPanelProps, ComparePanelProps, Controls, DevicesPanel, ExportBar, MmapPanelProps,
    MoreProps, advanced, below, codec_panel, compare_panel, mmap_panel, more, whole,
};
use crate::computed::Computed;
use crate::custom_device::CustomDevice;
use crate::device_changes::DeviceChanges;
use crate::inputs::Inputs;
use crate::reader;
use crate::state::Action;

/// The way into that part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Late {
    pub(crate) codecs: fn(CodecPanelProps) -> Html,
    pub(crate) compare: fn(ComparePanelProps) -> Html,
    pub(crate) mmap: fn(MmapPanelProps) -> Html,
    pub(crate) devices: fn(&DevicesPanel) -> Html,
    pub(crate) advanced: fn(&Controls<'_>) -> Html,
    /// The report with every question answered, on the chosen device or on every one.
    pub(crate) whole: fn(&Inputs, bool) -> Result<Computed, String>,
    /// Reads dropped files.
    pub(crate) import: fn(Vec<File>, Callback<Action>),
    pub(crate) export: fn(ExportBar) -> Html,
    /// The reader's own device.
    pub(crate) device: fn(&CustomDevice) -> Option<Device>,
    /// A built-in device with the reader's changes.
    pub(crate) changed: fn(&str, &DeviceChanges) -> Option<Result<Device, String>>,
}

/// Said when it cannot be loaded.
pub(crate) const ABSENT: &str = "This part of the page could not be loaded. Is there a network?";

/// Loads it the first time.
#[wasm_split(late, fallible)]
#[allow(clippy::unnecessary_wraps, reason = "that it was not loaded is the other result")]
pub(crate) fn load() -> Result<Late, SplitLoaderError> {
    Ok(Late {
        codecs: codec_panel,
        compare: compare_panel,
        mmap: mmap_panel,
        devices: DevicesPanel::view,
        advanced,
        device: |form| form.device().and_then(Result::ok),
        whole,
        import: reader::import,
        export: ExportBar::view,
        changed: |slug, changes| changes.on(slug),
    })
}

/// The way into what stands below the answer, and the choices that fold under "More".
#[derive(Debug, Clone, Copy)]
pub(crate) struct Early {
    pub(crate) below: fn(BelowProps) -> Html,
    pub(crate) more: fn(MoreProps) -> Html,
}

/// Loads it the first time.
#[wasm_split(below, fallible)]
#[allow(clippy::unnecessary_wraps, reason = "that it was not loaded is the other result")]
pub(crate) fn load_below() -> Result<Early, SplitLoaderError> {
    Ok(Early { below, more })
}
