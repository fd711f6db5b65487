//! Up to four cases side by side with their differences marked, and every weight format on the chosen device.

use dhurandhar_core::dossier::Ordered;
use dhurandhar_core::feasibility::{Assessment, Mode};
use dhurandhar_core::format::quantity::number;
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::memory::{KvFormat, Runtime};
use dhurandhar_core::report::{FormatRow, best_format, best_with_bits, by_format};
use dhurandhar_core::weights::{WeightFormat, quality};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{AttrValue, Callback, Event, Html, Properties, TargetCast, function_component, html, use_memo};

use crate::files::dossier::dossier;
use crate::link;
use crate::parts::choice::Group;
use crate::parts::copy_link::CopyLink;
use crate::parts::format;
use crate::parts::options::{kv_groups, runtime_groups, weight_groups};
use crate::parts::verdict::{met, verdict};
use crate::state::catalogue::{Loaded, catalogue};
use crate::state::computed::Computed;
use crate::state::inputs::Inputs;
use crate::state::{Action, MOST_CASES, Setting, State};

#[derive(Properties, PartialEq)]
pub(crate) struct ComparePanelProps {
    /// Each as a link.
    pub(crate) cases: Vec<String>,
    /// The case of the other tabs, as a link and as what a report depends on.
    pub(crate) current: String,
    pub(crate) inputs: Inputs,
    pub(crate) imported: Vec<Loaded>,
    pub(crate) address: AttrValue,
    pub(crate) on: Callback<Action>,
}

/// The panel as a part of the page.
pub(crate) fn compare_panel(props: ComparePanelProps) -> Html {
    html! { <ComparePanel ..props /> }
}

/// A case, and its report or what is wrong with it.
struct Column {
    state: State,
    inputs: Inputs,
    report: Result<Computed, String>,
}

fn columns(cases: &[String], imported: &[Loaded]) -> Vec<Column> {
    let column = |case: &String| {
        let read = link::read(case, imported);
        let state = read.state?;
        let custom = state.custom.device().and_then(Result::ok);
        let changed = state.changes.on(&state.device).and_then(Result::ok);
        let inputs = Inputs::of(&state, custom.as_ref(), changed.as_ref());
        let report = match read.problems.first() {
            Some(problem) => Err(problem.clone()),
            None => inputs.whole(false),
        };
        Some(Column { state, inputs, report })
    };
    cases.iter().filter_map(column).collect()
}

#[function_component]
fn ComparePanel(props: &ComparePanelProps) -> Html {
    // Without any chosen, the case of the other tabs is the first.
    let cases = if props.cases.is_empty() { vec![props.current.clone()] } else { props.cases.clone() };
    let found =
        use_memo((cases.clone(), props.imported.clone()), |(cases, imported)| columns(cases, imported));
    let formats = use_memo(props.inputs.clone(), |inputs| {
        let device = inputs.chosen()?;
        let rows = by_format(&inputs.model, &inputs.scenario, &device, inputs.ple_cache_hit_share).ok()?;
        // What is asked most often, with the context that it leaves room for.
        let four = best_with_bits(&rows, 4).and_then(|at| rows.get(at)).map(|row| {
            let mut inputs = inputs.clone();
            inputs.scenario.weights = row.format;
            let whole = inputs.whole(false).ok();
            let longest = whole.and_then(|report| report.devices.first()?.inverse.longest_context_tokens);
            (row.format, longest)
        });
        Some((rows, four))
    });
    let add = |case: String, id: &'static str, words: &'static str| {
        let (on, mut cases) = (props.on.clone(), cases.clone());
        cases.push(case);
        let onclick = Callback::from(move |_| on.emit(Action::Cases(cases.clone())));
        html! { <button type="button" {id} {onclick}>{ words }</button> }
    };
    let room = cases.len() < MOST_CASES;
    html! {
        <>
            <section class="calc-compare" aria-labelledby="compare">
                <h2 id="compare">{ "Cases side by side" }</h2>
                { table(&found, &cases, &props.on) }
                <div class="calc-export">
                    if room {
                        { add(cases.last().cloned().unwrap_or_default(), "add-case", "Add a case") }
                        if !cases.contains(&props.current) {
                            { add(props.current.clone(), "add-current", "Add the case of the other tabs") }
                        }
                    }
                    <CopyLink address={props.address.clone()} own={found.iter().any(|column| props.imported.contains(&column.state.model)).then_some("model")} />
                </div>
                { dossier(&dossier_cases(&found, &cases, &props.imported), &props.address, &props.on) }
            </section>
            if let Some((rows, four)) = &*formats { { best(rows, *four, &props.inputs, &props.on) } }
        </>
    }
}

