//! The devices tab: a verdict for every device, the reader's own first.

use dhurandhar_core::feasibility::{Answer, Assessment};
use yew::{Callback, Html, html};

use crate::devices::card::DeviceCard;
use crate::devices::filter::DeviceFilter;
use crate::devices::form::DeviceForm;
use crate::parts::number_field::NumberField;
use crate::state::computed::Computed;
use crate::state::custom_device::{self, CustomDevice};
use crate::state::{Action, Filter, Setting};

/// What it shows.
pub(crate) struct DevicesPanel {
    pub(crate) report: Computed,
    /// The device that is chosen, by its short name.
    pub(crate) chosen: String,
    pub(crate) filter: Filter,
    pub(crate) custom: CustomDevice,
    pub(crate) on: Callback<Action>,
    pub(crate) on_drag: Callback<Action>,
    pub(crate) worker_url: String,
}

/// Devices that the search finds, by verdict, those at the edge first; the reader's own leads, then the one that is chosen.
fn found<'a>(devices: &'a [Assessment], search: &str, chosen: &str) -> Vec<&'a Assessment> {
    let words: Vec<String> = search.to_ascii_lowercase().split_whitespace().map(str::to_owned).collect();
    let matches = |device: &&Assessment| {
        let text = [&device.device_title, " ", &device.device].concat().to_ascii_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let mut found: Vec<_> = devices.iter().filter(matches).collect();
    found.sort_unstable_by_key(|device| {
        (
            device.device != custom_device::SLUG,
            device.device != chosen,
            device.answer(),
            device.decisive().headroom_bytes.unsigned_abs(),
        )
    });
    found
}

impl DevicesPanel {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let found = found(&self.report.devices, &self.filter.search, &self.chosen);
        let counts =
            Answer::ALL.map(|answer| found.iter().filter(|device| device.answer() == answer).count());
        let shown =
            found.iter().filter(|device| self.filter.answer.is_none_or(|answer| device.answer() == answer));
        let cards: Vec<Html> = shown
        .map(|device| html! { { DeviceCard { assessment: (*device).clone(), on: self.on.clone() }.view() } })
        .collect();
        let target = {
            let on = self.on_drag.clone();
            Callback::from(move |speed| on.emit(Action::Set(Setting::Target(speed))))
        };
        html! {
            <>
                <div class="calc-devices-head">
                    { DeviceFilter { filter: self.filter.clone(), counts, on: self.on_drag.clone() }.view() }
                    { NumberField { id: "device-target", label: "Target speed", unit: "tok/s", value: self.report.scenario.target_tokens_per_s, min: 0.01, max: 1e6, step: "any", on_value: target, on: self.on.clone(), hidden_label: false }.view() }
                </div>
                { DeviceForm { form: self.custom.clone(), on: self.on_drag.clone(), worker_url: self.worker_url.clone() }.view() }
                <h2 class="visually-hidden">{ "Verdicts" }</h2>
                if cards.is_empty() {
                    <p>{ "No device of that kind. " }</p>
                } else {
                    <ul class="calc-cards">{ cards }</ul>
                }
            </>
        }
    }
}
