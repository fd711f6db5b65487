//! The state as the part of a link after the question mark, and back.
//!
//! Only what differs from the default is written, after `v=1`. Names that nobody knows are ignored; values that
//! cannot be read leave the default and are reported.

pub(crate) mod address;
pub(crate) mod escape;

use dhurandhar_core::device::Form;
use dhurandhar_core::format::document::decimal;
use dhurandhar_core::leaf::number::plain;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::report::Query;
use dhurandhar_core::weights::WeightPlan;

use crate::link::escape::{decode, encode};
use crate::state::catalogue::{Loaded, catalogue};
use crate::state::custom_device::{self, Field, MEASURED_KEY};
use crate::state::device_changes::CHANGEABLE;
use crate::state::tabs::Tab;
use crate::state::{ANSWERS, DEFAULT_DEVICE, DEFAULT_MODEL, MOST_CASES, State};

const VERSION: &str = "1";

/// What a link says.
#[derive(Debug)]
pub(crate) struct Read {
    /// The state; none if even the default model is missing.
    pub(crate) state: Option<State>,
    /// What could not be read, in words.
    pub(crate) problems: Vec<String>,
}

/// Names and values, unescaped.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Do two links differ in values only that are typed letter by letter?
pub(crate) fn differs_in_typing_only(one: &str, other: &str) -> bool {
    let is_typed = |name: &str| {
        name == "find"
            || Field::ALL.iter().any(|field| field.key() == name)
            || CHANGEABLE.iter().any(|(_, known)| *known == name)
    };
    let chosen = |query: &str| -> Vec<(String, String)> {
        pairs(query).into_iter().filter(|(name, _)| name != "v" && !is_typed(name)).collect()
    };
    chosen(one) == chosen(other)
}

/// The state as text, empty when everything is at its default.
pub(crate) fn write(state: &State) -> String {
    let mut text = String::new();
    let mut put = |name: &str, value: &str| text += &["&", name, "=", &encode(value)].concat();
    if state.tab != Tab::default() {
        put("tab", state.tab.name());
    }
    if state.imported.contains(&state.model) {
        put("file", state.model.name());
    } else if state.model.name() != DEFAULT_MODEL {
        put("model", state.model.name());
    }
    if state.device != DEFAULT_DEVICE {
        put("dev", &state.device);
    }
    if state.ple_cache_hit_share > 0.0 {
        put("hit", &plain(state.ple_cache_hit_share));
    }
    for field in Field::ALL {
        let value = state.custom.get(field);
        if !value.is_empty() {
            put(field.key(), value);
        }
    }
    if state.custom.is_measured() {
        put(MEASURED_KEY, "1");
    }
    for (at, (_, name)) in CHANGEABLE.into_iter().enumerate() {
        if !state.changes.get(at).is_empty() {
            put(name, state.changes.get(at));
        }
    }
    for case in &state.cases {
        put("case", case);
    }
    if let Some((name, _)) = ANSWERS.into_iter().find(|(_, answer)| state.filter.answer == Some(*answer)) {
        put("show", name);
    }
    if !state.filter.search.is_empty() {
        put("find", &state.filter.search);
    }
    state.codec.write(&mut put);
    state.mmap.write(&mut put);
    // A context that is usual on the device needs no words.
    let usual = usual_context(&state.device, &state.model);
    if state.scenario.context_tokens != usual {
        put("ctx", &state.scenario.context_tokens.to_string());
    }
    let default = Scenario::for_model(&state.model).context_tokens;
    let scenario =
        Query::write(&state.model, &Scenario { context_tokens: default, ..state.scenario.clone() });
    if !scenario.is_empty() {
        text += &["&", &scenario].concat();
    }
    if text.is_empty() { text } else { ["v=", VERSION, &text].concat() }
}

