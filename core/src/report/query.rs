//! A scenario as text: the parameters of a link, so that a page's state and a command line are one thing.

use crate::device::State;
use crate::format::document::decimal;
use crate::leaf::number::plain;
use crate::memory::{KvFormat, LazyMode, LoadMode, Offload, Runtime, Scenario};
use crate::model::Model;
use crate::weights::WeightFormat;
use std::fmt::Write;

/// Changes to a model's default scenario, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

/// A parameter whose value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}={value}`: expected {expected}")]
pub struct QueryError {
    /// Parameter.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What should stand there.
    pub expected: String,
}

impl Query {
    /// Read `name=value` pairs joined by `&`; values must be unescaped already.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { pairs: pairs.into_iter().collect() }
    }

    /// Apply the parameters that concern the scenario; unreadable ones are left at their default and reported.
    pub fn apply(&self, model: &Model, scenario: &mut Scenario) -> Vec<QueryError> {
        let mut errors = Vec::new();
        // The program first: it brings its own defaults, which the others then change.
        let (program, others): (Vec<_>, Vec<_>) = self.pairs.iter().partition(|(name, _)| name == "rt");
        for (name, value) in program.into_iter().chain(others) {
            if let Err(expected) = set(model, scenario, name, value) {
                // Other readers' messages say what was wrong first.
                let expected =
                    expected.split_once("expected ").map_or(&*expected, |(_, rest)| rest).to_owned();
                errors.push(QueryError { name: name.clone(), value: value.clone(), expected });
            }
        }
        errors
    }

    /// The parameters in which `scenario` differs from the model's default, joined by `&`.
    pub fn write(model: &Model, scenario: &Scenario) -> String {
        let default = Scenario::for_model(model);
        let mut text = String::new();
        let mut put = |differs: bool, name: &str, value: &dyn std::fmt::Display| {
            if differs {
                let separator = if text.is_empty() { "" } else { "&" };
                // Writing to a String cannot fail.
                let _ = write!(text, "{separator}{name}={value}");
            }
        };
        put(scenario.context_tokens != default.context_tokens, "ctx", &scenario.context_tokens);
        put(scenario.weights != default.weights, "w", &scenario.weights);
        put(scenario.k != default.k, "k", &scenario.k);
        put(scenario.v != default.v, "vbits", &scenario.v);
        put(scenario.runtime != default.runtime, "rt", &scenario.runtime);
        let default = default.run_by(scenario.runtime);
        put(scenario.slots != default.slots, "slots", &scenario.slots);
        put(scenario.unified_kv != default.unified_kv, "ukv", &u8::from(scenario.unified_kv));
        put(scenario.checkpoints != default.checkpoints, "cp", &scenario.checkpoints);
        put(scenario.prompt_cache_mib != default.prompt_cache_mib, "pc", &scenario.prompt_cache_mib);
        put(scenario.vision != default.vision, "vision", &u8::from(scenario.vision));
        put(scenario.audio != default.audio, "audio", &u8::from(scenario.audio));
        put(scenario.ubatch != default.ubatch, "ub", &scenario.ubatch);
        put(scenario.flash_attention != default.flash_attention, "fa", &u8::from(scenario.flash_attention));
        put(scenario.repack != default.repack, "repack", &u8::from(scenario.repack));
        put(scenario.load != default.load, "load", &scenario.load.name());
        put(scenario.lazy != default.lazy, "lazy", &scenario.lazy.name());
        put(scenario.offload != default.offload, "gpu", &scenario.offload);
        put(scenario.cpu_moe_layers != default.cpu_moe_layers, "cpu_moe", &scenario.cpu_moe_layers);
        put(scenario.kv_offload != default.kv_offload, "kv_offload", &u8::from(scenario.kv_offload));
        put(scenario.state != default.state, "state", &scenario.state.name());
        let target = scenario.target_tokens_per_s;
        put((target - default.target_tokens_per_s).abs() > 1e-9, "target", &plain(target));
        let (turn, usual) = (scenario.turn, default.turn);
        put(turn.cached_tokens != usual.cached_tokens, "cached", &turn.cached_tokens);
        put(turn.prompt_tokens != usual.prompt_tokens, "prompt", &turn.prompt_tokens);
        put(turn.answer_tokens != usual.answer_tokens, "answer", &turn.answer_tokens);
        text
    }
}

/// Parameters by the names that the command line's options and the cases of a dossier have, which say more than those of a link.
const OPTIONS: [(&str, &str); 24] = [
    ("context_tokens", "ctx"),
    ("weights", "w"),
    ("k_format", "k"),
    ("v_format", "vbits"),
    ("runtime", "rt"),
    ("slots", "slots"),
    ("unified_kv", "ukv"),
    ("prompt_cache_mib", "pc"),
    ("context_checkpoints", "cp"),
    ("load", "load"),
    ("lazy", "lazy"),
    ("gpu_layers", "gpu"),
    ("cpu_moe_layers", "cpu_moe"),
    ("kv_offload", "kv_offload"),
    ("state", "state"),
    ("vision", "vision"),
    ("audio", "audio"),
    ("ubatch", "ub"),
    ("flash_attention", "fa"),
    ("repack", "repack"),
    ("target_tps", "target"),
    ("cached_tokens", "cached"),
    ("prompt_tokens", "prompt"),
    ("answer_tokens", "answer"),
];

/// The names of all options that a case can state.
pub fn options() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(option, _)| *option)
}

