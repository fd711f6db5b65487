//! Whether a model that a repository offers runs on a device, in words.

use super::fit::Mode;
use super::outlook::outlook;
use crate::device::Device;
use crate::memory::Scenario;
use crate::model::Model;
use crate::weights::{StockType, WeightFormat, WeightPlan};

/// How `model` runs on `device` in the quantisation that a file's label names; `unknown` where it names none.
///
/// A mix that is not known here counts as the stock format of nearest size, where the hub says the file's `bytes`.
pub fn offered(model: Option<&Model>, label: &str, bytes: Option<u64>, device: &Device) -> &'static str {
    let label = label.strip_prefix("UD-").unwrap_or(label);
    let label = if label.eq_ignore_ascii_case("FP16") { "F16" } else { label };
    let near = |model: &Model| {
        let formats = StockType::ALL.iter().map(|stock| WeightFormat::Stock(*stock));
        let away = |format: &WeightFormat| {
            let plan = WeightPlan::new(model, *format).ok()?;
            Some(plan.text_bytes(model).abs_diff(bytes?))
        };
        formats
            .filter_map(|format| Some((away(&format)?, format)))
            .min_by_key(|(away, _)| *away)
            .map(|(_, format)| format)
    };
    let format = WeightFormat::parse(label).ok().or_else(|| model.and_then(near));
    let outlook = model.zip(format).and_then(|(model, format)| {
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
        let of = |label, bytes| offered(Some(&model), label, bytes, &device);
        assert_eq!(of("UD-Q4_K_M", None), of("q4_k_m", None));
        assert_eq!((of("F16", None), of("FP16", None)), ("does not run", "does not run"));
        assert_eq!((of("my-model", None), of("my-model", Some(16 << 30))), ("unknown", "does not run"));
        assert_eq!(of("UD-Q4_K_XL", Some(5_100_000_000)), of("q4_k_m", None));
        assert_eq!(offered(None, "Q4_0", None, &device), "unknown");
    }
}
