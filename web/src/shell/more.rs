//! Choices after model, device and context: the weights, the cache, the program, the towers, a file of one's own. Drawn
//! again only when one of them changes.

use dhurandhar_core::leaf::number::padded;
use dhurandhar_core::memory::{KvFormat, Runtime};
use dhurandhar_core::weights::WeightFormat;
use yew::{Callback, Html, Properties, function_component, html};

use crate::files::file_drop::FileDrop;
use crate::files::hub_field::{self, HubField};
use crate::parts::choice::Choice;
use crate::parts::options::{kv_groups, runtime_groups, weight_groups};
use crate::parts::setting::{chosen, set};
use crate::parts::switch::Switch;
use crate::state::catalogue::Loaded;
use crate::state::{Action, Setting, State};

#[derive(Properties, PartialEq)]
pub(crate) struct MoreProps {
    model: Loaded,
    weights: WeightFormat,
    keys: KvFormat,
    values: KvFormat,
    runtime: Runtime,
    vision: bool,
    audio: bool,
    bits_per_weight: Option<f64>,
    kept: Option<String>,
    device: String,
    on: Callback<Action>,
}

impl MoreProps {
    /// Those of a state.
    pub(crate) fn of(state: &State, bits_per_weight: Option<f64>, on: &Callback<Action>) -> Self {
        let scenario = &state.scenario;
        Self {
            model: state.model.clone(),
            weights: scenario.weights,
            keys: scenario.k,
            values: scenario.v,
            runtime: scenario.runtime,
            vision: scenario.vision,
            audio: scenario.audio,
            bits_per_weight,
            kept: state.kept.clone(),
            device: state.device.clone(),
            on: on.clone(),
        }
    }
}

/// It as a part of the page.
pub(crate) fn more(props: MoreProps) -> Html {
    html! { <More ..props /> }
}

#[function_component]
fn More(props: &MoreProps) -> Html {
    let groups = weight_groups(&props.model, props.weights);
    let hint = props.bits_per_weight.map(|bits| padded(bits, 2) + " bits per weight, scales included");
    html! {
        <>
            { FileDrop { kept: props.kept.clone(), on: props.on.clone() }.view() }
            if let Some(endpoint) = hub_field::endpoint() { <HubField {endpoint} device={props.device.clone()} on={props.on.clone()} /> }
            { Choice { id: "weights", label: "Weights", value: props.weights.to_string(), groups, hint: hint.unwrap_or_default(), on_value: chosen(&props.on, |name| WeightFormat::parse(name).ok().map(Setting::Weights)) }.view() }
            <div class="calc-pair">
                { Choice { id: "keys", label: "Keys (K)", value: props.keys.to_string(), groups: kv_groups(props.keys), on_value: chosen(&props.on, |name| KvFormat::parse(name).ok().map(Setting::Keys)), hint: String::new() }.view() }
                { Choice { id: "values", label: "Values (V)", value: props.values.to_string(), groups: kv_groups(props.values), on_value: chosen(&props.on, |name| KvFormat::parse(name).ok().map(Setting::Values)), hint: String::new() }.view() }
            </div>
            { Choice { id: "runtime", label: "Runtime", value: props.runtime.name().to_owned(), groups: runtime_groups(), on_value: chosen(&props.on, |name| Runtime::parse(name).ok().map(Setting::Runtime)), hint: String::new() }.view() }
            { towers(props) }
        </>
    }
}

fn towers(props: &MoreProps) -> Html {
    let architecture = &props.model.architecture;
    if architecture.vision.is_none() && architecture.audio.is_none() {
        return Html::default();
    }
    html! {
        <fieldset class="calc-switches">
            <legend>{ "Load" }</legend>
            if architecture.vision.is_some() {
                { Switch { id: "vision", label: "Vision tower", on: props.vision, on_value: set(&props.on, Setting::Vision) }.view() }
            }
            if architecture.audio.is_some() {
                { Switch { id: "audio", label: "Audio tower", on: props.audio, on_value: set(&props.on, Setting::Audio) }.view() }
            }
        </fieldset>
    }
}
