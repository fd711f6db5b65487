//! The whole page: state, report, tabs.

use dhurandhar_core::Model;
use dhurandhar_core::device::Device;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::report::{Order, Report};
use wasm_bindgen_futures::spawn_local;
use yew::{
    Callback, Html, Properties, function_component, hook, html, use_effect_with, use_memo, use_node_ref,
    use_reducer_eq, use_state,
};

use super::codec_panel::CodecPanelProps;
use super::controls::Controls;
use super::devices_panel::DevicesPanel;
use super::export_bar::ExportBar;
use super::headline::summary;
use super::memory_panel::MemoryPanel;
use super::mmap_panel::MmapPanelProps;
use super::notices::Notices;
use super::spoken::use_spoken;
use super::tab_bar::{PANEL_ID, TabBar, tab_id};
use crate::catalogue::{self, Loaded, catalogue};
use crate::computed::Computed;
use crate::custom_device;
use crate::hooks::{Stage, use_coalesced, use_link, use_stages};
use crate::late::{self, Late};
use crate::state::{Action, State};
use crate::tabs::Tab;
use crate::timing::measured;

#[derive(Properties, PartialEq)]
pub(crate) struct AppProps {
    /// The state at the start.
    pub(crate) start: State,
    /// Address of the compute worker's script; it is started on first use.
    pub(crate) worker_url: String,
    /// Told when everything has been drawn once.
    pub(crate) on_whole: Callback<()>,
}

/// All that a report depends on.
#[derive(Debug, Clone, PartialEq)]
struct Inputs {
    model: Loaded,
    scenario: Scenario,
    ple_cache_hit_share: f64,
    every_device: bool,
    device: String,
    custom: Option<Device>,
}

impl Inputs {
    fn of(state: &State, custom: Option<&Device>) -> Self {
        Self {
            model: state.model.clone(),
            scenario: state.scenario.clone(),
            ple_cache_hit_share: state.ple_cache_hit_share,
            every_device: state.tab == Tab::Devices,
            device: state.device.clone(),
            custom: custom.cloned(),
        }
    }

    fn devices(&self) -> Vec<Device> {
        if self.every_device {
            self.custom.iter().cloned().chain(catalogue().devices()).collect()
        } else if self.device == custom_device::SLUG {
            self.custom.iter().cloned().collect()
        } else {
            catalogue().device(&self.device).into_iter().collect()
        }
    }

    fn order(&self) -> Order {
        Order {
            model: Model::clone(&self.model),
            scenario: self.scenario.clone(),
            devices: self.devices(),
            ple_cache_hit_share: self.ple_cache_hit_share,
        }
    }

    fn report(&self) -> Result<Computed, String> {
        let devices = self.devices();
        let make = || Report::new(&self.model, &self.scenario, &devices, self.ple_cache_hit_share);
        measured("compute", make).map(Computed::from).map_err(|error| error.to_string())
    }
}

