//! The Mmap tab's controls: the table, how it is read, and how much of it is cached.

use dhurandhar_core::format::document::decimal;
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::measurement::Engine;
use dhurandhar_core::speed::LookupCase;
use dhurandhar_core::storage::Layout;
use web_sys::HtmlInputElement;
use yew::{AttrValue, Callback, Html, InputEvent, TargetCast, html};

use crate::parts::choice::{Choice, Group};
use crate::parts::format;
use crate::parts::number_field::NumberField;
use crate::state::Action;
use crate::state::mmap_choice::{
    ENGINES, LAYOUTS, LONGEST_ROW, MOST, MOST_ROWS, MOST_SLICES, MmapChoice, PAGES, SLOWEST_US, STEEPEST,
};

/// The slowest read that the slider reaches, microseconds: memory cards and slow flash.
const SLID_US: f64 = 1000.0;

/// What it shows.
pub(crate) struct MmapControls<'a> {
    pub(crate) choice: MmapChoice,
    pub(crate) case: &'a LookupCase,
    pub(crate) on: Callback<Action>,
    pub(crate) on_drag: Callback<Action>,
}

/// A layout's name for people.
pub(crate) const fn layout_title(layout: Layout) -> &'static str {
    match layout {
        Layout::Contiguous => "contiguous row",
        Layout::LayerMajor => "layer-major",
        Layout::Padded => "padded to pages",
    }
}

const fn engine_title(engine: Engine) -> &'static str {
    match engine {
        Engine::MmapDefault => "mapped, no advice (readahead)",
        Engine::Pread => "read calls (pread)",
        _ => "mapped, random advice",
    }
}

impl MmapControls<'_> {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let (choice, case) = (self.choice, self.case);
        let layouts = LAYOUTS.map(|layout| (layout.name(), layout_title(layout)));
        let engines = ENGINES.map(|engine| (engine.name(), engine_title(engine)));
        let pages: Vec<String> = PAGES.map(|page| page.to_string()).into();
        let pages = vec![Group::plain("", pages)];
        let streams = [("uniform", "uniform"), ("zipf", "Zipf")];
        let stream = if choice.zipf.is_some() { "zipf" } else { "uniform" };
        let (table, cache) = (case.table, (case.cache_bytes >> 20) as f64);
        let whole_table = table.bytes(choice.layout).div_ceil(1 << 20).max(1) as f64;
        let back = {
            let on = self.on.clone();
            move |_| on.emit(Action::Mmap(MmapChoice::default()))
        };
        html! {
            <>
                { self.select("mmap-layout", "Row layout", choice.layout.name(), named(&layouts), "mlayout") }
                { self.select("mmap-advice", "Read with", choice.engine.name(), named(&engines), "madvice") }
                { self.stream(stream, named(&streams)) }
                if let Some(exponent) = choice.zipf {
                    { self.number("mmap-exponent", "Zipf exponent", "", (exponent, 0.0, STEEPEST), "any", |choice, value| choice.zipf = Some(value)) }
                }
                { self.select("mmap-page", "Page size, bytes", &table.page_bytes.to_string(), pages, "mpage") }
                <div class="calc-field">
                    { self.number("mmap-latency", "Random read", "\u{b5}s", (case.miss_us, 0.0, SLOWEST_US), "any", |choice, value| choice.latency_us = Some(value)) }
                    { self.slider("mmap-latency-slider", "Random read in microseconds", case.miss_us, SLID_US, |choice, value| choice.latency_us = Some(value)) }
                </div>
                <div class="calc-field">
                    { self.number("mmap-cache", "Cache budget", "MiB", (cache, 0.0, MOST as f64), "1", |choice, value| choice.cache_mib = Some(to_u64(value))) }
                    { self.slider("mmap-cache-slider", "Cache budget in MiB", cache, whole_table, |choice, value| choice.cache_mib = Some(to_u64(value))) }
                </div>
                { self.number("mmap-row", "Row size", "bytes", (table.row_bytes() as f64, 1.0, LONGEST_ROW as f64), "1", |choice, value| choice.row_bytes = Some(to_u64(value))) }
                { self.number("mmap-slices", "Slices of a row", "", (table.layers as f64, 1.0, MOST_SLICES as f64), "1", |choice, value| choice.slices = Some(to_u64(value))) }
                { self.number("mmap-rows", "Rows", "", (table.rows as f64, 1.0, MOST_ROWS as f64), "1", |choice, value| choice.rows = Some(to_u64(value))) }
                { self.number("mmap-prompt", "Prompt", "tokens", (case.prompt_tokens as f64, 1.0, MOST as f64), "1", |choice, value| choice.prompt_tokens = Some(to_u64(value))) }
                if choice != MmapChoice::default() {
                    <button type="button" class="calc-small" id="mmap-reset" onclick={back}>{ "Back to model and device" }</button>
                }
            </>
        }
    }

    fn select(
        &self,
        id: &'static str,
        label: &'static str,
        value: &str,
        groups: Vec<Group>,
        name: &'static str,
    ) -> Html {
        let (on, choice) = (self.on.clone(), self.choice);
        let on_value = Callback::from(move |value: String| {
            let mut choice = choice;
            if choice.set(name, &value).is_ok() {
                on.emit(Action::Mmap(choice));
            }
        });
        Choice { id, label, value: value.to_owned(), groups, hint: String::new(), on_value }.view()
    }

    fn stream(&self, value: &str, groups: Vec<Group>) -> Html {
        let (on, choice) = (self.on.clone(), self.choice);
        let on_value = Callback::from(move |value: String| {
            let zipf = (value == "zipf").then_some(1.0);
            on.emit(Action::Mmap(MmapChoice { zipf, ..choice }));
        });
        Choice {
            id: "mmap-stream",
            label: "Token stream",
            value: value.to_owned(),
            groups,
            hint: String::new(),
            on_value,
        }
        .view()
    }

    /// Whole steps from none to `most`; what is beyond can be typed.
    fn slider(
        &self,
        id: &'static str,
        label: &'static str,
        value: f64,
        most: f64,
        change: fn(&mut MmapChoice, f64),
    ) -> Html {
        let (on, choice) = (self.on_drag.clone(), self.choice);
        let oninput = move |event: InputEvent| {
            let field = event.target_unchecked_into::<HtmlInputElement>();
            if let Some(value) = decimal(&field.value()) {
                let mut choice = choice;
                change(&mut choice, value);
                on.emit(Action::Mmap(choice));
            }
        };
        html! {
            <input type="range" {id} aria-label={label} min="0" max={format::plain(most)} step="1"
                value={format::plain(value.min(most))} {oninput} />
        }
    }

    fn number(
        &self,
        id: &'static str,
        label: &'static str,
        unit: &'static str,
        (value, min, max): (f64, f64, f64),
        step: &'static str,
        change: fn(&mut MmapChoice, f64),
    ) -> Html {
        let (on, choice) = (self.on_drag.clone(), self.choice);
        let on_value = Callback::from(move |value: f64| {
            let mut choice = choice;
            change(&mut choice, value);
            on.emit(Action::Mmap(choice));
        });
        NumberField {
            id,
            label,
            hidden_label: false,
            unit,
            value,
            min,
            max,
            step,
            on_value,
            on: self.on.clone(),
        }
        .view()
    }
}

fn named(options: &[(&'static str, &'static str)]) -> Vec<Group> {
    let options = options.iter().map(|(name, title)| (AttrValue::from(*name), AttrValue::from(*title)));
    vec![Group { title: "", options: options.collect() }]
}
