//! The whole page: state, report, tabs.

use dhurandhar_core::device::Device;
use dhurandhar_core::feasibility::Mode;
use wasm_bindgen_futures::spawn_local;
use wasm_split_helpers::SplitLoaderError;
use yew::{
    AttrValue, Callback, Html, Properties, UseStateHandle, function_component, hook, html, use_callback,
    use_effect_with, use_memo, use_reducer_eq, use_state, use_state_eq,
};

use crate::browser::ABSENT;
use crate::codecs::panel::CodecPanelProps;
use crate::compare::panel::ComparePanelProps;
use crate::devices::panel::DevicesPanel;
use crate::link;
use crate::link::address::use_link;
use crate::memory::below::{BelowProps, WhenSeen};
use crate::mmap::panel::MmapPanelProps;
use crate::shell::answer::{Answer, summary, title};
use crate::shell::coalesced::use_coalesced;
use crate::shell::controls::Controls;
use crate::shell::export_bar::ExportBar;
use crate::shell::late::{self, Early, Late};
use crate::shell::notices::Notices;
use crate::shell::spoken::use_spoken;
use crate::shell::stages::{Stage, use_stages};
use crate::shell::tab_bar::{TabBar, tab_id};
use crate::state::ahead;
use crate::state::catalogue::{self, catalogue};
use crate::state::computed::Computed;
use crate::state::inputs::Inputs;
use crate::state::tabs::{PANEL_ID, Tab};
use crate::state::{Action, State};

#[derive(Properties, PartialEq)]
pub(crate) struct AppProps {
    /// The state at the start.
    pub(crate) start: State,
    /// Address of the compute worker's script; it is started on first use.
    pub(crate) worker_url: String,
    /// Told when everything has been drawn once.
    pub(crate) on_whole: Callback<()>,
}

