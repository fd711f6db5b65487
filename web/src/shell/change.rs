//! What an action makes of the state.

use std::rc::Rc;

use dhurandhar_core::memory::{Runtime, Scenario, Turn};
use dhurandhar_core::model::Model;
use dhurandhar_core::report::Query;
use dhurandhar_core::weights::WeightPlan;
use yew::Reducible;

use crate::link;
use crate::parts::format;
use crate::state::catalogue::Loaded;
use crate::state::custom_device::{self, CustomDevice};
use crate::state::device_changes::DeviceChanges;
use crate::state::tabs::Tab;
use crate::state::{Action, DEFAULT_DEVICE, DEFAULT_MODEL, Setting, State};

impl State {
    /// The state that a link describes, with messages about what it could not say.
    pub(crate) fn from_link(query: &str, kept: Option<Model>) -> Option<Self> {
        let mut start = Self::start(Loaded::built_in(DEFAULT_MODEL).ok()?);
        start.imported.extend(kept.map(Loaded::new));
        start.kept = start.imported.first().map(|model| model.name().to_owned());
        Some(start.restored(query))
    }

    fn restored(&self, query: &str) -> Self {
        let read = link::read(query, &self.imported);
        let keep = if read.state.is_some() { None } else { Some(self.clone()) };
        let mut state = read.state.or(keep).unwrap_or_else(|| self.clone());
        state.imported.clone_from(&self.imported);
        state.measured.clone_from(&self.measured);
        state.kept.clone_from(&self.kept);
        (state.entries, state.last_notice) = (self.entries, self.last_notice);
        state.notices.clear();
        for problem in read.problems {
            state.add_notice(true, problem);
        }
        state
    }

    /// The state after an action, for a case that stands beside the page's own.
    pub(crate) fn after(self, action: Action) -> Self {
        Rc::unwrap_or_clone(Rc::new(self).reduce(action))
    }

    /// Takes another model, and as many of the choices as apply to it.
    fn take(&mut self, model: Loaded) {
        let chosen = link::pairs(&Query::write(&self.model, &self.scenario));
        let mut scenario = Scenario::for_model(&model);
        // What does not apply to the new model falls back to its default; the context, which decides most, with a word.
        let _ = Query::new(chosen).apply(&model, &mut scenario);
        let (before, now) = (self.scenario.context_tokens, scenario.context_tokens);
        if before > model.architecture.max_context_tokens {
            let (title, before, now) = (model.title(), format::whole(before), format::whole(now));
            self.notify(false, format!("{title} has no context of {before} tokens; it is now {now}."));
        }
        if WeightPlan::new(&model, scenario.weights).is_err() {
            scenario.weights = WeightPlan::default_format(&model);
        }
        self.model = model;
        self.scenario = scenario;
        self.entries += 1;
    }

    fn choose(&mut self, name: &str) {
        let imported = self.imported.iter().find(|model| model.name() == name).cloned();
        match imported.map_or_else(|| Loaded::built_in(name), Ok) {
            Ok(model) => {
                self.notices.clear();
                self.take(model);
            }
            Err(error) => self.notify(true, error.to_string()),
        }
    }

    fn import(&mut self, model: Model) {
        let model = Loaded::new(model);
        self.notices.clear();
        self.imported.retain(|old| old.name() != model.name());
        self.imported.insert(0, model.clone());
        // Choices made for another model say little about a file; its own types come first.
        self.scenario.weights = WeightPlan::default_format(&self.model);
        self.take(model);
    }

    fn set(&mut self, setting: Setting) {
        let mut changed = self.scenario.clone();
        match setting {
            Setting::Context(tokens) => changed.context_tokens = tokens,
            Setting::Weights(format) => changed.weights = format,
            Setting::Keys(format) => changed.k = format,
            Setting::Values(format) => changed.v = format,
            Setting::Runtime(runtime) => {
                let own = |runtime: Runtime| runtime.own_format(&self.model);
                let default = own(changed.runtime).unwrap_or_else(|| WeightPlan::default_format(&self.model));
                // A format that nobody chose is the program's own.
                if changed.weights == default {
                    changed.weights = own(runtime).unwrap_or_else(|| WeightPlan::default_format(&self.model));
                }
                changed = changed.run_by(runtime);
            }
            Setting::Slots(slots) => changed.slots = slots,
            Setting::SharedCache(on) => changed.unified_kv = on,
            Setting::Load(mode) => changed.load = mode,
            Setting::Lazy(mode) => changed.lazy = mode,
            Setting::Gpu(offload) => changed.offload = offload,
            Setting::PromptCache(mib) => changed.prompt_cache_mib = mib,
            Setting::State(state) => changed.state = state,
            Setting::Vision(kept) => changed.vision = kept,
            Setting::Audio(kept) => changed.audio = kept,
            Setting::Ubatch(tokens) => changed.ubatch = tokens,
            Setting::FlashAttention(on) => changed.flash_attention = on,
            Setting::Repack(on) => changed.repack = on,
            Setting::Target(speed) => changed.target_tokens_per_s = speed,
            Setting::Prompt(tokens) => {
                changed.turn = Turn { prompt_tokens: tokens, ..Turn::USUAL }.within(changed.context_tokens);
            }
            Setting::HitShare(share) => {
                if (0.0..=1.0).contains(&share) {
                    self.ple_cache_hit_share = share;
                }
            }
        }
        self.adopt(changed);
    }

