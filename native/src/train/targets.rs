//! Which projections a configuration's `target_modules` means.

use super::TrainError;
use super::config::{LoraConfig, Targets};
use super::peft;
use dhurandhar_core::format::document::nearest;
use dhurandhar_core::training::Target;
use regex::Regex;

/// A test of layer and projection.
#[derive(Debug)]
pub(crate) struct Selector {
    targets: Targets,
    pattern: Option<Regex>,
    layers: Option<Vec<u64>>,
    root: String,
}

impl Selector {
    /// Prepare the test; names that mean no projection are refused with the nearest one that does.
    pub(crate) fn new(targets: &Targets, root: &str) -> Result<Self, TrainError> {
        let pattern = match targets {
            Targets::Pattern(pattern) => {
                let whole = Regex::new(&format!("^(?:{pattern})$"));
                Some(whole.map_err(|_| {
                    let own = Regex::new(pattern).err().map_or_else(String::new, |error| format!(": {error}"));
                    TrainError::Setting(format!(
                        "`lora.target_modules` is {pattern:?}; expected all-linear, a list of module names, or a regular \
                         expression over whole paths{own}"
                    ))
                })?)
            }
            Targets::Names(names) => {
                names.iter().try_for_each(|name| known(name))?;
                None
            }
        };
        Ok(Self { targets: targets.clone(), pattern, layers: None, root: root.to_owned() })
    }

    /// Those of a configuration, in the layers that it names.
    pub(crate) fn of(config: &LoraConfig, root: &str) -> Result<Self, TrainError> {
        Ok(Self { layers: config.layers.clone(), ..Self::new(&config.targets, root)? })
    }

    /// Whether a projection is adapted.
    pub(crate) fn picks(&self, layer: usize, target: Target) -> bool {
        if self.layers.as_ref().is_some_and(|layers| !layers.contains(&(layer as u64))) {
            return false;
        }
        match (&self.targets, &self.pattern) {
            (_, Some(pattern)) => pattern.is_match(&peft::module(&self.root, layer, target)),
            (Targets::Names(names), None) => {
                names.iter().any(|name| name == target.module() || name == target.path())
            }
            (Targets::Pattern(_), None) => false,
        }
    }
}

fn known(name: &str) -> Result<(), TrainError> {
    if Target::ALL.iter().any(|target| name == target.module() || name == target.path()) {
        return Ok(());
    }
    let names = Target::ALL.map(Target::module);
    let hint = nearest(name, names).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let all = names.join(", ");
    Err(TrainError::Setting(format!("`lora.target_modules` names {name:?}; expected some of {all}{hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(targets: &Targets) -> Result<Selector, TrainError> {
        Selector::new(targets, "model")
    }

    #[test]
    fn names_paths_and_patterns() {
        let names = selector(&Targets::Names(vec!["q_proj".into(), "mlp.down_proj".into()])).unwrap();
        assert!(names.picks(3, Target::Query) && names.picks(0, Target::Down) && !names.picks(0, Target::Up));
        let pattern = r"model\.layers\.(0|2)\..*\.(q|v)_proj";
        let pattern = selector(&Targets::Pattern(pattern.into())).unwrap();
        assert!(pattern.picks(2, Target::Value) && !pattern.picks(1, Target::Value));
        // The whole path has to match.
        assert!(!selector(&Targets::Pattern("q_proj".into())).unwrap().picks(0, Target::Query));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let error = selector(&Targets::Names(vec!["qproj".into()])).unwrap_err().to_string();
        assert!(error.contains("did you mean `q_proj`?"), "{error}");
        assert!(
            selector(&Targets::Pattern("(".into())).unwrap_err().to_string().contains("regular expression")
        );
    }
}