#[function_component]
pub(crate) fn App(props: &AppProps) -> Html {
    let state = {
        let start = props.start.clone();
        use_reducer_eq(move || start)
    };
    let on = {
        let dispatcher = state.dispatcher();
        Callback::from(move |action: Action| {
            if !action.needs_all() || catalogue().is_whole() {
                return dispatcher.dispatch(action);
            }
            let dispatcher = dispatcher.clone();
            spawn_local(async move {
                let there = catalogue::complete().await;
                dispatcher.dispatch(if there { action } else { Action::Fail(late::ABSENT.to_owned()) });
            });
        })
    };
    use_link(&state, &on);
    let on_drag = use_coalesced(&state.dispatcher());
    let canvas = use_node_ref();
    let advanced = use_state(|| false);
    let late = use_late(state.tab != Tab::Memory || !state.custom.is_empty() || *advanced, state.tab, &on);
    let on_advanced = {
        let setter = advanced.setter();
        Callback::from(move |()| setter.set(true))
    };
    let custom = late.and_then(|late| (late.device)(&state.custom));
    let stage = use_stages(&props.on_whole);
    let inputs = (stage > Stage::Frame).then(|| Inputs::of(&state, custom.as_ref()));
    let report = use_memo(inputs, |inputs| inputs.as_ref().map(Inputs::report));
    let with_controls = matches!(state.tab, Tab::Memory | Tab::Devices);
    let computed = report.as_ref().as_ref().and_then(|report| report.as_ref().ok());
    let spoken = use_spoken(computed.filter(|_| with_controls).map(|report| summary(report)));
    let Some(report) = &*report else {
        return html! { <div class="calc">{ TabBar { open: state.tab, on }.view() }</div> };
    };
    let panel = match (report, state.tab) {
        _ if stage < Stage::Whole => Html::default(),
        (Err(error), Tab::Memory | Tab::Devices) => {
            html! { <p class="calc-short" role="alert">{ error }</p> }
        }
        (Ok(report), Tab::Memory) => {
            html! { { MemoryPanel { report: report.clone(), canvas: canvas.clone(), on: on.clone() }.view() } }
        }
        _ => match late {
            Some(late) => {
                late_panel(late, props, &state, custom.as_ref(), report.as_ref().ok(), &on, &on_drag)
            }
            None => html! { <p class="calc-loading" role="status">{ "Loading\u{2026}" }</p> },
        },
    };
    let bits = report.as_ref().ok().map(|report| report.weights.bits_per_weight);
    let export = report.as_ref().ok().filter(|_| with_controls && stage == Stage::Whole).map(|report| {
        let canvas = (state.tab == Tab::Memory).then(|| canvas.clone());
        let inputs = Inputs::of(&state, custom.as_ref());
        let order = Callback::from(move |()| inputs.order());
        html! { { ExportBar { report: report.clone(), order, canvas, on: on.clone() }.view() } }
    });
    html! {
        <div class="calc">
            { Notices { notices: state.notices.clone(), on: on.clone() }.view() }
            { TabBar { open: state.tab, on: on.clone() }.view() }
            <div class={if with_controls { "calc-body" } else { "calc-body alone" }}>
                if with_controls && stage > Stage::Figures {
                    { Controls { state: &state, custom: custom.map(|device| device.title), bits_per_weight: bits, on: on.clone(), on_drag: on_drag.clone(), advanced: late.map(|late| late.advanced), on_advanced }.view() }
                }
                <div id={PANEL_ID} class="calc-panel" role="tabpanel" aria-labelledby={tab_id(state.tab)} tabindex="0">
                    { panel }
                    { export }
                </div>
            </div>
            if with_controls { <p class="visually-hidden" role="status" ref={spoken} /> }
        </div>
    }
}

/// The part of the application that has the other tabs, once it is wanted and has come.
#[hook]
fn use_late(wanted: bool, tab: Tab, on: &Callback<Action>) -> Option<Late> {
    let late = use_state(|| None::<Late>);
    let (setter, on) = (late.setter(), on.clone());
    let missing = wanted && late.is_none();
    use_effect_with((missing, tab), move |(missing, _)| {
        if *missing {
            spawn_local(async move {
                match late::load().await {
                    Ok(late) => setter.set(Some(late)),
                    Err(_) => on.emit(Action::Fail(late::ABSENT.to_owned())),
                }
            });
        }
    });
    *late
}

/// Any tab but the first.
fn late_panel(
    late: Late,
    props: &AppProps,
    state: &State,
    custom: Option<&Device>,
    report: Option<&Computed>,
    on: &Callback<Action>,
    on_drag: &Callback<Action>,
) -> Html {
    let (on, on_drag) = (on.clone(), on_drag.clone());
    match (state.tab, report) {
        (Tab::Memory, _) | (Tab::Devices, None) => Html::default(),
        (Tab::Devices, Some(report)) => (late.devices)(&DevicesPanel {
            report: report.clone(),
            filter: state.filter.clone(),
            custom: state.custom.clone(),
            on,
            on_drag,
        }),
        (tab @ (Tab::TurboQuant | Tab::Codecs), _) => (late.codecs)(CodecPanelProps {
            tab,
            choice: state.codec,
            model: state.model.clone(),
            imported: state.imported.clone(),
            context_tokens: state.scenario.context_tokens,
            worker_url: props.worker_url.clone(),
            on,
            on_drag,
        }),
        (Tab::Mmap, report) => (late.mmap)(MmapPanelProps {
            choice: state.mmap,
            model: state.model.clone(),
            imported: state.imported.clone(),
            scenario: state.scenario.clone(),
            device: state.device.clone(),
            custom: custom.cloned(),
            measured: state.measured.clone(),
            taken_bytes: report.map_or(0, |report| report.placement.needs.hot().bytes),
            worker_url: props.worker_url.clone(),
            on,
            on_drag,
        }),
    }
}
