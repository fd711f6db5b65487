//! A report asked of another part of the page, which has the means to write it.

use super::{Report, ReportError};
use crate::device::Device;
use crate::leaf::wire::wire_struct;
use crate::memory::Scenario;
use crate::model::Model;

/// All that a report depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// What to analyse.
    pub model: Model,
    /// The choices.
    pub scenario: Scenario,
    /// On which devices, in this order.
    pub devices: Vec<Device>,
    /// Share of table lookups taken to be cached when the table is mapped.
    pub ple_cache_hit_share: f64,
}

wire_struct!(Order { model, scenario, devices, ple_cache_hit_share });

impl Order {
    /// The report.
    pub fn report(&self) -> Result<Report, ReportError> {
        Report::new(&self.model, &self.scenario, &self.devices, self.ple_cache_hit_share)?
            .explained(&self.model, &self.devices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::wire;
    use crate::memory::KvFormat;
    use crate::{device, model};

    #[test]
    fn a_report_ordered_elsewhere_is_the_same_text() {
        for (number, model) in model::registry::models().enumerate() {
            let mut scenario = Scenario::for_model(&model);
            scenario.k = KvFormat::TurboQuant(3);
            scenario.target_tokens_per_s = 0.1 + 0.2;
            let devices = device::registry::devices().collect();
            let order = Order { model, scenario, devices, ple_cache_hit_share: 0.3 };
            let there: Order = wire::decode(&wire::encode(&order)).unwrap();
            assert_eq!(wire::encode(&there), wire::encode(&order));
            // What arrived as it was sent gives the same report; a few show it.
            if !number.is_multiple_of(12) {
                continue;
            }
            let texts = |order: &Order| order.report().map(|report| [report.to_json(), report.to_csv()]);
            assert_eq!(texts(&there), texts(&order));
        }
    }
}
