//! A profile as a table for spreadsheets: one line a configuration, medians with their predictions.

use super::MmapProfile;
use crate::format::csv::push_row;

const HEADER: &str = "id,pattern,layout,engine,state,pacing_us,budget_bytes,valid_blocks,invalid,tokens_per_s,\
tokens_per_s_low,tokens_per_s_high,mean_us,p50_us,p50_us_low,p50_us_high,p99_us,reads_per_token,bytes_per_token,\
amplification,major_faults_per_token,predicted_reads_per_token,predicted_wait_us,predicted_bytes_per_token,\
reads_predicted_over_measured,wait_predicted_over_measured";

impl MmapProfile {
    /// Comma-separated values with a header (RFC 4180); what is unknown is empty.
    pub fn to_csv(&self) -> String {
        let mut text = format!("{HEADER}\r\n");
        for c in &self.configurations {
            let (summary, prediction) = (c.summary.as_ref(), c.prediction.as_ref());
            let of = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            let p50 = summary.map(|s| s.p50_us);
            let speed = summary.map(|s| s.tokens_per_s);
            let cells = [
                c.id.clone(),
                c.pattern.name().to_owned(),
                c.layout.name().to_owned(),
                c.engine.name().to_owned(),
                c.state.name().to_owned(),
                c.pacing_us.to_string(),
                c.budget_bytes.map_or_else(String::new, |bytes| bytes.to_string()),
                summary.map_or(0, |s| s.blocks).to_string(),
                c.is_invalid().to_string(),
                of(speed.map(|s| s.estimate)),
                of(speed.map(|s| s.low)),
                of(speed.map(|s| s.high)),
                of(summary.map(|s| s.mean_us.estimate)),
                of(p50.map(|s| s.estimate)),
                of(p50.map(|s| s.low)),
                of(p50.map(|s| s.high)),
                of(summary.map(|s| s.p99_us)),
                of(summary.and_then(|s| s.reads_per_token)),
                of(summary.and_then(|s| s.bytes_per_token)),
                of(summary.and_then(|s| s.amplification)),
                of(summary.and_then(|s| s.major_faults_per_token)),
                of(prediction.and_then(|p| p.reads_per_token)),
                of(prediction.and_then(|p| p.stall_us)),
                of(prediction.and_then(|p| p.bytes_per_token)),
                of(prediction.and_then(|p| p.reads_over_measured)),
                of(prediction.and_then(|p| p.stall_over_measured)),
            ];
            push_row(&mut text, cells);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::HEADER;

    #[test]
    fn columns_are_named_once() {
        let mut names: Vec<&str> = HEADER.split(',').collect();
        assert_eq!(names.len(), 26);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 26);
    }
}
