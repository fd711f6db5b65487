//! Choices that most people never change, behind a fold: in the part of the application that comes when it is opened.

use dhurandhar_core::device::State;
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::memory::{LazyMode, LoadMode, Offload, Runtime, Scenario};
use dhurandhar_core::program::{Program, registry};
use web_sys::HtmlInputElement;
use yew::{AttrValue, Callback, Html, InputEvent, TargetCast, html};

use crate::parts::choice::{Choice, Group};
use crate::parts::format;
use crate::parts::number_field::NumberField;
use crate::parts::setting::{chosen, set};
use crate::parts::switch::Switch;
use crate::shell::controls::Controls;
use crate::state::catalogue::catalogue;
use crate::state::custom_device::Field;
use crate::state::device_changes::CHANGEABLE;
use crate::state::{Action, Setting};

/// Its part of the page.
pub(crate) fn advanced(props: &Controls<'_>) -> Html {
    let scenario = &props.state.scenario;
    let [ubatch, slots, prompt_cache, prompt] = [
        set(&props.on_drag, |tokens: f64| Setting::Ubatch(to_u64(tokens))),
        set(&props.on_drag, |slots: f64| Setting::Slots(to_u64(slots))),
        set(&props.on_drag, |mib: f64| Setting::PromptCache(to_u64(mib))),
        set(&props.on_drag, |tokens: f64| Setting::Prompt(to_u64(tokens))),
    ];
    let percent = set(&props.on_drag, |percent: f64| Setting::HitShare(percent / 100.0));
    let hits = (props.state.ple_cache_hit_share * 1e4).round() / 1e2;
    let on = || props.on.clone();
    html! {
        <>
            { programs(props) }
            { changes(props) }
            { NumberField { id: "target", label: "Target speed", unit: "tok/s", value: scenario.target_tokens_per_s, min: 0.01, max: 1e6, step: "any", on_value: set(&props.on_drag, Setting::Target), on: on(), hidden_label: false }.view() }
            { NumberField { id: "prompt", label: "Prompt, for the wait until the first token", unit: "tokens", value: scenario.turn.prompt_tokens as f64, min: 1.0, max: scenario.context_tokens as f64, step: "1", on_value: prompt, on: on(), hidden_label: false }.view() }
            if props.state.model.architecture.ple.is_some() {
                { NumberField { id: "hits", label: "PLE rows found in the page cache", unit: "%", value: hits, min: 0.0, max: 100.0, step: "any", on_value: percent, on: on(), hidden_label: false }.view() }
            }
            { NumberField { id: "ubatch", label: "Micro-batch (ubatch)", unit: "tokens", value: scenario.ubatch as f64, min: 1.0, max: 65_536.0, step: "1", on_value: ubatch, on: on(), hidden_label: false }.view() }
            { Choice { id: "state", label: "Where the app is", value: scenario.state.name().to_owned(), groups: options(&State::RUNNING, ["in the foreground", "in a foreground service", "in the background"]), on_value: chosen(&props.on, |name| by_name(name, &State::RUNNING).map(Setting::State)), hint: String::new() }.view() }
            if scenario.runtime.is_llama_cpp() {
                { Switch { id: "flash-attention", label: "Flash attention", on: scenario.flash_attention, on_value: set(&props.on, Setting::FlashAttention) }.view() }
                { Switch { id: "repack", label: "Repack weights for the processor", on: scenario.repack, on_value: set(&props.on, Setting::Repack) }.view() }
                { Choice { id: "gpu", label: "Layers on the GPU", value: scenario.offload.to_string(), groups: gpu_groups(scenario.offload), on_value: chosen(&props.on, |name| Offload::parse(name).map(Setting::Gpu)), hint: String::new() }.view() }
                { NumberField { id: "slots", label: "Slots (conversations side by side)", unit: "", value: scenario.slots as f64, min: 1.0, max: 256.0, step: "1", on_value: slots, on: on(), hidden_label: false }.view() }
                { Switch { id: "shared-cache", label: "All slots share one cache", on: scenario.unified_kv, on_value: set(&props.on, Setting::SharedCache) }.view() }
                { Choice { id: "load", label: "Weights come into memory by", value: scenario.load.name().to_owned(), groups: options(&LoadMode::NAMES, ["mapping the file", "copying it (--no-mmap)", "mapping and locking it"]), on_value: chosen(&props.on, |name| by_name(name, &LoadMode::NAMES).map(Setting::Load)), hint: String::new() }.view() }
                if props.state.model.architecture.ple.is_some() {
                    { Choice { id: "lazy", label: "PLE table read row by row", value: scenario.lazy.name().to_owned(), groups: options(&LazyMode::NAMES, ["above 4 GiB", "never", "always"]), on_value: chosen(&props.on, |name| by_name(name, &LazyMode::NAMES).map(Setting::Lazy)), hint: String::new() }.view() }
                }
                if scenario.runtime == Runtime::LlamaServer {
                    { NumberField { id: "prompt-cache", label: "States of earlier prompts, at most", unit: "MiB", value: scenario.prompt_cache_mib as f64, min: 0.0, max: 1_048_576.0, step: "1", on_value: prompt_cache, on: on(), hidden_label: false }.view() }
                }
            }
            <p class="calc-hint">
                { format!("Micro-batch: tokens computed at once in prefill, {} in llama.cpp unless told otherwise.", format::whole(512)) }
            </p>
        </>
    }
}

