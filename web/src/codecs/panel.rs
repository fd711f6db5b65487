//! The two codec tabs: one codec over its widths, and codecs at equal bits. All figures come from the worker.

use std::cell::RefCell;

use dhurandhar_core::codec::kv_cache::{KvCacheConfig, KvGeometry};
use dhurandhar_core::codec::sweep::{Progress, SweepRequest};
use dhurandhar_core::codec::{CodecKind, MAX_DIM, SINK_TOKENS, Source};
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::work::{Input, Job, Part, TensorShape};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{File, Response};
use yew::{
    AttrValue, Callback, Html, Properties, UseStateHandle, function_component, html, use_state, use_state_eq,
};

use crate::codecs::drawing;
use crate::codecs::tables::{self, ATTENTION_ID, COSTS_ID, MEMORY_ID, ROWS_ID};
use crate::parts::choice::{Choice, Group};
use crate::parts::context_field::ContextField;
use crate::parts::data_drop::DataDrop;
use crate::parts::format;
use crate::parts::model_picker::ModelPicker;
use crate::parts::number_field::NumberField;
use crate::parts::plot::{Chart, Plot};
use crate::parts::table_export::TableExport;
use crate::state::Action;
use crate::state::catalogue::Loaded;
use crate::state::codec_choice::{CodecChoice, VECTORS};
use crate::state::tabs::Tab;
use crate::worker::results::use_compute;

/// Compared at equal bits: they store the same codes and scales.
const EQUAL: [CodecKind; 4] =
    [CodecKind::Turboquant, CodecKind::Rotorquant, CodecKind::Isoquant, CodecKind::HadamardRotor];
/// Those whose rotations are counted.
const COUNTED: [CodecKind; 6] = [
    CodecKind::Turboquant,
    CodecKind::Rotorquant,
    CodecKind::Isoquant,
    CodecKind::HadamardRotor,
    CodecKind::SeedTurbo,
    CodecKind::SeedRotor,
];
/// Real tensors of the site, seen from the calculator.
const SAMPLE: &str = "../data/smollm2-135m-layer-9.safetensors";
/// Seed of synthetic vectors.
const SEED: u32 = 42;

#[derive(Properties, PartialEq)]
pub(crate) struct CodecPanelProps {
    pub(crate) tab: Tab,
    pub(crate) choice: CodecChoice,
    pub(crate) model: Loaded,
    pub(crate) imported: Vec<Loaded>,
    pub(crate) context_tokens: u64,
    pub(crate) worker_url: String,
    /// The address of the state.
    pub(crate) address: AttrValue,
    pub(crate) on: Callback<Action>,
    pub(crate) on_drag: Callback<Action>,
}

impl CodecPanelProps {
    fn dim(&self, geometry: &KvGeometry) -> usize {
        self.choice.dim.or_else(|| geometry.widest_head()).unwrap_or(128)
    }

    /// The sweeps; a tensor takes the place of the synthetic source.
    fn sweep(&self, dim: usize, tensor: Option<usize>) -> Job {
        let request = |codecs: Vec<CodecKind>, bits: Vec<u32>| {
            let sinks = if codecs.contains(&CodecKind::CentredKeys) { SINK_TOKENS } else { 0 };
            SweepRequest { codecs, bits, dim, sinks, ..SweepRequest::default() }
        };
        let input = tensor.map_or(Input::Source(self.choice.source, SEED), Input::Tensor);
        let parts = if self.tab == Tab::TurboQuant {
            let chosen = self.choice.codec;
            let beside = (chosen != CodecKind::Turboquant).then_some(CodecKind::Turboquant);
            let part = |codec| Part { request: request(vec![codec], self.choice.widths().to_vec()), input };
            std::iter::once(chosen).chain(beside).map(part).collect()
        } else {
            let part = |input| Part { request: request(EQUAL.to_vec(), vec![self.choice.bits]), input };
            match tensor {
                Some(tensor) => vec![part(Input::Tensor(tensor))],
                None => Source::ALL.into_iter().map(|source| part(Input::Source(source, SEED))).collect(),
            }
        };
        Job::Sweep { vectors: self.choice.vectors, parts }
    }

