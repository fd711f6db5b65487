//! Errors of a memory validation, model by model.

use super::{MemoryRun, MemoryValidation, median};

/// How far predictions are from one model's runs.
#[derive(Clone, Debug, PartialEq)]
pub struct MemorySummary {
    /// Slug or file name.
    pub model: String,
    /// Format of the weights.
    pub weights: String,
    /// Runs with a prediction.
    pub runs: usize,
    /// Runs whose mapped weights, packed copies, KV cache and recurrent state were all predicted exactly.
    pub exact: usize,
    /// Largest relative error of the compute buffer, with its sign.
    pub worst_compute: f64,
    /// Median of the absolute relative error of the peak.
    pub median_peak: f64,
    /// Largest relative error of the peak, with its sign.
    pub worst_peak: f64,
    /// Runs whose peak lay within the predicted interval.
    pub within: usize,
}

impl MemoryValidation {
    /// One summary for each model and format, in the order of the rows.
    pub fn summaries(&self) -> Vec<MemorySummary> {
        let mut groups: Vec<(&str, &str)> = Vec::new();
        for row in &self.rows {
            let group = (row.case.model.as_str(), row.case.weights.as_str());
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let of = |(model, weights): (&str, &str)| {
            let rows = self.rows.iter().filter(|row| row.case.model == model && row.case.weights == weights);
            summary(model, weights, rows)
        };
        groups.into_iter().filter_map(of).collect()
    }
}

fn summary<'a>(
    model: &str,
    weights: &str,
    rows: impl Iterator<Item = &'a MemoryRun>,
) -> Option<MemorySummary> {
    let (mut exact, mut within) = (0, 0);
    let (mut compute, mut peaks) = (Vec::new(), Vec::new());
    for row in rows {
        let Some(figures) = row.compared() else { continue };
        let [mapped, repack, kv, state, reserved, peak] = figures.map(|(_, figure)| figure);
        exact += usize::from([mapped, repack, kv, state].iter().all(|figure| figure.is_exact()));
        let interval = row.prediction().map(|predicted| predicted.low_bytes..=predicted.high_bytes);
        within += usize::from(interval.is_some_and(|interval| interval.contains(&row.peak_bytes())));
        compute.push(reserved.error());
        peaks.push(peak.error());
    }
    let worst = |errors: &[f64]| errors.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    let sizes: Vec<f64> = peaks.iter().map(|error| error.abs()).collect();
    Some(MemorySummary {
        model: model.to_owned(),
        weights: weights.to_owned(),
        runs: peaks.len(),
        exact,
        worst_compute: worst(&compute)?,
        median_peak: median(&sizes)?,
        worst_peak: worst(&peaks)?,
        within,
    })
}