    /// Takes a scenario if it can be computed; says why not otherwise.
    fn adopt(&mut self, changed: Scenario) {
        let refused = match changed.check(&self.model) {
            Err(error) => Some(error.to_string()),
            Ok(()) if changed.weights != self.scenario.weights => {
                WeightPlan::new(&self.model, changed.weights).err().map(|error| error.to_string())
            }
            Ok(()) => None,
        };
        if let Some(problem) = refused {
            return self.notify(true, problem);
        }
        // What was wrong has been put right.
        self.notices.retain(|notice| !notice.is_error);
        self.scenario = changed;
    }

    fn choose_device(&mut self, slug: String) {
        if self.device != slug {
            // A context that nobody chose is the new device's.
            if self.scenario.context_tokens == link::usual_context(&self.device, &self.model) {
                self.scenario.context_tokens = link::usual_context(&slug, &self.model);
            }
            self.device = slug;
            // They were said of another device.
            self.changes = DeviceChanges::default();
        }
    }

    fn open(&mut self, tab: Tab) {
        if self.tab != tab {
            self.tab = tab;
            self.entries += 1;
        }
    }
}

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut state = Rc::unwrap_or_clone(self);
        match action {
            Action::Open(tab) => state.open(tab),
            Action::Choose(name) => state.choose(&name),
            Action::Import(model) => state.import(*model),
            Action::Set(setting) => state.set(setting),
            Action::Adopt(scenario) => state.adopt(*scenario),
            Action::Make(changes) => {
                let now = state.scenario.clone();
                state.adopt(changes.iter().fold(now, |scenario, change| change.applied(&scenario)));
            }
            Action::Device(slug) => state.choose_device(slug),
            Action::DrawDevice(slug) => {
                state.choose_device(slug);
                state.open(Tab::Memory);
            }
            Action::Change(at, value) => state.changes.set(at, value),
            Action::Cases(cases) => state.cases = cases,
            Action::Kept(name) => state.kept = name,
            Action::Custom(field, value) => state.custom.set(field, value),
            Action::Bandwidth(value) => state.custom.measure(value),
            Action::ClearCustom => {
                state.custom = CustomDevice::default();
                if state.device == custom_device::SLUG {
                    DEFAULT_DEVICE.clone_into(&mut state.device);
                }
            }
            Action::Filter(filter) => state.filter = filter,
            Action::Codec(choice) => state.codec = choice,
            Action::Mmap(choice) => state.mmap = choice,
            Action::Measured(measured) => {
                state.mmap = state.mmap.about(&measured);
                state.measured = Some(Rc::new(*measured));
            }
            Action::Unmeasured => state.measured = None,
            Action::Restore(query) => state = state.restored(&query),
            Action::Fail(text) => state.notify(true, text),
            Action::Dismiss(id) => state.notices.retain(|notice| notice.id != id),
        }
        Rc::new(state)
    }
}

#[cfg(test)]
mod tests {
    use dhurandhar_core::memory::KvFormat;
    use dhurandhar_core::weights::WeightFormat;

    use super::*;

    fn after(state: State, actions: impl IntoIterator<Item = Action>) -> State {
        let state = actions.into_iter().fold(Rc::new(state), Reducible::reduce);
        Rc::unwrap_or_clone(state)
    }

    fn start() -> State {
        State::from_link("", None).unwrap()
    }

    #[test]
    fn another_model_keeps_the_choices_that_apply() {
        let long = after(
            start(),
            [
                Action::Set(Setting::Context(131_072)),
                Action::Set(Setting::Keys(KvFormat::Q8_0)),
                Action::Choose("qwen2.5-1.5b".into()),
            ],
        );
        assert_eq!(long.scenario.k, KvFormat::Q8_0);
        // More than the model can hold: its default.
        assert_eq!(long.scenario.context_tokens, 4096);
        assert_eq!(long.entries, 1);
        assert!(long.notices[0].text.contains("no context of 131,072 tokens"), "{:?}", long.notices);
    }

    #[test]
    fn what_cannot_be_is_refused_in_words_and_nothing_changes() {
        let before = start();
        let state = after(
            before.clone(),
            [
                Action::Set(Setting::Context(0)),
                Action::Set(Setting::Weights(WeightFormat::AsStored)),
                Action::Choose("gemma5".into()),
            ],
        );
        // The last message stands for all.
        assert_eq!(state.notices.len(), 1);
        assert!(state.notices[0].text.contains("gemma5"));
        assert_eq!((&state.scenario, &state.model), (&before.scenario, &before.model));
        let id = state.notices[0].id;
        assert!(after(state, [Action::Dismiss(id)]).notices.is_empty());
    }

    #[test]
    fn changes_of_a_device_go_with_the_device() {
        let changed = after(start(), [Action::Change(0, "3 GB".into())]);
        assert!(!changed.changes.is_empty());
        assert!(after(changed, [Action::Device("galaxy-a16-6gb".into())]).changes.is_empty());
    }

    #[test]
    fn an_imported_model_can_be_chosen_again() {
        let text = dhurandhar_core::model::registry::yaml("llama-3.2-1b").unwrap();
        let text = text.replace("llama-3.2-1b", "mine");
        let model = Model::from_yaml("mine.yaml", &text).unwrap();
        let state = after(
            start(),
            [
                Action::Import(Box::new(model)),
                Action::Choose("gemma4-e2b".into()),
                Action::Choose("mine".into()),
            ],
        );
        assert_eq!((state.model.name(), state.imported.len(), state.entries), ("mine", 1, 3));
    }
}