    /// Attention of the layer whose keys are chosen, where its queries and values are in the file under their names.
    fn attention(&self, listed: &[TensorShape], chosen: usize, codecs: Vec<CodecKind>) -> Option<Job> {
        let name = &listed.get(chosen)?.name;
        let place = |part: &str| {
            let wanted = name.replace("keys", part);
            listed.iter().position(|tensor| tensor.name == wanted).filter(|_| name.contains("keys"))
        };
        let bits =
            if self.tab == Tab::TurboQuant { self.choice.widths().to_vec() } else { vec![self.choice.bits] };
        let sinks = if codecs.contains(&CodecKind::CentredKeys) { SINK_TOKENS } else { 0 };
        Some(Job::Attention {
            queries: place("queries")?,
            keys: chosen,
            values: place("values")?,
            codecs,
            bits,
            sinks,
        })
    }

    /// What is known without vectors: the model's cache, or costs.
    fn aside(&self, geometry: KvGeometry, dim: usize) -> Job {
        if self.tab == Tab::Codecs {
            return Job::Cost { codecs: COUNTED.to_vec(), dim };
        }
        let config = |bits: &u32| match self.choice.codec {
            CodecKind::CentredKeys => KvCacheConfig::recommended(*bits, *bits),
            codec => KvCacheConfig::plain(codec, *bits, *bits),
        };
        let known = self.choice.codec.bits_range();
        let configs = self.choice.widths().iter().filter(|bits| known.contains(bits)).map(config).collect();
        Job::Memory { geometry, context_tokens: self.context_tokens, configs }
    }
}

/// Codecs of a sweep, each once.
fn codecs_of(sweep: &Job) -> Vec<CodecKind> {
    let Job::Sweep { parts, .. } = sweep else { return Vec::new() };
    let mut codecs: Vec<CodecKind> = parts.iter().flat_map(|part| &part.request.codecs).copied().collect();
    codecs.dedup();
    codecs
}

