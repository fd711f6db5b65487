//! The model: a field that filters as one types, after the ARIA combobox pattern with a list.

use dhurandhar_core::leaf::find::{RANKS, rank};
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlElement, HtmlInputElement};
use yew::{
    AttrValue, Callback, FocusEvent, Html, InputEvent, KeyboardEvent, MouseEvent, Properties, TargetCast,
    function_component, html, use_effect_with, use_force_update, use_node_ref, use_state,
};

use crate::browser::ABSENT;
use crate::state::Action;
use crate::state::catalogue::{self, Loaded, catalogue};

const LIST: &str = "model-list";

#[derive(Properties, PartialEq)]
pub(crate) struct ModelPickerProps {
    pub(crate) model: Loaded,
    pub(crate) imported: Vec<Loaded>,
    pub(crate) on: Callback<Action>,
}

/// What is typed and pointed at while the list is open.
#[derive(Debug, Clone, Default, PartialEq)]
struct Search {
    text: String,
    at: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    name: String,
    title: String,
    from_file: bool,
}

fn entries(imported: &[Loaded], text: &str) -> Vec<Entry> {
    let files = imported.iter().map(|model| (model.name(), model.title(), true));
    let catalogue = catalogue();
    let built_in = catalogue.titles().map(|(slug, title)| (slug, title, false));
    let all = files.chain(built_in).map(|(name, title, from_file)| Entry {
        name: name.to_owned(),
        title: title.to_owned(),
        from_file,
    });
    let ranked = all.filter_map(|entry| Some((rank(text, &[&entry.name, &entry.title])?, entry)));
    let ranked: Vec<(u8, Entry)> = ranked.collect();
    // A pass for each rank: a sort would cost the page more bytes.
    let of = |rank: u8| ranked.iter().filter(move |(own, _)| *own == rank).map(|(_, entry)| entry.clone());
    (0..RANKS).flat_map(of).collect()
}

#[function_component]
pub(crate) fn ModelPicker(props: &ModelPickerProps) -> Html {
    let search = use_state(|| None::<Search>);
    let list = use_node_ref();
    let found = search.as_ref().map(|search| entries(&props.imported, &search.text)).unwrap_or_default();
    let at = search.as_ref().map(|search| search.at.min(found.len().saturating_sub(1)));
    {
        let (come, on) = (use_force_update(), props.on.clone());
        use_effect_with(search.is_some(), move |open| {
            if *open && !catalogue().is_whole() {
                spawn_local(async move {
                    if catalogue::complete().await {
                        come.force_update();
                    } else {
                        on.emit(Action::Fail(ABSENT.to_owned()));
                    }
                });
            }
        });
    }
    {
        let list = list.clone();
        use_effect_with(at, move |at| scroll_to(list.cast(), *at));
    }
    let choose = {
        let (on, search) = (props.on.clone(), search.clone());
        Callback::from(move |name: String| {
            search.set(None);
            on.emit(Action::Choose(name));
        })
    };
    let onkeydown = {
        let (search, found, choose) = (search.clone(), found.clone(), choose.clone());
        move |event: KeyboardEvent| {
            match (event.key().as_str(), at) {
                ("ArrowDown" | "ArrowUp", None) => search.set(Some(Search::default())),
                ("Enter", Some(at)) => {
                    if let Some(entry) = found.get(at) {
                        choose.emit(entry.name.clone());
                    }
                }
                ("Escape", Some(_)) => search.set(None),
                (key, Some(now)) => {
                    let Some(at) = moved(key, now, found.len()) else { return };
                    let text = search.as_ref().map(|search| search.text.clone()).unwrap_or_default();
                    search.set(Some(Search { text, at }));
                }
                _ => return,
            }
            event.prevent_default();
        }
    };
    let oninput = {
        let search = search.clone();
        move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlInputElement>().value();
            search.set(Some(Search { text, at: 0 }));
        }
    };
    let onclick = {
        let search = search.clone();
        move |event: MouseEvent| {
            event.target_unchecked_into::<HtmlInputElement>().select();
            if search.is_none() {
                search.set(Some(Search::default()));
            }
        }
    };
    let onblur = {
        let search = search.clone();
        move |_: FocusEvent| search.set(None)
    };
    let open = at.is_some();
    let shown = match &*search {
        Some(search) if !search.text.is_empty() => search.text.clone(),
        _ => props.model.title().to_owned(),
    };
    let active = at.filter(|_| !found.is_empty()).map(option_id);
    let option = |(index, entry): (usize, &Entry)| {
        let (choose, name) = (choose.clone(), entry.name.clone());
        let chosen = entry.name == props.model.name();
        html! {
            <li key={entry.name.clone()} id={option_id(index)} role="option" aria-selected={chosen.to_string()}
                class={(Some(index) == at).then_some("active")} onclick={move |_| choose.emit(name.clone())}>
                <span>{ &entry.title }</span>
                <small>{ if entry.from_file { "from your file" } else { &entry.name } }</small>
            </li>
        }
    };
    html! {
        <div class="calc-field calc-picker">
            <label for="model">{ "Model" }</label>
            <input type="text" id="model" role="combobox" autocomplete="off" spellcheck="false"
                aria-expanded={open.to_string()} aria-controls={LIST} aria-autocomplete="list"
                aria-activedescendant={active} value={shown} {oninput} {onclick} {onkeydown} {onblur} />
            <ul ref={list} id={LIST} role="listbox" aria-label="Models" hidden={!open}
                onmousedown={|event: MouseEvent| event.prevent_default()}>
                { for found.iter().enumerate().map(option) }
            </ul>
            if open && !catalogue().is_whole() {
                <p class="calc-none" role="status">{ "Loading\u{2026}" }</p>
            } else if open && found.is_empty() {
                <p class="calc-none" role="status">{ "No model of that name. Drop its file below." }</p>
            }
        </div>
    }
}