/// The link's parameter of an option.
pub fn parameter(option: &str) -> Option<&'static str> {
    OPTIONS.iter().find(|(name, _)| *name == option).map(|(_, parameter)| *parameter)
}

/// How `analyze-ple` is told an option, as words of a command line; none where the value is what it does unasked.
pub fn arguments(option: &str, value: &str) -> Vec<String> {
    let on = matches!(value, "1" | "true");
    match (option, on) {
        ("vision" | "audio", true) => vec![format!("--keep-{option}")],
        ("vision" | "audio", false) => vec![format!("--strip-{option}")],
        // Programs turn it off.
        ("flash_attention", true) => vec!["--flash-attention".to_owned()],
        ("repack" | "kv_offload", true) => Vec::new(),
        ("repack" | "flash_attention" | "kv_offload", false) => {
            vec![format!("--no-{}", option.replace('_', "-"))]
        }
        ("unified_kv", on) => vec!["--unified-kv".to_owned(), on.to_string()],
        _ => vec![format!("--{}", option.replace('_', "-")), value.to_owned()],
    }
}

fn named<T: Copy, const N: usize>(value: &str, names: &[(&'static str, T); N]) -> Result<T, String> {
    Ok(names[place(value, &names.map(|(name, _)| name))?].1)
}

/// One function for every list of names: a copy for each would cost the page a kilobyte.
fn place(value: &str, names: &[&str]) -> Result<usize, String> {
    names.iter().position(|name| *name == value).ok_or_else(|| format!("one of {}", names.join(", ")))
}

fn set(model: &Model, scenario: &mut Scenario, name: &str, value: &str) -> Result<(), String> {
    let whole = |low: u64, high: u64| {
        let number = value.parse().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("a whole number from {low} to {high}"))
    };
    let flag = || match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("true or false".to_owned()),
    };
    match name {
        "ctx" => scenario.context_tokens = whole(1, model.architecture.max_context_tokens)?,
        "w" => scenario.weights = WeightFormat::parse(value).map_err(|error| error.to_string())?,
        "k" => scenario.k = KvFormat::parse(value).map_err(|error| error.to_string())?,
        "vbits" => scenario.v = KvFormat::parse(value).map_err(|error| error.to_string())?,
        "rt" => {
            let runtime = Runtime::parse(value).map_err(|error| error.to_string())?;
            *scenario = scenario.clone().run_by(runtime);
        }
        "slots" => scenario.slots = whole(1, 256)?,
        "ukv" => scenario.unified_kv = flag()?,
        "pc" => scenario.prompt_cache_mib = whole(0, 1 << 20)?,
        "cp" => scenario.checkpoints = whole(0, 1024)?,
        "load" => scenario.load = named(value, &LoadMode::NAMES)?,
        "lazy" => scenario.lazy = named(value, &LazyMode::NAMES)?,
        "gpu" => {
            scenario.offload = Offload::parse(value).ok_or("auto, off, all or a number of layers")?;
        }
        "cpu_moe" => scenario.cpu_moe_layers = whole(0, 4096)?,
        "kv_offload" => scenario.kv_offload = flag()?,
        "state" => scenario.state = named(value, &State::RUNNING)?,
        "vision" => scenario.vision = flag()?,
        "audio" => scenario.audio = flag()?,
        "ub" => scenario.ubatch = whole(1, 65_536)?,
        "fa" => scenario.flash_attention = flag()?,
        "repack" => scenario.repack = flag()?,
        "target" => {
            let number = decimal(value).filter(|number| *number > 0.0 && *number <= 1e6);
            scenario.target_tokens_per_s = number.ok_or("a number above 0, at most 1000000")?;
        }
        "cached" => scenario.turn.cached_tokens = whole(0, model.architecture.max_context_tokens)?,
        "prompt" => scenario.turn.prompt_tokens = whole(1, model.architecture.max_context_tokens)?,
        "answer" => scenario.turn.answer_tokens = whole(0, model.architecture.max_context_tokens)?,
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;

    #[test]
    fn a_link_restores_the_scenario() {
        let model = registry::model("gemma4-e2b").unwrap();
        let mut scenario = Scenario::for_model(&model);
        assert_eq!(Query::write(&model, &scenario), "");
        scenario.context_tokens = 8192;
        scenario.slots = 2;
        scenario.load = LoadMode::Copy;
        scenario.v = KvFormat::TurboQuant(3);
        scenario.weights = WeightFormat::Bits(4);
        scenario.audio = true;
        scenario.state = State::Service;
        scenario.target_tokens_per_s = 7.5;
        let text = Query::write(&model, &scenario);
        assert_eq!(text, "ctx=8192&w=4bit&vbits=turbo3&slots=2&audio=1&load=copy&state=service&target=7.5");
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let query = Query::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let mut restored = Scenario::for_model(&model);
        assert_eq!(query.apply(&model, &mut restored), []);
        assert_eq!(restored, scenario);
    }

    #[test]
    fn unreadable_values_keep_the_default_and_are_reported() {
        let model = registry::model("llama-3.2-1b").unwrap();
        let mut scenario = Scenario::for_model(&model);
        let query =
            Query::new([("ctx".into(), "0".into()), ("w".into(), "q9".into()), ("v".into(), "1".into())]);
        let errors = query.apply(&model, &mut scenario);
        assert_eq!(errors.len(), 2);
        assert_eq!(errors[0].to_string(), "`ctx=0`: expected a whole number from 1 to 131072");
        assert_eq!(scenario, Scenario::for_model(&model));
    }
}