thread_local! {
    /// The reader's file, for as long as the page is there.
    static OWN: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// The panel as a part of the page; another for each of its tabs.
pub(crate) fn codec_panel(props: CodecPanelProps) -> Html {
    let key = props.tab.name();
    html! { <CodecPanel {key} ..props /> }
}

#[function_component]
fn CodecPanel(props: &CodecPanelProps) -> Html {
    // The other codec tab is about the same file.
    let file = use_state(|| OWN.with_borrow(Clone::clone));
    let tensor = use_state_eq(|| 0_usize);
    let geometry = props.model.architecture.kv_geometry();
    let own = (*file).clone();
    OWN.set(own.clone());
    let (listed, ..) = use_compute(&props.worker_url, own.is_some().then_some(Job::Inspect), own.clone());
    // The list of another file says nothing of this one.
    let listed_file = listed.of.as_ref().and_then(|asked| asked.file.clone());
    let is_listed = own.as_ref().is_some_and(|file| Some(file.name()) == listed_file);
    let shape = listed.tensors.get(*tensor).filter(|_| is_listed).map(|tensor| &tensor.shape);
    let own_dim = shape.and_then(|shape| shape.last()).copied();
    let dim = own_dim.unwrap_or_else(|| props.dim(&geometry));
    let sweep = match (&own, own_dim) {
        (Some(_), None) => None,
        (own, _) => Some(props.sweep(dim, own.as_ref().map(|_| *tensor))),
    };
    let unread = own.is_some() && sweep.is_none();
    let empty = (is_listed && listed.tensors.is_empty() && listed.failed.is_none()).then(|| {
        let name = own.as_ref().map(File::name).unwrap_or_default();
        format!("{name} has no tensor of f64, f32, f16 or bf16 with at least one axis.")
    });
    let listed_name = listed.tensors.get(*tensor).map_or_else(String::new, |tensor| tensor.name.clone());
    let is_own = own.is_some();
    let title = own.as_ref().map(|file| if listed_name.is_empty() { file.name() } else { listed_name });
    let codecs: Vec<CodecKind> = sweep.as_ref().map_or_else(Vec::new, codecs_of);
    let layer = is_listed.then(|| props.attention(&listed.tensors, *tensor, codecs)).flatten();
    let is_layer = layer.is_some();
    let (attention, ..) = use_compute(&props.worker_url, layer, own.clone());
    let (results, cancel, again) = use_compute(&props.worker_url, sweep, own);
    let (aside, ..) = use_compute(&props.worker_url, Some(props.aside(geometry, dim)), None);
    let names: Vec<&str> = match &title {
        Some(title) => vec![title],
        None => Source::ALL.map(tables::source).into(),
    };
    let is_sweep = props.tab == Tab::TurboQuant;
    let chart = if is_sweep {
        Chart::Lines(drawing::quality(&results.rows))
    } else {
        Chart::Bars(drawing::comparison(&results.rows, &EQUAL, &names))
    };
    let problems =
        [&listed.failed, &results.failed, &attention.failed, &aside.failed, &empty].into_iter().flatten();
    let shown = results.of.as_ref().filter(|_| !results.rows.is_empty());
    let of = shown.map(|asked| tables::of(asked, &results.rows));
    let beside = aside.of.as_ref().map(|asked| &asked.job);
    html! {
        <>
            { controls(props, dim, is_own) }
            { own_tensors(&file, &tensor, if is_listed { &listed.tensors } else { &[] }) }
            { for problems.map(|text| html! { <p class="calc-short" role="alert">{ text }</p> }) }
            { running(results.running, results.progress, &cancel) }
            if results.cancelled { { cancelled(&again) } }
            if let Some(of) = &of {
                <section class={stale(results.is_stale() || unread)}>
                    { tables::request(of, results.is_stale() || unread) }
                    <Plot {chart} described_by={ROWS_ID} />
                    { tables::rows(&results.rows, if is_sweep { &[][..] } else { &names[..] }) }
                </section>
            }
            if is_layer && !attention.attention.is_empty() {
                <section class={stale(attention.is_stale())}>{ tables::attention(&attention.attention) }</section>
            }
            if let (Some(Job::Memory { context_tokens, configs, .. }), true) = (beside, is_sweep) {
                <section class={stale(aside.is_stale())}>
                    { tables::memory(props.model.title(), *context_tokens, configs, &aside.memory) }
                </section>
            }
            if let (Some(costs), Some(Job::Cost { dim, .. }), false) = (&aside.costs, beside, is_sweep) {
                <section class={stale(aside.is_stale())}>
                    <Plot chart={Chart::Bars(drawing::costs(costs))} described_by={COSTS_ID} />
                    { tables::costs(costs, *dim) }
                </section>
            }
            { TableExport {
                name: if is_sweep { "turboquant" } else { "codecs" },
                tables: [("errors", ROWS_ID), if is_sweep { ("memory", MEMORY_ID) } else { ("operations", COSTS_ID) }]
                    .into_iter()
                    .chain((is_layer && !attention.attention.is_empty()).then_some(("attention", ATTENTION_ID)))
                    .collect(),
                of: of.filter(|_| results.is_whole() && !unread),
                address: props.address.clone(),
                own: if is_own {
                    Some("tensors")
                } else {
                    props.imported.contains(&props.model).then_some("model")
                },
                on: props.on.clone(),
            }.view() }
        </>
    }
}

const fn stale(is_stale: bool) -> &'static str {
    if is_stale { "calc-result calc-stale" } else { "calc-result" }
}

