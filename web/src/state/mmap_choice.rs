//! What is chosen on the Mmap tab, and its words in a link. What is not chosen comes from model and device.

use dhurandhar_core::format::document::decimal;
use dhurandhar_core::leaf::number::plain;
use dhurandhar_core::leaf::units::MIB;
use dhurandhar_core::measurement::{Engine, Overlay};
use dhurandhar_core::speed::LookupCase;
use dhurandhar_core::storage::{Layout, TableGeometry};

/// Layouts offered.
pub(crate) const LAYOUTS: [Layout; 3] = [Layout::Contiguous, Layout::LayerMajor, Layout::Padded];
/// Ways of reading offered.
pub(crate) const ENGINES: [Engine; 3] = [Engine::MmapRandom, Engine::MmapDefault, Engine::Pread];
/// Page sizes offered, bytes.
pub(crate) const PAGES: [u64; 3] = [4096, 16_384, 65_536];
/// Largest value of any whole-number field.
pub(crate) const MOST: u64 = 1 << 24;
/// Slowest read that can be entered, microseconds.
pub(crate) const SLOWEST_US: f64 = 1e6;
/// Steepest Zipf stream.
pub(crate) const STEEPEST: f64 = 3.0;
/// Longest row that can be entered, bytes: the worker keeps a figure for every page.
pub(crate) const LONGEST_ROW: u64 = 65_536;
/// Most rows.
pub(crate) const MOST_ROWS: u64 = 1 << 19;
/// Most slices of a row.
pub(crate) const MOST_SLICES: u64 = 1024;

/// The choices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MmapChoice {
    pub(crate) layout: Layout,
    pub(crate) engine: Engine,
    /// Exponent; none is a uniform stream.
    pub(crate) zipf: Option<f64>,
    pub(crate) row_bytes: Option<u64>,
    pub(crate) rows: Option<u64>,
    pub(crate) slices: Option<u64>,
    pub(crate) page_bytes: Option<u64>,
    pub(crate) latency_us: Option<f64>,
    pub(crate) cache_mib: Option<u64>,
    pub(crate) prompt_tokens: Option<u64>,
}

impl Default for MmapChoice {
    fn default() -> Self {
        Self {
            layout: Layout::Contiguous,
            engine: Engine::MmapRandom,
            zipf: None,
            row_bytes: None,
            rows: None,
            slices: None,
            page_bytes: None,
            latency_us: None,
            cache_mib: None,
            prompt_tokens: None,
        }
    }
}

impl MmapChoice {
    /// The case that is asked about: `start`, changed by what is chosen.
    pub(crate) fn case(&self, start: LookupCase) -> LookupCase {
        let table = start.table;
        let slices = self.slices.unwrap_or(table.layers);
        let row = self.row_bytes.unwrap_or_else(|| table.row_bytes());
        let table = TableGeometry {
            rows: self.rows.unwrap_or(table.rows),
            layers: slices,
            layer_bytes: row.div_ceil(slices.max(1)),
            page_bytes: self.page_bytes.unwrap_or(table.page_bytes),
        };
        LookupCase {
            table,
            layout: self.layout,
            engine: self.engine,
            zipf_exponent: self.zipf.unwrap_or(0.0),
            cache_bytes: self.cache_mib.map_or(start.cache_bytes, |mib| mib * MIB),
            miss_us: self.latency_us.unwrap_or(start.miss_us),
            prompt_tokens: self.prompt_tokens.unwrap_or(start.prompt_tokens),
            ..start
        }
    }

    /// The same about the table that a measurement read.
    pub(crate) fn about(self, measured: &Overlay) -> Self {
        let table = measured.table;
        Self {
            row_bytes: Some(table.row_bytes()),
            rows: Some(table.rows),
            slices: Some(table.layers),
            page_bytes: Some(table.page_bytes),
            latency_us: measured.miss_us.or(self.latency_us),
            ..self
        }
    }

    /// Puts what differs from the default into a link.
    pub(crate) fn write(&self, put: &mut impl FnMut(&str, &str)) {
        let start = Self::default();
        if self.layout != start.layout {
            put("mlayout", self.layout.name());
        }
        if self.engine != start.engine {
            put("madvice", self.engine.name());
        }
        for (name, value) in [("mzipf", self.zipf), ("mlat", self.latency_us)] {
            if let Some(value) = value {
                put(name, &plain(value));
            }
        }
        let whole = [
            ("mrow", self.row_bytes),
            ("mrows", self.rows),
            ("mslices", self.slices),
            ("mpage", self.page_bytes),
            ("mcache", self.cache_mib),
            ("mprompt", self.prompt_tokens),
        ];
        for (name, value) in whole {
            if let Some(value) = value {
                put(name, &value.to_string());
            }
        }
    }

    /// Takes a value from a link; names of others are left alone. The error is what was expected.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = |most: f64| decimal(value).filter(|number| (0.0..=most).contains(number));
        let whole = |least: u64| value.parse().ok().filter(|number| (least..=MOST).contains(number));
        let count = "a whole number up to 16777216";
        match name {
            "mlayout" => {
                let layout = LAYOUTS.into_iter().find(|layout| layout.name() == value);
                self.layout = layout.ok_or("contiguous, layer_major or padded")?;
            }
            "madvice" => {
                let engine = ENGINES.into_iter().find(|engine| engine.name() == value);
                self.engine = engine.ok_or("mmap_random, mmap_default or pread")?;
            }
            "mzipf" => self.zipf = Some(number(STEEPEST).ok_or("an exponent from 0 to 3")?),
            "mlat" => self.latency_us = Some(number(SLOWEST_US).ok_or("microseconds up to 1000000")?),
            "mrow" => {
                self.row_bytes =
                    Some(whole(1).filter(|row| *row <= LONGEST_ROW).ok_or("bytes from 1 to 65536")?);
            }
            "mrows" => {
                self.rows = Some(whole(1).filter(|rows| *rows <= MOST_ROWS).ok_or("rows from 1 to 524288")?);
            }
            "mslices" => {
                self.slices =
                    Some(whole(1).filter(|slices| *slices <= MOST_SLICES).ok_or("slices from 1 to 1024")?);
            }
            "mpage" => {
                let page = whole(1).filter(|page| PAGES.contains(page));
                self.page_bytes = Some(page.ok_or("4096, 16384 or 65536")?);
            }
            "mcache" => self.cache_mib = Some(whole(0).ok_or(count)?),
            "mprompt" => self.prompt_tokens = Some(whole(1).ok_or(count)?),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_survives_its_words() {
        let choice = MmapChoice {
            layout: Layout::Padded,
            engine: Engine::Pread,
            zipf: Some(1.0),
            row_bytes: Some(4480),
            rows: Some(1000),
            slices: Some(35),
            page_bytes: Some(16_384),
            latency_us: Some(61.5),
            cache_mib: Some(0),
            prompt_tokens: Some(2048),
        };
        let mut read = MmapChoice::default();
        choice.write(&mut |name, value| read.set(name, value).unwrap());
        assert_eq!(read, choice);
        for (name, value) in
            [("mlayout", "x"), ("mzipf", "NaN"), ("mpage", "4095"), ("mrow", "0"), ("mlat", "-1")]
        {
            assert!(read.set(name, value).is_err(), "{name}");
        }
        assert_eq!(read, choice);
        MmapChoice::default().write(&mut |name, _| panic!("{name}"));
    }
}