#[function_component]
pub(crate) fn App(props: &AppProps) -> Html {
    let state = {
        let start = props.start.clone();
        use_reducer_eq(move || start)
    };
    let on = use_callback(state.dispatcher(), move |action: Action, dispatcher| {
        ahead::settle();
        if !action.needs_all() || catalogue().is_whole() {
            return dispatcher.dispatch(action);
        }
        let dispatcher = dispatcher.clone();
        spawn_local(async move {
            let there = catalogue::complete().await;
            dispatcher.dispatch(if there { action } else { Action::Fail(ABSENT.to_owned()) });
        });
    });
    let address = use_link(&state, &on);
    let on_drag = use_coalesced(&state.dispatcher());
    let wide = use_state(is_wide);
    let (more, advanced) = (use_state_eq(|| false), use_state_eq(|| false));
    let (below, foot) = (use_state_eq(|| false), use_state_eq(|| false));
    let own_device = !state.custom.is_empty() || !state.changes.is_empty();
    // Buffers on a GPU are laid out by a rule that comes with that part.
    let has_gpu = catalogue().device(&state.device).is_some_and(|device| device.gpu.is_some());
    let wants_late = state.tab != Tab::Memory || own_device || has_gpu || *advanced || *foot;
    let late = use_part(wants_late, state.tab, late::load, &on);
    let with_controls = matches!(state.tab, Tab::Memory | Tab::Devices);
    let wants_below = state.tab == Tab::Memory && *below || with_controls && (*wide || *more);
    let early = use_part(wants_below, state.tab, late::load_below, &on);
    let on_more = {
        let setter = more.setter();
        Callback::from(move |()| setter.set(true))
    };
    let on_advanced = {
        let setter = advanced.setter();
        Callback::from(move |()| setter.set(true))
    };
    let custom = late.and_then(|late| (late.device)(&state.custom));
    let changed = late.and_then(|late| (late.changed)(&state.device, &state.changes)).transpose();
    let misread = changed.as_ref().err().cloned();
    let changed = changed.ok().flatten();
    let stage = use_stages(&props.on_whole);
    // A device that is not known yet has no answer: never that of another one.
    let is_known = late.is_some() || !own_device;
    let inputs =
        (stage > Stage::Frame && is_known).then(|| Inputs::of(&state, custom.as_ref(), changed.as_ref()));
    ahead::about(inputs.as_ref());
    let asked = (inputs.clone(), has_gpu && late.is_some());
    let answered = use_memo(asked, |(inputs, _)| inputs.as_ref().map(Inputs::answer));
    let every = late.zip(inputs.clone()).filter(|_| state.tab == Tab::Devices);
    let every = use_memo(every.map(|(_, inputs)| inputs), |every| {
        late.zip(every.as_ref()).map(|(late, inputs)| (late.whole)(inputs))
    });
    let computed = answered.as_ref().as_ref().and_then(|report| report.as_ref().ok());
    let spoken = use_spoken(computed.map(|report| summary(report)));
    use_effect_with(computed.map(|report| title(report)), |title| {
        let document = web_sys::window().and_then(|window| window.document());
        if let (Some(title), Some(document)) = (title, document) {
            document.set_title(title);
        }
    });
    let (Some(report), Some(inputs)) = (&*answered, inputs) else {
        return html! {
            <div class="calc">
                { TabBar { open: state.tab, on }.view() }
                if stage > Stage::Frame { { loading() } }
            </div>
        };
    };
    let late_panel = |late: Late, report: Option<&Computed>| {
        LatePanel {
            late,
            props,
            state: &state,
            custom: custom.as_ref(),
            inputs: &inputs,
            address: &address,
            on: &on,
            on_drag: &on_drag,
        }
        .view(report)
    };
    let panel = match (report, state.tab, late) {
        _ if stage < Stage::Whole => Html::default(),
        (Err(error), Tab::Memory | Tab::Devices, _) => {
            html! { <p class="calc-short" role="alert">{ error }</p> }
        }
        (Ok(report), Tab::Memory, _) => under(early, report, &inputs, &below, &on),
        (_, _, None) => loading(),
        (_, Tab::Devices, Some(late)) => match &*every {
            Some(Ok(report)) => late_panel(late, Some(report)),
            Some(Err(error)) => html! { <p class="calc-short" role="alert">{ error }</p> },
            None => loading(),
        },
        (_, _, Some(late)) => late_panel(late, report.as_ref().ok()),
    };
    let bits = report.as_ref().ok().map(|report| report.weights.bits_per_weight);
    let export = report.as_ref().ok().zip(late).filter(|_| with_controls && stage == Stage::Whole);
    let export = export.map(|(report, late)| {
        (late.export)(ExportBar {
            report: report.clone(),
            inputs: inputs.clone(),
            every_device: state.tab == Tab::Devices,
            address: address.clone(),
            own_model: state.imported.contains(&state.model),
            on: on.clone(),
        })
    });
    html! {
        <div class="calc">
            { Notices { notices: state.notices.clone(), on: on.clone() }.view() }
            { TabBar { open: state.tab, on: on.clone() }.view() }
            <div class={if with_controls { "calc-body" } else { "calc-body alone" }}>
                if with_controls && stage > Stage::Figures {
                    { Controls { state: &state, custom: custom.map(|device| device.title), bits_per_weight: bits, on: on.clone(), on_drag: on_drag.clone(), wide: *wide, more: early.map(|early| early.more), on_more, advanced: late.map(|late| late.advanced), on_advanced }.view() }
                }
                <div id={PANEL_ID} class="calc-panel" role="tabpanel" aria-labelledby={tab_id(state.tab)} tabindex="0">
                    { for misread.map(|problem| html! { <p class="calc-short" role="alert">{ problem }</p> }) }
                    { for computed.map(|report| html! { <Answer report={report.clone()} /> }) }
                    { for state.scenario.not_offered().map(|note| html! { <p class="calc-hint">{ note }</p> }) }
                    { panel }
                    // Below the answer, or with every device: never in sight before them.
                    if stage == Stage::Whole && (state.tab == Tab::Devices || state.tab == Tab::Memory && early.is_some()) {
                        <WhenSeen on_view={told(&foot)}>{ for export }</WhenSeen>
                    }
                </div>
            </div>
            <p class="visually-hidden" role="status" ref={spoken} />
        </div>
    }
}