fn cancelled(again: &Callback<()>) -> Html {
    let again = again.clone();
    html! {
        <p role="status" id="codec-cancelled">
            { "Cancelled; nothing is shown. " }
            <button type="button" class="calc-small" id="codec-again" onclick={move |_| again.emit(())}>{ "Measure again" }</button>
        </p>
    }
}

/// Progress and a way out, in a place that is always there so that nothing jumps.
fn running(running: bool, progress: Option<Progress>, cancel: &Callback<()>) -> Html {
    let cancel = cancel.clone();
    let value = progress.map_or(0, |progress| progress.done);
    let total = progress.map_or(1, |progress| progress.total);
    html! {
        <div class="calc-running" aria-busy={running.to_string()}>
            if running {
                <progress aria-label="Vectors coded" value={value.to_string()} max={total.to_string()} />
                <button type="button" class="calc-small" id="codec-cancel" onclick={move |_| cancel.emit(())}>{ "Cancel" }</button>
            }
        </div>
    }
}

fn pick(
    props: &CodecPanelProps,
    change: fn(&mut CodecChoice, &str) -> Result<(), String>,
) -> Callback<String> {
    let (on, choice) = (props.on.clone(), props.choice);
    Callback::from(move |value: String| {
        let mut choice = choice;
        if change(&mut choice, &value).is_ok() {
            on.emit(Action::Codec(choice));
        }
    })
}

/// What is chosen; a tensor of one's own brings its vectors and their width.
fn controls(props: &CodecPanelProps, dim: usize, is_own: bool) -> Html {
    let choice = props.choice;
    let title = |codec: CodecKind| match codec {
        CodecKind::CentredKeys => "centred-keys (recommended)",
        CodecKind::SeedTurbo => "seed-turbo (of version 0.1)",
        CodecKind::SeedRotor => "seed-rotor (of version 0.1)",
        other => other.name(),
    };
    let codecs = CodecKind::ALL.map(|codec| (AttrValue::from(codec.name()), AttrValue::from(title(codec))));
    let codecs = vec![Group { title: "", options: codecs.into() }];
    let plain = |names: Vec<String>| vec![Group::plain("", names)];
    let source = |source: Source| (AttrValue::from(source.name()), AttrValue::from(tables::source(source)));
    let sources = vec![Group { title: "", options: Source::ALL.map(source).into() }];
    let vectors = plain(VECTORS.map(|count| count.to_string()).into());
    let bits = plain((1..=8).map(|bits: u32| bits.to_string()).collect());
    let widths = vec![Group {
        title: "",
        options: vec![("few".into(), "2, 3, 4, 6, 8".into()), ("all".into(), "1 to 8".into())],
    }];
    let on_dim = {
        let on = props.on_drag.clone();
        Callback::from(move |dim: f64| {
            on.emit(Action::Codec(CodecChoice { dim: usize::try_from(to_u64(dim)).ok(), ..choice }));
        })
    };
    let width = if choice.every_width { "all" } else { "few" };
    // What it is good at is not in such vectors.
    let hint = if choice.codec == CodecKind::CentredKeys {
        "Made for keys of real models, whose channels have means of their own to take away: drop some. Synthetic vectors have none, and the stored means cost bits."
    } else {
        ""
    };
    html! {
        <section class="calc-codec" aria-label="What is measured">
            <ModelPicker model={props.model.clone()} imported={props.imported.clone()} on={props.on.clone()} />
            if props.tab == Tab::TurboQuant {
                { ContextField { tokens: props.context_tokens, longest: props.model.architecture.max_context_tokens, on: props.on_drag.clone() }.view() }
                { Choice { id: "codec", label: "Codec", value: choice.codec.name().to_owned(), groups: codecs, hint: hint.to_owned(), on_value: pick(props, |choice, value| choice.set("codec", value)) }.view() }
                if !is_own {
                { Choice { id: "source", label: "Synthetic vectors", value: choice.source.name().to_owned(), groups: sources, hint: String::new(), on_value: pick(props, |choice, value| choice.set("source", value)) }.view() }
                }
                { Choice { id: "widths", label: "Bits", value: width.to_owned(), groups: widths, hint: String::new(), on_value: pick(props, |choice, value| choice.set("widths", value)) }.view() }
            } else {
                { Choice { id: "cbits", label: "Bits", value: choice.bits.to_string(), groups: bits, hint: String::new(), on_value: pick(props, |choice, value| choice.set("cbits", value)) }.view() }
            }
            { Choice { id: "vectors", label: "Vectors", value: choice.vectors.to_string(), groups: vectors, hint: String::new(), on_value: pick(props, |choice, value| choice.set("vectors", value)) }.view() }
            if !is_own {
            { NumberField { id: "dim", label: "Width of a head", hidden_label: false, unit: "channels", value: dim as f64, min: 1.0, max: MAX_DIM as f64, step: "1", on_value: on_dim, on: props.on.clone() }.view() }
            }
        </section>
    }
}

