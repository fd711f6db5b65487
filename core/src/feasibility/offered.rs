//! Whether a model that a repository offers runs on a device, in words.

use super::fit::Mode;
use super::outlook::outlook;
use crate::device::Device;
use crate::memory::Scenario;
use crate::model::Model;
use crate::weights::WeightFormat;

/// How `model` runs on `device` in the quantisation that a file's label names; `unknown` where it names none.
pub fn offered(model: Option<&Model>, label: &str, device: &Device) -> &'static str {
    let label = label.strip_prefix("UD-").unwrap_or(label);
    let outlook = model.zip(WeightFormat::parse(label).ok()).and_then(|(model, format)| {
        let target = Scenario::for_model(model).target_tokens_per_s;
        outlook(model, format, device, None, target).ok()
    });
    match outlook.map(|outlook| outlook.mode) {
        None => "unknown",
        Some(Mode::Infeasible) => "does not run",
        Some(Mode::Mmap) => "runs, partly from storage",
        Some(Mode::Resident) => "runs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::model::registry as models;

    #[test]
    fn a_label_is_a_format_or_unknown() {
        let (model, device) = (models::model("qwen3-8b").unwrap(), devices::device("pixel-9a").unwrap());
        assert_eq!(offered(Some(&model), "UD-Q4_K_M", &device), offered(Some(&model), "q4_k_m", &device));
        assert_eq!(offered(Some(&model), "F16", &device), "does not run");
        assert_eq!(offered(Some(&model), "my-model", &device), "unknown");
        assert_eq!(offered(None, "Q4_0", &device), "unknown");
    }
}