fn option_id(index: usize) -> AttrValue {
    format!("model-{index}").into()
}

fn moved(key: &str, at: usize, count: usize) -> Option<usize> {
    let last = count.saturating_sub(1);
    match key {
        "ArrowDown" => Some(if at >= last { 0 } else { at + 1 }),
        "ArrowUp" => Some(if at == 0 { last } else { at - 1 }),
        "PageDown" => Some((at + 8).min(last)),
        "PageUp" => Some(at.saturating_sub(8)),
        _ => None,
    }
}

/// Keeps the active option in sight without moving the page.
fn scroll_to(list: Option<HtmlElement>, at: Option<usize>) {
    let Some((list, at)) = list.zip(at) else { return };
    let Some(item) = u32::try_from(at).ok().and_then(|at| list.children().item(at)) else { return };
    let item = wasm_bindgen::JsCast::unchecked_into::<HtmlElement>(item);
    let (top, bottom) = (item.offset_top(), item.offset_top() + item.offset_height());
    if top < list.scroll_top() {
        list.set_scroll_top(top);
    } else if bottom > list.scroll_top() + list.client_height() {
        list.set_scroll_top(bottom - list.client_height());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_order_in_name_and_title() {
        let names: Vec<String> = entries(&[], "E2B gemma 4").into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["gemma4-e2b"]);
        assert_eq!(entries(&[], "").len(), dhurandhar_core::model::registry::slugs().count());
        assert!(entries(&[], "xyzzy").is_empty());
        assert_eq!(entries(&[], "llama 3.2 3")[0].name, "llama-3.2-3b");
    }

    #[test]
    fn arrows_go_round_the_list() {
        assert_eq!(moved("ArrowUp", 0, 3), Some(2));
        assert_eq!(moved("ArrowDown", 2, 3), Some(0));
        assert_eq!(moved("ArrowDown", 0, 0), Some(0));
        assert_eq!(moved("a", 0, 3), None);
    }
}
