//! The parts of the page.

mod app;
mod choice;
mod codec_panel;
mod codec_tables;
mod context_field;
mod controls;
mod data_drop;
mod decides;
mod device_card;
mod device_filter;
mod device_form;
mod device_select;
mod devices_panel;
mod export_bar;
mod file_drop;
mod headline;
mod icon;
mod memory_chart;
mod memory_panel;
mod memory_table;
mod mmap_controls;
mod mmap_panel;
mod mmap_tables;
mod model_picker;
mod notices;
mod number_field;
mod plot;
mod spoken;
mod switch;
mod tab_bar;
mod verdict;

pub(crate) use app::{App, AppProps};
pub(crate) use codec_panel::{CodecPanelProps, codec_panel};
pub(crate) use devices_panel::DevicesPanel;
pub(crate) use mmap_panel::{MmapPanelProps, mmap_panel};
