//! One model on one device, format by format: the table in which the best one is looked for.

use super::ReportError;
use crate::device::Device;
use crate::feasibility::{Assessment, Mode, Prospects};
use crate::memory::Scenario;
use crate::model::Model;
use crate::weights::quality::added_perplexity;
use crate::weights::{StockType, WeightFormat, WeightPlan};

/// A format and what becomes of the run with it.
#[derive(Debug, Clone, PartialEq)]
pub struct FormatRow {
    /// The format.
    pub format: WeightFormat,
    /// Effective bits per text parameter, scales included.
    pub bits_per_weight: f64,
    /// Tensor data of a file of it.
    pub file_bytes: u64,
    /// The verdict, without inverse questions.
    pub assessment: Assessment,
    /// Perplexity that it adds to the model that llama.cpp's authors measured, where they did.
    pub added_perplexity: Option<f64>,
}

/// A row for every format that the scenario's runtime reads and the model can be written in, most bits first.
pub fn by_format(
    model: &Model,
    scenario: &Scenario,
    device: &Device,
    ple_cache_hit_share: f64,
) -> Result<Vec<FormatRow>, ReportError> {
    scenario.check(model)?;
    let mut rows: Vec<FormatRow> = Vec::new();
    for format in offered(scenario) {
        let Ok(plan) = WeightPlan::new(model, format) else { continue };
        let scenario = Scenario { weights: format, ..scenario.clone() };
        let assessment = Prospects::new(model, &plan, &scenario).answer(device, ple_cache_hit_share)?;
        rows.push(FormatRow {
            format,
            bits_per_weight: plan.bits_per_weight(model),
            file_bytes: plan.gguf_data_bytes(model),
            assessment,
            added_perplexity: added_perplexity(format),
        });
    }
    rows.sort_by(|one, other| other.bits_per_weight.total_cmp(&one.bits_per_weight));
    Ok(rows)
}

/// The place of the best format: of those that reach the target speed, or failing that of those that run at all, the one
/// with the most bits, unless another is published to lose less; a weight keeps more of its value with more bits. None where
/// no format runs.
pub fn best_format(rows: &[FormatRow]) -> Option<usize> {
    let runs = |row: &&FormatRow| row.assessment.mode != Mode::Infeasible;
    let reaches = |row: &&FormatRow| runs(row) && row.assessment.meets_target == Some(true);
    best_of(rows, reaches).or_else(|| best_of(rows, runs))
}

fn best_of(rows: &[FormatRow], counts: impl Fn(&&FormatRow) -> bool) -> Option<usize> {
    let most = rows.iter().position(|row| counts(&row))?;
    let Some(lost) = rows[most].added_perplexity else { return Some(most) };
    let known = rows.iter().enumerate().filter(|(_, row)| counts(row));
    let known = known.filter_map(|(at, row)| row.added_perplexity.map(|added| (at, added)));
    let least = known.min_by(|one, other| one.1.total_cmp(&other.1));
    least.filter(|(_, added)| *added < lost).map_or(Some(most), |(at, _)| Some(at))
}

/// The place of the best of the formats that are called by `bits`, such as 4 for `q4_k_m` and `iq4_xs`.
pub fn best_with_bits(rows: &[FormatRow], bits: u32) -> Option<usize> {
    let (places, among): (Vec<usize>, Vec<FormatRow>) =
        rows.iter().cloned().enumerate().filter(|(_, row)| called_bits(row.format) == Some(bits)).unzip();
    best_format(&among).and_then(|at| places.get(at).copied())
}

/// The first number in a format's name.
fn called_bits(format: WeightFormat) -> Option<u32> {
    let name = format.to_string();
    let digits = name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit);
    digits.collect::<String>().parse().ok()
}

/// Formats that the runtime reads.
fn offered(scenario: &Scenario) -> Vec<WeightFormat> {
    if scenario.runtime.takes_stock_formats() {
        let stock =
            StockType::ALL.iter().filter(|stock| stock.suits_any_model() && **stock != StockType::F32);
        return stock.map(|stock| WeightFormat::Stock(*stock)).collect();
    }
    let uniform = WeightFormat::names().into_iter().filter_map(|name| WeightFormat::parse(&name).ok());
    let uniform = uniform.filter(|format| matches!(format, WeightFormat::Uniform(_)));
    [WeightFormat::AsStored, WeightFormat::Published].into_iter().chain(uniform).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{device, model};

    #[test]
    fn the_best_format_is_the_largest_that_reaches_the_target() {
        let model = model::registry::model("llama-3.2-3b").unwrap();
        let device = device::registry::device("galaxy-a16-6gb").unwrap();
        let scenario = Scenario::for_model(&model);
        let rows = by_format(&model, &scenario, &device, 0.0).unwrap();
        assert!(
            rows.len() > 20 && rows.is_sorted_by(|one, next| one.bits_per_weight >= next.bits_per_weight)
        );
        if let Some(best) = best_format(&rows) {
            assert_ne!(rows[best].assessment.mode, Mode::Infeasible);
        }
        let four = best_with_bits(&rows, 4).unwrap();
        let name = rows[four].format.to_string();
        // More bits than q4_k_m, and more is lost.
        assert_ne!(name, "q4_1");
        assert!(name.starts_with("q4_") || name.starts_with("iq4_"), "{name}");
        assert_eq!(best_with_bits(&rows, 40), None);
        let slow = Scenario { target_tokens_per_s: 1e6, ..scenario.clone() };
        let slow = by_format(&model, &slow, &device, 0.0).unwrap();
        assert!(slow.iter().all(|row| row.assessment.meets_target != Some(true)));
        let tiny = Device { ram_mib: Some(64), ram_budget_mb: Some(64.0), ..device };
        assert_eq!(best_format(&by_format(&model, &scenario, &tiny, 0.0).unwrap()), None);
    }
}
