//! A dossier of cases that another part of the page has as they are, not by names.

use super::{Case, CaseError, Dossier, Request, answered};
use crate::leaf::wire::wire_struct;
use crate::report::{Order, Query, options, parameter};

/// A case with all that its report depends on; one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordered {
    /// What the case is called.
    pub title: String,
    /// Model, choices and the device.
    pub order: Order,
    /// Parameters of the calculator's address; none where a link cannot hold the case.
    pub link: Option<String>,
}

wire_struct!(Ordered { title, order, link });

impl Ordered {
    /// The case by names, as the command line is told it.
    fn case(&self) -> Case {
        let Order { model, scenario, devices, .. } = &self.order;
        let chosen = Query::write(model, scenario);
        let chosen: Vec<(&str, &str)> = chosen.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let of = |option: &'static str| {
            // What is usual elsewhere is another context.
            if option == "context_tokens" {
                return Some((option.to_owned(), scenario.context_tokens.to_string()));
            }
            let name = parameter(option)?;
            let (_, value) = chosen.iter().find(|(known, _)| *known == name)?;
            Some((option.to_owned(), (*value).to_owned()))
        };
        Case {
            title: self.title.clone(),
            model: model.architecture.name.clone(),
            device: devices.first().map(|device| device.name.clone()).unwrap_or_default(),
            program: None,
            options: options().filter_map(of).collect(),
        }
    }
}

impl Dossier {
    /// Answers cases that are there already, under the title and the question of a request without cases.
    ///
    /// # Errors
    /// The first case whose report cannot be made, or that has no device.
    pub fn of_orders(request: &Request, cases: &[Ordered]) -> Result<Self, CaseError> {
        let answer = |ordered: &Ordered| {
            let report = ordered.order.report().map_err(|error| error.to_string())?;
            let device =
                ordered.order.devices.first().ok_or("no device; expected one to give a verdict on")?;
            answered(&ordered.case(), report, device, ordered.link.clone(), &[])
        };
        let named = |ordered: &Ordered| {
            answer(ordered).map_err(|problem| CaseError { case: ordered.title.clone(), problem })
        };
        Ok(Self::with(request, cases.iter().map(named).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::leaf::wire;
    use crate::memory::Scenario;
    use crate::model::registry as models;

    fn ordered(context_tokens: u64) -> Ordered {
        let model = models::model("gemma4-e2b").unwrap();
        let scenario = Scenario { context_tokens, ..Scenario::for_model(&model) };
        let devices = vec![devices::device("pixel-9a").unwrap()];
        let order = Order { model, scenario, devices, ple_cache_hit_share: 0.0 };
        Ordered { title: format!("{context_tokens} tokens"), order, link: Some("v=1".to_owned()) }
    }

    fn request() -> Request {
        Request {
            title: "Cases".into(),
            question: "Which runs?".into(),
            date: Some("2026-11-29".into()),
            valid_until: None,
            risks: Vec::new(),
            cases: Vec::new(),
        }
    }

    #[test]
    fn cases_that_are_there_give_what_their_names_give() {
        let cases = [ordered(2048), ordered(8192)];
        let sent: Vec<Ordered> = wire::decode(&wire::encode(&cases.to_vec())).unwrap();
        let dossier = Dossier::of_orders(&request(), &sent).unwrap();
        let named = Request { cases: cases.iter().map(Ordered::case).collect(), ..request() };
        let by_name = Dossier::new(
            &named,
            |name| models::model(name).map_err(|error| error.to_string()),
            |name| devices::device(name).map_err(|error| error.to_string()),
            &[],
        )
        .unwrap();
        for (case, other) in dossier.cases.iter().zip(&by_name.cases) {
            assert_eq!(
                (&case.report, &case.flips, &case.command),
                (&other.report, &other.flips, &other.command)
            );
        }
        assert!(dossier.to_html(Some("https://example.org/")).contains("calculator/?v=1"));
    }

    #[test]
    fn a_case_without_a_device_is_named() {
        let mut case = ordered(2048);
        case.order.devices.clear();
        let error = Dossier::of_orders(&request(), &[case]).unwrap_err().to_string();
        assert_eq!(error, "case `2048 tokens`: no device; expected one to give a verdict on");
    }
}