/// The case of a state alone, without what tabs choose for themselves; never empty.
pub(crate) fn case(state: &State) -> String {
    let mut case = State::start(state.model.clone());
    case.imported.clone_from(&state.imported);
    case.scenario.clone_from(&state.scenario);
    case.ple_cache_hit_share = state.ple_cache_hit_share;
    case.device.clone_from(&state.device);
    case.changes.clone_from(&state.changes);
    if state.device == custom_device::SLUG {
        case.custom.clone_from(&state.custom);
    }
    let text = write(&case);
    if text.is_empty() { ["v=", VERSION].concat() } else { text }
}

/// A case as a link that holds the compared ones too.
pub(crate) fn with_cases(case: &str, cases: &[String]) -> String {
    cases.iter().fold(case.to_owned(), |link, case| [&link, "&case=", &encode(case)].concat())
}

/// Reads a link; models from files are found among `imported`.
pub(crate) fn read(query: &str, imported: &[Loaded]) -> Read {
    let pairs = pairs(query);
    let mut problems = Vec::new();
    let value = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if let Some(version) = value("v").filter(|version| *version != VERSION) {
        problems.push(format!(
            "This link is of version {version}; this page reads version {VERSION}. What it knows was taken."
        ));
    }
    let model = model(value("model"), value("file"), imported, &mut problems);
    let Some(mut state) = model.map(State::start) else {
        return Read { state: None, problems };
    };
    for (name, value) in &pairs {
        if let Err(expected) = set(&mut state, name, value) {
            problems.push(format!("The link says `{name}={value}`; expected {expected}."));
        }
    }
    state.scenario.context_tokens = usual_context(&state.device, &state.model);
    let unreadable = Query::new(pairs.clone()).apply(&state.model, &mut state.scenario);
    problems.extend(unreadable.iter().map(|error| format!("The link says {error}.")));
    if let Err(error) = WeightPlan::new(&state.model, state.scenario.weights) {
        problems.push(error.to_string());
        state.scenario.weights = WeightPlan::default_format(&state.model);
    }
    Read { state: Some(state), problems }
}

/// Tokens that are usual on a device, as far as the model goes.
pub(crate) fn usual_context(device: &str, model: &Loaded) -> u64 {
    let form = catalogue().device(device).map(|device| device.form);
    let usual = form.map_or(Form::Phone.usual_context_tokens(), Form::usual_context_tokens);
    usual.min(model.architecture.max_context_tokens)
}

fn model(
    slug: Option<&str>,
    file: Option<&str>,
    imported: &[Loaded],
    problems: &mut Vec<String>,
) -> Option<Loaded> {
    if let Some(name) = file {
        if let Some(found) = imported.iter().find(|model| model.name() == name) {
            return Some(found.clone());
        }
        problems.push(format!("This link is about the file `{name}`, which stays with whoever has it. Drop it here to see its figures; until then, this is another model."));
    }
    let built_in = Loaded::built_in(slug.unwrap_or(DEFAULT_MODEL));
    let built_in = built_in.map_err(|error| problems.push(error.to_string()));
    built_in.or_else(|()| Loaded::built_in(DEFAULT_MODEL)).ok()
}