/// The cases that have a device, each under its number.
fn dossier_cases(columns: &[Column], cases: &[String], imported: &[Loaded]) -> Callback<(), Vec<Ordered>> {
    let parts: Vec<(Inputs, Option<String>)> = columns
        .iter()
        .zip(cases)
        .map(|(column, case)| {
            let link = Some(case.clone()).filter(|_| !imported.contains(&column.state.model));
            (column.inputs.clone(), link)
        })
        .collect();
    Callback::from(move |()| {
        let case = |(number, (inputs, link)): (usize, &(Inputs, Option<String>))| {
            let mut case = inputs.ordered(None, link.clone())?;
            case.title = format!("Case {}: {}", number + 1, case.title);
            Some(case)
        };
        parts.iter().enumerate().filter_map(case).collect()
    })
}

/// A line of the table: its name, and a text a case.
type Line = (&'static str, fn(&Column) -> String);

const ANSWERS: [Line; 8] = [
    ("Needed for full speed", |column| {
        of_report(column, |report| {
            let needs = &report.placement.needs;
            let host = [&format::whole_mib(needs.hot().bytes), " MiB"].concat();
            if !report.placement.has_card() {
                return host;
            }
            [&format::whole_mib(needs.on_gpus().bytes), " MiB on the card, ", &host, " beside it"].concat()
        })
    }),
    ("Headroom", |column| {
        of(column, |answer| {
            let stored = if answer.mode == Mode::Mmap { ", its tables on storage" } else { "" };
            [&format::signed_mib(answer.decisive().headroom_bytes), " MiB", stored].concat()
        })
    }),
    ("Expected", |column| of(column, |answer| format::speeds(answer.ceilings.expected_tokens_per_s))),
    ("Target speed", |column| {
        let answer = column.report.as_ref().ok().and_then(|report| report.devices.first());
        answer
            .map_or("\u{2013}", |answer| match answer.mode {
                Mode::Infeasible => "not reached",
                _ => met(answer, column.state.scenario.target_tokens_per_s),
            })
            .to_owned()
    }),
    ("First token", |column| {
        of(column, |answer| {
            answer
                .speed
                .as_ref()
                .map_or("unknown".to_owned(), |speed| format::seconds(speed.turn.first_token_s))
        })
    }),
    ("Bottleneck", |column| of(column, |answer| answer.bottleneck().to_owned())),
    ("Longest context", |column| {
        of(column, |answer| answer.inverse.longest_context_tokens.map_or("none".to_owned(), format::whole))
    }),
    ("Largest format", |column| {
        of(column, |answer| answer.inverse.largest_weight_format.clone().unwrap_or_else(|| "none".to_owned()))
    }),
];

fn of_report(column: &Column, text: fn(&Computed) -> String) -> String {
    column.report.as_ref().map_or_else(|_| "\u{2013}".to_owned(), text)
}

fn of(column: &Column, text: fn(&Assessment) -> String) -> String {
    let answer = column.report.as_ref().ok().and_then(|report| report.devices.first());
    answer.map_or_else(|| "\u{2013}".to_owned(), text)
}

fn table(columns: &[Column], cases: &[String], on: &Callback<Action>) -> Html {
    let change = |at: usize| {
        let (on, cases) = (on.clone(), cases.to_vec());
        Callback::from(move |case: String| {
            let mut cases = cases.clone();
            if let Some(place) = cases.get_mut(at) {
                *place = case;
            }
            on.emit(Action::Cases(cases));
        })
    };
    let remove = |at: usize| {
        let (on, cases) = (on.clone(), cases.to_vec());
        Callback::from(move |_| {
            let mut cases = cases.clone();
            drop(cases.remove(at.min(cases.len().saturating_sub(1))));
            on.emit(Action::Cases(cases));
        })
    };
    let open = |at: usize| {
        let (on, case, cases) = (on.clone(), cases.get(at).cloned().unwrap_or_default(), cases.to_vec());
        Callback::from(move |_| on.emit(Action::Restore(link::with_cases(&case, &cases))))
    };
    let head = |(at, column): (usize, &Column)| {
        let number = at + 1;
        html! {
            <th scope="col">
                { format!("Case {number}") }
                <span class="calc-case-buttons">
                    <button type="button" class="calc-small" onclick={open(at)}>{ "Open" }<span class="visually-hidden">{ format!(" case {number}") }</span></button>
                    if cases.len() > 1 {
                        <button type="button" class="calc-small" onclick={remove(at)}>{ "Remove" }<span class="visually-hidden">{ format!(" case {number}") }</span></button>
                    }
                </span>
                if let Err(problem) = &column.report { <p class="calc-short" role="alert">{ problem }</p> }
            </th>
        }
    };
    let choice = |name: &'static str,
                  text: fn(&Column) -> String,
                  view: fn(&Column, AttrValue, Callback<String>) -> Html| {
        let cell = |(at, column): (usize, &Column)| {
            view(column, format!("{name} of case {}", at + 1).into(), change(at))
        };
        row(name, columns, text, columns.iter().enumerate().map(cell).collect())
    };
    let answer = |(name, text): &Line| {
        let cells = columns.iter().map(|column| html! { { text(column) } }).collect();
        row(name, columns, *text, cells)
    };
    let verdicts = columns.iter().map(|column| {
        let answer = column.report.as_ref().ok().and_then(|report| report.devices.first());
        answer.map_or_else(|| html! { "no device" }, verdict)
    });
    html! {
        <div class="calc-table calc-cases">
            <table id="cases">
                <caption>{ "What differs is marked with \u{2260}. The link holds all cases." }</caption>
                <thead><tr><th scope="col">{ "Choice or answer" }</th>{ for columns.iter().enumerate().map(head) }</tr></thead>
                <tbody>
                    { choice("Model", |column| column.state.model.title().to_owned(), model) }
                    { choice("Device", |column| device_title(&column.state), device) }
                    { choice("Weights", |column| column.state.scenario.weights.to_string(), weights) }
                    { choice("Context, tokens", |column| column.state.scenario.context_tokens.to_string(), context) }
                    { choice("Keys (K)", |column| column.state.scenario.k.to_string(), |column, label, change| kv(column, label, change, true)) }
                    { choice("Values (V)", |column| column.state.scenario.v.to_string(), |column, label, change| kv(column, label, change, false)) }
                    { choice("Runtime", |column| column.state.scenario.runtime.title().to_owned(), runtime) }
                    { row("Verdict", columns, |column| of(column, Assessment::answer_in_words), verdicts.collect()) }
                    { for ANSWERS.iter().map(answer) }
                </tbody>
            </table>
        </div>
    }
}

/// A line, marked where its texts differ.
fn row(name: &'static str, columns: &[Column], text: fn(&Column) -> String, cells: Vec<Html>) -> Html {
    let texts: Vec<String> = columns.iter().map(text).collect();
    let differs = texts.windows(2).any(|pair| pair.first() != pair.last());
    html! {
        <tr class={differs.then_some("differs")}>
            <th scope="row">
                { name }
                if differs { <span aria-hidden="true">{ " \u{2260}" }</span><span class="visually-hidden">{ ", differs" }</span> }
            </th>
            { for cells.into_iter().zip(1_usize..).map(|(cell, case)| html! { <td data-label={case.to_string()}>{ cell }</td> }) }
        </tr>
    }
}

fn device_title(state: &State) -> String {
    let catalogue = catalogue();
    let known = catalogue.device_titles().find(|(slug, _)| *slug == state.device);
    known.map_or_else(
        || state.custom.get(crate::state::custom_device::Field::Name).to_owned(),
        |(_, title)| title.to_owned(),
    )
}

/// Options to choose from, and what a choice makes of the case.
fn select(
    label: AttrValue,
    value: &str,
    groups: &[Group],
    state: &State,
    change: Callback<String>,
    action: fn(String) -> Option<Action>,
) -> Html {
    let state = state.clone();
    let onchange = move |event: Event| {
        if let Some(action) = action(event.target_unchecked_into::<HtmlSelectElement>().value()) {
            change.emit(link::case(&state.clone().after(action)));
        }
    };
    let option = |(name, title): &(AttrValue, AttrValue)| {
        html! { <option value={name.clone()} selected={name.as_str() == value}>{ title.clone() }</option> }
    };
    let group = |group: &Group| {
        let options: Html = group.options.iter().map(option).collect();
        if group.title.is_empty() {
            options
        } else {
            html! { <optgroup label={group.title}>{ options }</optgroup> }
        }
    };
    html! { <select aria-label={label} {onchange} ~value={value.to_owned()}>{ for groups.iter().map(group) }</select> }
}

fn model(column: &Column, label: AttrValue, change: Callback<String>) -> Html {
    let catalogue = catalogue();
    let option =
        |(slug, title): (&str, &str)| (AttrValue::from(slug.to_owned()), AttrValue::from(title.to_owned()));
    let now = column.state.model.name();
    let mut options: Vec<_> = catalogue.titles().map(option).collect();
    if !options.iter().any(|(slug, _)| slug.as_str() == now) {
        options.insert(0, option((now, column.state.model.title())));
    }
    select(label, now, &[Group { title: "", options }], &column.state, change, |name| {
        Some(Action::Choose(name))
    })
}

fn device(column: &Column, label: AttrValue, change: Callback<String>) -> Html {
    let catalogue = catalogue();
    let option =
        |(slug, title): (&str, &str)| (AttrValue::from(slug.to_owned()), AttrValue::from(title.to_owned()));
    let now = &column.state.device;
    let mut options: Vec<_> = catalogue.device_titles().map(option).collect();
    if !options.iter().any(|(slug, _)| slug.as_str() == now) {
        let title = if now.is_empty() { "No device".to_owned() } else { device_title(&column.state) };
        options.insert(0, (now.clone().into(), title.into()));
    }
    select(label, now, &[Group { title: "", options }], &column.state, change, |slug| {
        Some(Action::Device(slug))
    })
}

fn weights(column: &Column, label: AttrValue, change: Callback<String>) -> Html {
    let now = column.state.scenario.weights;
    let groups = weight_groups(&column.state.model, now);
    select(label, &now.to_string(), &groups, &column.state, change, |name| {
        WeightFormat::parse(&name).ok().map(|format| Action::Set(Setting::Weights(format)))
    })
}

fn kv(column: &Column, label: AttrValue, change: Callback<String>, keys: bool) -> Html {
    let now = if keys { column.state.scenario.k } else { column.state.scenario.v };
    let action: fn(String) -> Option<Action> = if keys {
        |name| KvFormat::parse(&name).ok().map(|format| Action::Set(Setting::Keys(format)))
    } else {
        |name| KvFormat::parse(&name).ok().map(|format| Action::Set(Setting::Values(format)))
    };
    select(label, &now.to_string(), &kv_groups(now), &column.state, change, action)
}

fn runtime(column: &Column, label: AttrValue, change: Callback<String>) -> Html {
    let now = column.state.scenario.runtime.name();
    select(label, now, &runtime_groups(), &column.state, change, |name| {
        Runtime::parse(&name).ok().map(|runtime| Action::Set(Setting::Runtime(runtime)))
    })
}

fn context(column: &Column, label: AttrValue, change: Callback<String>) -> Html {
    let state = column.state.clone();
    let now = state.scenario.context_tokens.to_string();
    let shown = now.clone();
    let onchange = move |event: Event| {
        let field = event.target_unchecked_into::<HtmlInputElement>();
        let tokens = number(&field.value()).filter(|tokens| tokens.fract() == 0.0 && *tokens >= 1.0);
        let longest = state.model.architecture.max_context_tokens;
        match tokens.map(to_u64).filter(|tokens| *tokens <= longest) {
            Some(tokens) => {
                change.emit(link::case(&state.clone().after(Action::Set(Setting::Context(tokens)))));
            }
            // What cannot be is put back; the field says its range.
            None => field.set_value(&shown),
        }
    };
    let longest = column.state.model.architecture.max_context_tokens;
    html! {
        <input type="number" aria-label={label} value={now} min="1" max={longest.to_string()} step="1" {onchange}
            title={format!("1 to {}", format::whole(longest))} />
    }
}

/// Every format on the chosen device, with the best one marked.
fn best(
    rows: &[FormatRow],
    four: Option<(WeightFormat, Option<u64>)>,
    inputs: &Inputs,
    on: &Callback<Action>,
) -> Html {
    let best = best_format(rows);
    let is_measured = inputs.model.name() == quality::MEASURED_ON;
    let column = if is_measured { "Perplexity added" } else { "Quality" };
    let line = |(at, row): (usize, &FormatRow)| {
        let (on, format) = (on.clone(), row.format);
        let choose = move |_| on.emit(Action::Set(Setting::Weights(format)));
        let is_best = best == Some(at);
        let now = row.format == inputs.scenario.weights;
        html! {
            <tr class={is_best.then_some("differs")}>
                <th scope="row">
                    <button type="button" class="calc-open-plain" onclick={choose} aria-pressed={now.to_string()}>{ row.format.to_string() }</button>
                    if is_best { <b>{ " best" }</b> }
                </th>
                <td class="num wide">{ format!("{:.2}", row.bits_per_weight) }</td>
                <td class="num" data-label="File, MiB">{ format::whole_mib(row.file_bytes) }</td>
                <td class="num wide">{ format::signed_mib(row.assessment.decisive().headroom_bytes) }</td>
                <td class="num" data-label="Speed">{ format::speeds(row.assessment.ceilings.expected_tokens_per_s) }</td>
                <td>{ verdict(&row.assessment) }</td>
                <td class="num" data-label={column}>{ quality_of(row, is_measured) }</td>
            </tr>
        }
    };
    let device = rows.first().map(|row| row.assessment.device_title.clone()).unwrap_or_default();
    html! {
        <section class="calc-compare" aria-labelledby="formats">
            <h2 id="formats">{ format!("Best format for {device}") }</h2>
            <p>
                { match best.and_then(|best| rows.get(best)) {
                    Some(row) if row.assessment.meets_target == Some(true) => format!("{}: the one that loses least of all formats that run and reach the target speed.", row.format),
                    Some(row) => format!("{}: the one that loses least of all formats that run; none is known to reach the target speed.", row.format),
                    None => "None of them runs on it with these choices.".to_owned(),
                } }
            </p>
            <p id="format-four">
                { match four {
                    Some((format, Some(longest))) => format!("With 4 bits: {format}, up to {} tokens of context.", format::whole(longest)),
                    Some((format, None)) => format!("With 4 bits: {format}."),
                    None => "No format with 4 bits runs on it.".to_owned(),
                } }
            </p>
            <div class="calc-table">
                <table id="format-table">
                    <caption>{ format!("{}, {} tokens, by weight format. A name chooses it.", inputs.model.title(), format::whole(inputs.scenario.context_tokens)) }</caption>
                    <thead>
                        <tr>
                            <th scope="col">{ "Format" }</th>
                            <th scope="col" class="num wide">{ "Bits per weight" }</th>
                            <th scope="col" class="num">{ "File, MiB" }</th>
                            <th scope="col" class="num wide">{ "Headroom, MiB" }</th>
                            <th scope="col" class="num">{ "Speed" }</th>
                            <th scope="col">{ "Verdict" }</th>
                            <th scope="col" class="num">{ column }</th>
                        </tr>
                    </thead>
                    <tbody>{ for rows.iter().enumerate().map(line) }</tbody>
                </table>
            </div>
            <p class="calc-hint">
                if is_measured {
                    { "Perplexity added by the format, smaller is better. Source: " }
                } else {
                    { "What a format costs this model in quality is unknown: nobody has published it. In brackets, the perplexity that it adds to Llama 3 8B, smaller is better. Source: " }
                }
                { quality::SOURCE }{ "." }
            </p>
        </section>
    }
}

fn quality_of(row: &FormatRow, is_measured: bool) -> String {
    match row.added_perplexity {
        Some(added) if is_measured => format!("+{added:.4}"),
        Some(added) => format!("unknown (+{added:.3})"),
        None => "unknown".to_owned(),
    }
}
