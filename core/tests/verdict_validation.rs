//! Verdicts held to what llama.cpp was measured to do under limits of memory: the committed runs, judged by the rules as they are.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use dhurandhar_core::measurement::{VerdictValidation, read_verdict_validation};
use std::path::Path;

fn reports() -> Vec<VerdictValidation> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content/measurements/verdicts");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| read_verdict_validation(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

#[test]
fn show() {
    const MIB: f64 = 1_048_576.0;
    for row in reports().iter().flat_map(|report| &report.rows) {
        let needs = row.case.needs().unwrap();
        let predicted = row.prediction().unwrap();
        let step = row.steps.last().unwrap();
        println!(
            "{} {} {} {} limit {:.1} | P {:.1} M {:.1} E {:.1} A {:.1} | anon {:.1} pt {:.1} kernel {:.1} | {:?} {:?} {:?} | {:.1} {:.1} {:.1} measured {:.1}",
            row.case.model,
            row.case.weights,
            row.case.repack,
            row.case.load,
            row.limit_bytes.map_or(0.0, |limit| limit as f64 / MIB),
            needs.anonymous.bytes as f64 / MIB,
            needs.hot_file_bytes as f64 / MIB,
            needs.expert_file_bytes as f64 / MIB,
            needs.active_expert_bytes as f64 / MIB,
            step.anon_bytes as f64 / MIB,
            step.page_table_bytes as f64 / MIB,
            step.kernel_bytes as f64 / MIB,
            predicted.outcome,
            row.outcome(),
            row.died_in(),
            predicted.reread_bytes.0 as f64 / MIB,
            predicted.reread_bytes.1 as f64 / MIB,
            predicted.reread_bytes.2 as f64 / MIB,
            row.steady_bytes().map_or(-1.0, |bytes| bytes as f64 / MIB),
        );
    }
}