fn set(state: &mut State, name: &str, value: &str) -> Result<(), String> {
    match name {
        "tab" => {
            let known = || Tab::ALL.map(Tab::name).join(", ");
            state.tab = Tab::named(value).ok_or_else(|| format!("one of {}", known()))?;
        }
        "dev" => {
            let known =
                value.is_empty() || value == custom_device::SLUG || catalogue().device(value).is_some();
            if !known {
                return Err("the slug of a device".to_owned());
            }
            value.clone_into(&mut state.device);
        }
        "hit" => {
            let share = decimal(value).filter(|share| (0.0..=1.0).contains(share));
            state.ple_cache_hit_share = share.ok_or("a share from 0 to 1")?;
        }
        "show" => {
            let answer = ANSWERS.into_iter().find(|(name, _)| *name == value);
            state.filter.answer = Some(answer.ok_or("resident, mmap, slow or infeasible")?.1);
        }
        "find" => value.clone_into(&mut state.filter.search),
        _ => {
            state.codec.set(name, value)?;
            state.mmap.set(name, value)?;
            if let Some(field) = Field::ALL.into_iter().find(|field| field.key() == name) {
                state.custom.set(field, value.to_owned());
            }
            if name == MEASURED_KEY && value == "1" {
                let bandwidth = state.custom.get(Field::Dram).to_owned();
                state.custom.measure(bandwidth);
            }
            if let Some(at) = CHANGEABLE.iter().position(|(_, known)| *known == name) {
                state.changes.set(at, value.to_owned());
            }
            if name == "case" && state.cases.len() < MOST_CASES {
                state.cases.push(value.to_owned());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::feasibility::Answer;

    use crate::state::{Action, Filter, Setting};
    use dhurandhar_core::memory::KvFormat;
    use std::rc::Rc;
    use yew::Reducible;

    fn default() -> State {
        State::from_link("", None).unwrap()
    }

    #[test]
    fn the_default_needs_no_words() {
        assert_eq!(write(&default()), "");
        assert!(default().notices.is_empty());
    }

    #[test]
    fn a_link_restores_everything() {
        let filter = Filter { answer: Some(Answer::FromStorage), search: "pi 5".into() };
        let actions = [
            Action::Choose("gemma4-e4b".into()),
            Action::Open(Tab::Devices),
            Action::Set(Setting::Context(2048)),
            Action::Set(Setting::Values(KvFormat::Q8_0)),
            Action::Set(Setting::HitShare(0.25)),
            Action::Device("raspberry-pi-5-8gb".into()),
            Action::Custom(Field::Name, "mine & yours".into()),
            Action::Custom(Field::Budget, "3000".into()),
            Action::Filter(filter),
        ];
        let state = actions.into_iter().fold(Rc::new(default()), Reducible::reduce);
        let text = write(&state);
        assert_eq!(
            text,
            "v=1&tab=devices&model=gemma4-e4b&dev=raspberry-pi-5-8gb&hit=0.25&dn=mine%20%26%20yours&db=3000\
             &show=mmap&find=pi%205&ctx=2048&vbits=q8_0"
        );
        let restored = State::from_link(&text, None).unwrap();
        assert_eq!(write(&restored), text);
        assert_eq!(restored.scenario, state.scenario);
        assert!(restored.notices.is_empty());
    }

    #[test]
    fn typing_is_no_choice() {
        assert!(differs_in_typing_only("v=1&find=pi&ctx=512", "v=1&find=pi%205&ctx=512"));
        assert!(differs_in_typing_only("", "v=1&db=6%20GB&ow=40"));
        assert!(!differs_in_typing_only("v=1&ctx=512", "v=1&ctx=640"));
    }

    #[test]
    fn what_cannot_be_read_is_said_and_left_at_its_default() {
        let query = "v=1&tab=x&model=gemma9&ctx=-1&w=as_stored&hit=2&dev=toaster&show=all&unheard=of";
        let state = State::from_link(query, None).unwrap();
        let texts: Vec<_> = state.notices.iter().map(|notice| notice.text.as_str()).collect();
        assert_eq!(texts.len(), 7, "{texts:?}");
        assert_eq!(write(&state), "");
    }

    #[test]
    fn cases_are_kept_in_the_link_of_all() {
        let start = default();
        let first = case(&start);
        let second = case(&start.clone().after(Action::Set(Setting::Context(2048))));
        assert_eq!((first.as_str(), second.as_str()), ("v=1", "v=1&ctx=2048"));
        let both = start.after(Action::Cases(vec![first, second.clone()]));
        let text = write(&both);
        assert_eq!(text, "v=1&case=v%3D1&case=v%3D1%26ctx%3D2048");
        let restored = State::from_link(&text, None).unwrap();
        assert_eq!(restored.cases, both.cases);
        let opened = State::from_link(&with_cases(&second, &both.cases), None).unwrap();
        assert_eq!((opened.scenario.context_tokens, opened.cases.len()), (2048, 2));
    }

    #[test]
    fn a_link_about_a_file_says_what_is_missing() {
        let state = State::from_link("v=1&file=my-model", None).unwrap();
        assert!(state.notices[0].text.contains("`my-model`"));
    }
}
