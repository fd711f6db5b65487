//! What is run, and how: everything that a prediction depends on.

use dhurandhar_core::memory::{KvFormat, Runtime};
use dhurandhar_core::weights::{WeightFormat, WeightPlan};
use yew::{AttrValue, Callback, Html, MouseEvent, html};

use super::choice::{Choice, Group};
use super::context_field::ContextField;
use super::device_select::DeviceSelect;
use super::file_drop::FileDrop;
use super::model_picker::ModelPicker;
use super::switch::Switch;
use crate::catalogue::Loaded;
use crate::state::{Action, Setting, State};

/// What it shows.
pub(crate) struct Controls<'a> {
    pub(crate) state: &'a State,
    /// Name of the reader's own device.
    pub(crate) custom: Option<String>,
    pub(crate) bits_per_weight: Option<f64>,
    /// Reports what was chosen.
    pub(crate) on: Callback<Action>,
    /// The same, once a frame: for controls that fire often.
    pub(crate) on_drag: Callback<Action>,
    /// There is room for all of them.
    pub(crate) wide: bool,
    /// The rest of them, once they are wanted and have come.
    pub(crate) advanced: Option<fn(&Controls<'_>) -> Html>,
    /// Asks for it.
    pub(crate) on_advanced: Callback<()>,
}

impl Controls<'_> {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let scenario = &self.state.scenario;
        let weight_groups = weight_groups(&self.state.model, scenario.weights);
        let hint = self.bits_per_weight.map(|bits| format!("{bits:.2} bits per weight, scales included"));
        let longest = self.state.model.architecture.max_context_tokens;
        html! {
            <section class="calc-controls" aria-label="Model and run">
                <ModelPicker model={self.state.model.clone()} imported={self.state.imported.clone()} on={self.on.clone()} />
                { DeviceSelect { device: self.state.device.clone(), custom: self.custom.clone(), on: self.on.clone() }.view() }
                { ContextField { tokens: scenario.context_tokens, longest, on: self.on_drag.clone() }.view() }
                <details class="calc-more" open={self.wide}>
                    <summary>{ "More" }</summary>
                    { FileDrop { kept: self.state.kept.clone(), on: self.on.clone() }.view() }
                    { Choice { id: "weights", label: "Weights", value: scenario.weights.to_string(), groups: weight_groups, hint: hint.unwrap_or_default(), on_value: chosen(&self.on, |name| WeightFormat::parse(name).ok().map(Setting::Weights)) }.view() }
                    <div class="calc-pair">
                        { Choice { id: "keys", label: "Keys (K)", value: scenario.k.to_string(), groups: kv_groups(scenario.k), on_value: chosen(&self.on, |name| KvFormat::parse(name).ok().map(Setting::Keys)), hint: String::new() }.view() }
                        { Choice { id: "values", label: "Values (V)", value: scenario.v.to_string(), groups: kv_groups(scenario.v), on_value: chosen(&self.on, |name| KvFormat::parse(name).ok().map(Setting::Values)), hint: String::new() }.view() }
                    </div>
                    { Choice { id: "runtime", label: "Runtime", value: scenario.runtime.name().to_owned(), groups: runtime_groups(), on_value: chosen(&self.on, |name| Runtime::parse(name).ok().map(Setting::Runtime)), hint: String::new() }.view() }
                    { towers(self) }
                    <details class="calc-advanced">
                        <summary onclick={self.on_advanced.reform(|_: MouseEvent| ())}>{ "Advanced" }</summary>
                        { self.advanced.map(|view| view(self)) }
                    </details>
                </details>
            </section>
        }
    }
}

pub(super) fn chosen(on: &Callback<Action>, read: fn(&str) -> Option<Setting>) -> Callback<String> {
    let on = on.clone();
    Callback::from(move |name: String| {
        if let Some(setting) = read(&name) {
            on.emit(Action::Set(setting));
        }
    })
}

pub(super) fn set<T: 'static>(on: &Callback<Action>, setting: fn(T) -> Setting) -> Callback<T> {
    let on = on.clone();
    Callback::from(move |value| on.emit(Action::Set(setting(value))))
}

/// Formats that apply to the model, with the present one among them.
pub(super) fn weight_groups(model: &Loaded, now: WeightFormat) -> Vec<Group> {
    let applies = |format: &WeightFormat| WeightPlan::new(model, *format).is_ok();
    let own = [WeightFormat::AsStored, WeightFormat::Published].into_iter().filter(applies);
    let named = WeightFormat::names();
    let stock = |name: &String| matches!(WeightFormat::parse(name), Ok(WeightFormat::Stock(_)));
    let (gguf, other): (Vec<String>, Vec<String>) = named.into_iter().partition(stock);
    let mut bits: Vec<u8> = vec![16, 8, 6, 5, 4, 3, 2];
    if let WeightFormat::Bits(now) = now
        && !bits.contains(&now)
    {
        bits.push(now);
    }
    let bits = bits.into_iter().map(|bits| WeightFormat::Bits(bits).to_string());
    let groups = [
        Group::plain("This model's own", own.map(|format| format.to_string())),
        Group::plain("GGUF, as llama-quantize writes it", gguf),
        Group::plain("Other toolkits", other),
        Group::plain("Plain bits, no scales", bits),
    ];
    groups.into_iter().filter(|group| !group.options.is_empty()).collect()
}

pub(super) fn kv_groups(now: KvFormat) -> Vec<Group> {
    let turbo = |name: &String| matches!(KvFormat::parse(name), Ok(KvFormat::TurboQuant(_)));
    let (turbo, block): (Vec<String>, Vec<String>) = KvFormat::names().into_iter().partition(turbo);
    let mut bits: Vec<u8> = vec![16, 8, 4, 3, 2];
    if let KvFormat::Bits(now) = now
        && !bits.contains(&now)
    {
        bits.push(now);
    }
    let bits = bits.into_iter().map(|bits| KvFormat::Bits(bits).to_string());
    vec![
        Group::plain("llama.cpp cache types", block),
        Group::plain("TurboQuant, bits and a scale", turbo),
        Group::plain("Plain bits, no scales", bits),
    ]
}

pub(super) fn runtime_groups() -> Vec<Group> {
    let options =
        Runtime::ALL.map(|runtime| (AttrValue::from(runtime.name()), AttrValue::from(runtime.title())));
    vec![Group { title: "", options: options.into() }]
}

fn towers(props: &Controls<'_>) -> Html {
    let architecture = &props.state.model.architecture;
    if architecture.vision.is_none() && architecture.audio.is_none() {
        return Html::default();
    }
    html! {
        <fieldset class="calc-switches">
            <legend>{ "Load" }</legend>
            if architecture.vision.is_some() {
                { Switch { id: "vision", label: "Vision tower", on: props.state.scenario.vision, on_value: set(&props.on, Setting::Vision) }.view() }
            }
            if architecture.audio.is_some() {
                { Switch { id: "audio", label: "Audio tower", on: props.state.scenario.audio, on_value: set(&props.on, Setting::Audio) }.view() }
            }
        </fieldset>
    }
}