/// Brings the real sample that is published with the site; without a network nothing changes.
fn fetch_sample(on_file: Callback<File>) {
    spawn_local(async move {
        let fetched = async {
            let response = JsFuture::from(web_sys::window()?.fetch_with_str(SAMPLE)).await.ok()?;
            let response = response.dyn_into::<Response>().ok().filter(Response::ok)?;
            let blob = JsFuture::from(response.blob().ok()?).await.ok()?;
            let name = SAMPLE.rsplit('/').next()?;
            File::new_with_blob_sequence(&js_sys::Array::of1(&blob), name).ok()
        };
        if let Some(file) = fetched.await {
            on_file.emit(file);
        }
    });
}

/// The reader's own tensors: which tensor of the file, and the drop.
fn own_tensors(
    file: &UseStateHandle<Option<File>>,
    tensor: &UseStateHandle<usize>,
    listed: &[TensorShape],
) -> Html {
    let on_file = {
        let (file, tensor) = (file.clone(), tensor.clone());
        Callback::from(move |dropped: File| {
            tensor.set(0);
            file.set(Some(dropped));
        })
    };
    let option = |(at, tensor): (usize, &TensorShape)| {
        let shape: Vec<String> = tensor.shape.iter().map(|axis| format::whole(*axis as u64)).collect();
        let title = [tensor.name.as_str(), " ", &shape.join(" \u{d7} ")].concat();
        (AttrValue::from(at.to_string()), AttrValue::from(title))
    };
    let groups = vec![Group { title: "", options: listed.iter().enumerate().map(option).collect() }];
    let on_value = {
        let tensor = tensor.clone();
        Callback::from(move |at: String| tensor.set(at.parse().unwrap_or(0)))
    };
    let back = {
        let file = file.clone();
        move |_| file.set(None)
    };
    html! {
        <div class="calc-own-tensors">
            if let Some(name) = file.as_ref().map(File::name) {
                { Choice { id: "tensor", label: "Tensor", value: tensor.to_string(), groups, hint: format!("of {name}; its last axis is the width of a head, and a head has a centre of its own"), on_value }.view() }
                <button type="button" class="calc-small" onclick={back}>{ "Back to synthetic vectors" }</button>
            }
            { DataDrop {
                    id: "tensor-file",
                    label: if file.is_some() { "Another file: drop it or" } else { "Or your own tensors: drop a file or" },
                    accept: ".npy,.safetensors",
                    hint: "One .npy or .safetensors of f64, f32, f16 or bf16. It is read in this page; nothing leaves the browser.",
                    on_file: on_file.clone(),
            }.view() }
            if file.is_none() {
                <button type="button" class="calc-small" id="tensor-sample" onclick={move |_| fetch_sample(on_file.clone())}>
                    { "Keys, values and queries of SmolLM2 135M, layer 9" }
                </button>
            }
        </div>
    }
}
