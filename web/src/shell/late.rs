//! What the first answer does not need, in two parts: what stands below the answer and under "More", loaded when
//! that is looked at; and the other tabs, the advanced choices and the exports, loaded when one of them is.
//!
//! Whatever can be reached from a function marked `wasm_split` alone ([`load_below`], [`load`], the reader's import, the
//! worker's jobs) is cut out of the module when the site is built (`sitegen/src/bundle/split.rs`).

use dhurandhar_core::device::Device;
use dhurandhar_core::placement::load_card_graphs;
use wasm_split_helpers::{SplitLoaderError, wasm_split};
use yew::Html;

use crate::codecs::panel::{CodecPanelProps, codec_panel};
use crate::compare::panel::{ComparePanelProps, compare_panel};
use crate::devices::panel::DevicesPanel;
use crate::memory::below::{BelowProps, below};
use crate::mmap::panel::{MmapPanelProps, mmap_panel};
use crate::shell::advanced::advanced;
use crate::shell::controls::Controls;
use crate::shell::export_bar::ExportBar;
use crate::shell::more::{MoreProps, more};
use crate::state::computed::Computed;
use crate::state::custom_device::CustomDevice;
use crate::state::device_changes::DeviceChanges;
use crate::state::inputs::Inputs;

/// The way into that part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Late {
    pub(crate) codecs: fn(CodecPanelProps) -> Html,
    pub(crate) compare: fn(ComparePanelProps) -> Html,
    pub(crate) mmap: fn(MmapPanelProps) -> Html,
    pub(crate) devices: fn(&DevicesPanel) -> Html,
    pub(crate) advanced: fn(&Controls<'_>) -> Html,
    /// The report with every question answered, on every device.
    pub(crate) whole: fn(&Inputs) -> Result<Computed, String>,
    pub(crate) export: fn(ExportBar) -> Html,
    /// The reader's own device.
    pub(crate) device: fn(&CustomDevice) -> Option<Device>,
    /// A built-in device with the reader's changes.
    pub(crate) changed: fn(&str, &DeviceChanges) -> Option<Result<Device, String>>,
}

/// Loads it the first time.
#[wasm_split(late, fallible)]
pub(crate) fn load() -> Result<Late, SplitLoaderError> {
    load_card_graphs();
    Ok(Late {
        codecs: codec_panel,
        compare: compare_panel,
        mmap: mmap_panel,
        devices: DevicesPanel::view,
        advanced,
        device: |form| form.device().and_then(Result::ok),
        whole: |inputs| inputs.whole(true),
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
pub(crate) fn load_below() -> Result<Early, SplitLoaderError> {
    Ok(Early { below, more })
}
