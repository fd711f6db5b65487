//! The Mmap tab: what a table on storage is predicted to cost, and a measurement beside it. The worker computes.

use std::rc::Rc;

use dhurandhar_core::device::Device;
use dhurandhar_core::measurement::Overlay;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::speed::LookupCase;
use dhurandhar_core::weights::WeightPlan;
use dhurandhar_core::work::Job;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;
use yew::{AttrValue, Callback, Html, Properties, function_component, html, use_memo};

use crate::files::reader;
use crate::mmap::controls::MmapControls;
use crate::mmap::drawing;
use crate::mmap::tables::{self, CLIFF_ID, LOOKUP_ID, MEASURED_ID};
use crate::parts::data_drop::DataDrop;
use crate::parts::device_select::DeviceSelect;
use crate::parts::model_picker::ModelPicker;
use crate::parts::plot::{Chart, Plot};
use crate::parts::table_export::TableExport;
use crate::state::catalogue::{Loaded, catalogue};
use crate::state::mmap_choice::MmapChoice;
use crate::state::{Action, DEFAULT_DEVICE};
use crate::worker::results::use_compute;

#[derive(Properties, PartialEq)]
pub(crate) struct MmapPanelProps {
    pub(crate) choice: MmapChoice,
    pub(crate) model: Loaded,
    pub(crate) imported: Vec<Loaded>,
    pub(crate) scenario: Scenario,
    /// Slug of the chosen device.
    pub(crate) device: String,
    /// It, whose figures are the defaults.
    pub(crate) chosen: Option<Device>,
    /// Name of the reader's own device.
    pub(crate) custom: Option<String>,
    pub(crate) measured: Option<Rc<Overlay>>,
    /// Memory taken by everything but the table.
    pub(crate) taken_bytes: u64,
    /// The model runs on the chosen device at all; none without a device.
    pub(crate) runs: Option<bool>,
    pub(crate) worker_url: String,
    /// The address of the state.
    pub(crate) address: AttrValue,
    pub(crate) on: Callback<Action>,
    pub(crate) on_drag: Callback<Action>,
}

impl MmapPanelProps {
    fn device(&self) -> Option<Device> {
        self.chosen.clone().or_else(|| catalogue().device(DEFAULT_DEVICE))
    }

    /// What model and device say.
    fn start(&self) -> Result<LookupCase, String> {
        let device = self.device().ok_or("there is no device")?;
        let plan = WeightPlan::new(&self.model, self.scenario.weights).map_err(|error| error.to_string())?;
        LookupCase::of(&self.model, &plan, &device, self.taken_bytes, self.scenario.target_tokens_per_s)
            .map_err(|error| error.to_string())
    }
}

/// What the start depends on.
fn key(props: &MmapPanelProps) -> (Loaded, Scenario, Option<Device>, u64) {
    let MmapPanelProps { model, scenario, chosen, taken_bytes, .. } = props;
    (model.clone(), scenario.clone(), chosen.clone(), *taken_bytes)
}

/// The panel as a part of the page.
pub(crate) fn mmap_panel(props: MmapPanelProps) -> Html {
    html! { <MmapPanel ..props /> }
}

#[function_component]
fn MmapPanel(props: &MmapPanelProps) -> Html {
    let start = use_memo(key(props), |_| props.start());
    let case = start.as_ref().as_ref().ok().map(|start| props.choice.case(*start));
    let (results, ..) = use_compute(&props.worker_url, case.map(Job::Lookup), None);
    let lookup = results.lookup.as_ref();
    // The case that the results are of, not the one that is being asked about.
    let case_of = results.of.as_ref().and_then(|asked| match asked.job {
        Job::Lookup(case) => Some(case),
        _ => None,
    });
    let measured = props.measured.as_deref();
    let problems = [start.as_ref().as_ref().err(), results.failed.as_ref()].into_iter().flatten();
    html! {
        <>
            <section class="calc-codec" aria-label="What is read, and how">
                <ModelPicker model={props.model.clone()} imported={props.imported.clone()} on={props.on.clone()} />
                { DeviceSelect { device: props.device.clone(), custom: props.custom.clone(), on: props.on.clone() }.view() }
                if let Some(case) = &case {
                    { MmapControls { choice: props.choice, case, on: props.on.clone(), on_drag: props.on_drag.clone() }.view() }
                }
            </section>
            { about(&props.model) }
            { for problems.map(|text| html! { <p class="calc-short" role="alert">{ text }</p> }) }
            if let (Some(case), Some(lookup)) = (&case_of, lookup) {
                { tables::sentence(case, lookup, props.runs) }
                if let Some(measured) = measured { { tables::measured_verdict(measured) } }
                if !lookup.curve.is_empty() {
                    <Plot chart={Chart::Lines(drawing::stall(case, lookup, measured))} described_by={LOOKUP_ID} />
                }
                { tables::figures(lookup) }
                { tables::cliff(case, lookup) }
            }
            { own_measurement(measured, &props.on) }
            { TableExport {
                name: "mmap",
                tables: [("prediction", LOOKUP_ID)]
                    .into_iter()
                    .chain(lookup.is_some_and(|lookup| !lookup.cliff.is_empty()).then_some(("cliff", CLIFF_ID)))
                    .chain(measured.map(|_| ("measured", MEASURED_ID)))
                    .collect(),
                of: results.is_whole().then(|| props.model.title().to_owned()),
                address: props.address.clone(),
                own: props.imported.contains(&props.model).then_some("model"),
                on: props.on.clone(),
            }.view() }
        </>
    }
}

/// A place to drop a measurement, and what it says.
fn own_measurement(measured: Option<&Overlay>, on: &Callback<Action>) -> Html {
    let on_file = {
        let on = on.clone();
        Callback::from(move |file: File| {
            let on = on.clone();
            spawn_local(async move {
                let read = reader::measurement(&file).await;
                on.emit(read.map_or_else(Action::Fail, |measured| Action::Measured(Box::new(measured))));
            });
        })
    };
    let forget = {
        let on = on.clone();
        move |_| on.emit(Action::Unmeasured)
    };
    html! {
        <section class="calc-own-tensors" aria-label="Your measurement">
            <p>
                { "A browser cannot measure flash: it can neither evict a page from the cache nor see whether one is there. Run " }
                <code>{ "dhurandhar profile-mmap --output result.json" }</code>
                { " on the device and lay its result over the prediction." }
            </p>
            { DataDrop {
                id: "measurement-file",
                label: "Drop a measurement or",
                accept: ".json",
                hint: "The controls take its table and its time of a miss. It is read in this page; nothing leaves the browser.",
                on_file,
            }.view() }
            if let Some(measured) = measured {
                { tables::measured(measured) }
                <button type="button" class="calc-small" id="measurement-remove" onclick={forget}>{ "Remove the measurement" }</button>
            }
        </section>
    }
}

/// Whose table this is.
fn about(model: &Loaded) -> Html {
    let title = model.title();
    let text = if model.architecture.ple.is_some() {
        format!("{title} keeps a table of per-layer embeddings: a token needs one row of it.")
    } else {
        format!(
            "{title} has no per-layer embedding table. The figures are about its token embeddings, or any table of the rows you enter."
        )
    };
    html! { <p id="mmap-about">{ text }</p> }
}