/// A program's choices on the device, all at once; the one whose choices are now made is shown.
fn programs(props: &Controls<'_>) -> Html {
    let Some(device) = catalogue().device(&props.state.device) else { return Html::default() };
    let there: Vec<&Program> = registry::programs().filter(|program| program.runs_on(&device)).collect();
    let model = props.state.model.clone();
    let now = props.state.scenario.clone();
    let scenario = move |program: &Program| Scenario {
        state: now.state,
        target_tokens_per_s: now.target_tokens_per_s,
        turn: now.turn,
        ..program.scenario(&model, &device, None)
    };
    let chosen = there.iter().find(|program| scenario(program) == props.state.scenario);
    let mut options = vec![(AttrValue::from(""), AttrValue::from("your own choices"))];
    options.extend(
        there
            .iter()
            .map(|program| (AttrValue::from(program.name.as_str()), AttrValue::from(program.title.as_str()))),
    );
    let hint = chosen.map_or_else(
        || "All that a program chooses by itself on this device.".to_owned(),
        |program| format!("Version {}.", program.version),
    );
    let value = chosen.map_or("", |program| program.name.as_str()).to_owned();
    let on = props.on.clone();
    let on_value = Callback::from(move |name: String| {
        if let Ok(program) = registry::program(&name) {
            on.emit(Action::Adopt(Box::new(scenario(program))));
        }
    });
    let groups = vec![Group { title: "", options }];
    Choice { id: "program", label: "As a program runs it", value, groups, hint, on_value }.view()
}

/// What the reader knows better of the device than its file.
fn changes(props: &Controls<'_>) -> Html {
    let changes = &props.state.changes;
    let Some(device) = catalogue().device(&props.state.device) else { return Html::default() };
    let limit = device.tightest_limit();
    let usual = [
        format!("{} MiB ({})", format::whole_mib(limit.bytes), limit.title),
        device
            .dram_bandwidth_gb_per_s
            .map_or("unknown".to_owned(), |speed| format!("{} GB/s", format::plain(speed))),
    ];
    let problem = changes.on(&device.name).and_then(Result::err);
    let field = |(at, (field, name)): (usize, (Field, &str))| {
        let on = props.on_drag.clone();
        let oninput = move |event: InputEvent| {
            on.emit(Action::Change(at, event.target_unchecked_into::<HtmlInputElement>().value()));
        };
        let id = ["change-", name].concat();
        html! {
            <div class="calc-field">
                <label for={id.clone()}>{ format!("{} of {}", field.label(), device.title) }</label>
                <input type="text" {id} inputmode="decimal" autocomplete="off" value={changes.get(at).to_owned()}
                    placeholder={usual.get(at).cloned()} {oninput} aria-describedby={problem.is_some().then_some("change-problem")} />
            </div>
        }
    };
    html! {
        <>
            { for CHANGEABLE.into_iter().enumerate().map(field) }
            if let Some(problem) = &problem { <p class="calc-short" id="change-problem" role="alert">{ problem }</p> }
        </>
    }
}

fn by_name<T: Copy>(name: &str, names: &[(&str, T)]) -> Option<T> {
    names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn gpu_groups(now: Offload) -> Vec<Group> {
    let mut options = vec![(Offload::Auto, "as many as fit".to_owned()), (Offload::All, "all".to_owned())];
    if let Offload::Layers(layers) = now {
        options.push((now, format!("the last {layers}")));
    }
    options.push((Offload::Off, "none: the processor only".to_owned()));
    let option =
        |(offload, title): (Offload, String)| (AttrValue::from(offload.to_string()), AttrValue::from(title));
    vec![Group { title: "", options: options.into_iter().map(option).collect() }]
}

/// Names and what people call them.
fn options<T>(names: &[(&'static str, T); 3], titles: [&'static str; 3]) -> Vec<Group> {
    let options = names.iter().zip(titles);
    let options = options.map(|((name, _), title)| (AttrValue::from(*name), AttrValue::from(title)));
    vec![Group { title: "", options: options.collect() }]
}