/// Do controls and answers stand side by side, as the style sheet has it?
fn is_wide() -> bool {
    let query = web_sys::window().and_then(|window| window.match_media("(min-width: 60rem)").ok()?);
    query.is_none_or(|query| query.matches())
}

fn loading() -> Html {
    html! { <p class="calc-loading" role="status">{ "Loading\u{2026}" }</p> }
}

/// What is fetched once it is looked at.
fn under(
    part: Option<Early>,
    report: &Computed,
    inputs: &Inputs,
    visible: &UseStateHandle<bool>,
    on: &Callback<Action>,
) -> Html {
    let (report, inputs, on) = (report.clone(), inputs.clone(), on.clone());
    let below = match part {
        Some(part) => (part.below)(BelowProps { report, inputs, visible: **visible, on }),
        None if **visible => loading(),
        None => Html::default(),
    };
    html! { <WhenSeen on_view={told(visible)}>{ below }</WhenSeen> }
}

fn told(seen: &UseStateHandle<bool>) -> Callback<bool> {
    let seen = seen.setter();
    Callback::from(move |now| seen.set(now))
}

/// A part of the application, once it is wanted and has come.
#[hook]
fn use_part<T, F>(wanted: bool, tab: Tab, load: fn() -> F, on: &Callback<Action>) -> Option<T>
where
    T: Copy + 'static,
    F: Future<Output = Result<T, SplitLoaderError>> + 'static,
{
    let part = use_state(|| None::<T>);
    let (setter, on) = (part.setter(), on.clone());
    let missing = wanted && part.is_none();
    use_effect_with((missing, tab), move |(missing, _)| {
        if *missing {
            spawn_local(async move {
                match load().await {
                    Ok(part) => setter.set(Some(part)),
                    Err(_) => on.emit(Action::Fail(ABSENT.to_owned())),
                }
            });
        }
    });
    *part
}

/// Any tab but the first.
struct LatePanel<'a> {
    late: Late,
    props: &'a AppProps,
    state: &'a State,
    custom: Option<&'a Device>,
    inputs: &'a Inputs,
    address: &'a AttrValue,
    on: &'a Callback<Action>,
    on_drag: &'a Callback<Action>,
}

impl LatePanel<'_> {
    /// Its part of the page.
    fn view(&self, report: Option<&Computed>) -> Html {
        let Self { late, props, state, custom, inputs, address, on, on_drag } = self;
        let (on, on_drag) = ((*on).clone(), (*on_drag).clone());
        match (state.tab, report) {
            (Tab::Memory, _) | (Tab::Devices, None) => Html::default(),
            (Tab::Compare, _) => (late.compare)(ComparePanelProps {
                cases: state.cases.clone(),
                current: link::case(state),
                inputs: (*inputs).clone(),
                imported: state.imported.clone(),
                address: (*address).clone(),
                on,
            }),
            (Tab::Devices, Some(report)) => (late.devices)(&DevicesPanel {
                chosen: state.device.clone(),
                report: report.clone(),
                filter: state.filter.clone(),
                custom: state.custom.clone(),
                on,
                on_drag,
                worker_url: props.worker_url.clone(),
            }),
            (tab @ (Tab::TurboQuant | Tab::Codecs), _) => (late.codecs)(CodecPanelProps {
                tab,
                choice: state.codec,
                model: state.model.clone(),
                imported: state.imported.clone(),
                context_tokens: state.scenario.context_tokens,
                worker_url: props.worker_url.clone(),
                address: (*address).clone(),
                on,
                on_drag,
            }),
            (Tab::Mmap, report) => (late.mmap)(MmapPanelProps {
                choice: state.mmap,
                model: state.model.clone(),
                imported: state.imported.clone(),
                scenario: state.scenario.clone(),
                device: state.device.clone(),
                chosen: inputs.chosen(),
                custom: custom.map(|device| device.title.clone()),
                measured: state.measured.clone(),
                runs: report
                    .and_then(|report| report.devices.first())
                    .map(|assessment| assessment.mode != Mode::Infeasible),
                taken_bytes: report.map_or(0, |report| report.placement.needs.hot().bytes),
                worker_url: props.worker_url.clone(),
                address: (*address).clone(),
                on,
                on_drag,
            }),
        }
    }
}
