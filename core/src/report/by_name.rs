//! A report on what a catalogue holds, asked by names alone: what other pages embed.

use super::query::options;
use super::{Query, Report, parameter};
use crate::catalogue::Catalogue;
use crate::format::document::nearest;
use crate::memory::Scenario;

impl Report {
    /// `model` on `device`, with options by the names that the command line has, `_` for `-` (`context_tokens`, `weights`, ...);
    /// the context is what is usual on the device unless it is stated.
    ///
    /// # Errors
    /// What is unknown or out of range, and what was expected.
    pub fn by_name(
        catalogue: &Catalogue,
        model: &str,
        device: &str,
        stated: &[(String, String)],
    ) -> Result<Self, String> {
        let model = catalogue.model(model).map_err(|error| error.to_string())?;
        let known: Vec<&str> = catalogue.device_titles().map(|(slug, _)| slug).collect();
        let on = catalogue.device(device).ok_or_else(|| {
            let near = nearest(device, known.iter().copied());
            format!(
                "no device `{device}`{}",
                near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
            )
        })?;
        let mut pairs = Vec::new();
        for (option, value) in stated {
            let parameter = parameter(option).ok_or_else(|| {
                format!("no option `{option}`; expected one of {}", options().collect::<Vec<_>>().join(", "))
            })?;
            pairs.push((parameter.to_owned(), value.clone()));
        }
        let mut scenario = Scenario::for_model(&model);
        scenario.context_tokens = on.form.usual_context_tokens().min(model.architecture.max_context_tokens);
        if let Some(error) = Query::new(pairs).apply(&model, &mut scenario).first() {
            let option = options().find(|option| parameter(option) == Some(error.name.as_str()));
            return Err(format!(
                "`{}` is {:?}; expected {}",
                option.unwrap_or(&error.name),
                error.value,
                error.expected
            ));
        }
        let devices = [on];
        let report = Self::new(&model, &scenario, &devices, 0.0).map_err(|error| error.to_string())?;
        report.explained(&model, &devices).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(model: &str, device: &str, stated: &[(&str, &str)]) -> Result<Report, String> {
        let stated: Vec<_> =
            stated.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Report::by_name(&Catalogue::built_in(), model, device, &stated)
    }

    #[test]
    fn names_give_the_report_that_the_command_line_prints() {
        let report =
            asked("gemma4-e2b", "galaxy-a16-6gb", &[("weights", "q4_0"), ("context_tokens", "8192")])
                .unwrap();
        assert_eq!((report.scenario.context_tokens, report.weights.format.as_str()), (8192, "q4_0"));
        assert_eq!(report.devices.len(), 1);
        assert_eq!(asked("gemma4-e2b", "galaxy-a16-6gb", &[]).unwrap().scenario.context_tokens, 4096);
    }

    #[test]
    fn what_is_unknown_is_named() {
        let wrong =
            |model: &str, device: &str, stated: &[(&str, &str)]| asked(model, device, stated).unwrap_err();
        assert!(wrong("gemma9", "pixel-9a", &[]).contains("gemma9"));
        assert_eq!(wrong("gemma4-e2b", "pixel-9b", &[]), "no device `pixel-9b`; did you mean `pixel-9a`?");
        assert!(
            wrong("gemma4-e2b", "pixel-9a", &[("ctx", "1")])
                .starts_with("no option `ctx`; expected one of context_tokens, ")
        );
        let error = wrong("gemma4-e2b", "pixel-9a", &[("context_tokens", "0")]);
        assert!(
            error.starts_with("`context_tokens` is \"0\"; expected a whole number from 1 to "),
            "{error}"
        );
    }
}
