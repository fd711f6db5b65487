//! Whether a model runs on a device, and how fast: `cargo run -p dhurandhar-core --example predict -- qwen3-8b raspberry-pi-5-16gb`.

use dhurandhar_core::device;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::registry;
use dhurandhar_core::report::Report;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = registry::model(&arguments.next().unwrap_or_else(|| "qwen3-8b".into()))?;
    let device = device::registry::device(&arguments.next().unwrap_or_else(|| "raspberry-pi-5-16gb".into()))?;
    // What people run when they say nothing; every field may be changed.
    let scenario = Scenario { context_tokens: 4096, ..Scenario::for_model(&model) };
    let report = Report::new(&model, &scenario, &[device], 0.0)?;
    for part in &report.placement.parts {
        println!(
            "{:<22} {:>8.1} MiB, {}",
            part.component.title(),
            part.size.bytes as f64 / 1_048_576.0,
            part.note
        );
    }
    for verdict in &report.devices {
        println!(
            "\n{} on {}: {}. {}",
            model.architecture.title,
            verdict.device_title,
            verdict.mode.name(),
            verdict.reason
        );
        if let Some(speed) = &verdict.speed {
            let decode = speed.decode_tokens_per_s;
            println!(
                "{:.1} to {:.1} tokens a second, {:.1} expected",
                decode.low, decode.high, decode.expected
            );
        }
    }
    Ok(())
}
