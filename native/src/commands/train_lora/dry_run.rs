//! `train-lora --dry-run`: what would be trained, what it would take, and whether that fits.

use crate::bad_input;
use crate::cli::output;
use crate::train::planned::Planned;
use dhurandhar_core::training::{AdapterPlan, MemoryPlan, Mode, When, Where};
use std::process::ExitCode;

/// Sequence lengths that the plan is shown for, in addition to the configured one.
const LENGTHS: [u64; 5] = [256, 512, 1024, 2048, 4096];

/// Print everything; the exit code says whether it fits.
pub(super) fn run(planned: Planned<'_>, vram_gb: Option<f64>, json: bool) -> anyhow::Result<ExitCode> {
    let (memory, adapters) = (planned.configured(), planned.adapters);
    let fits = vram_gb.map(|gigabytes| memory.device_bytes as f64 <= gigabytes * 1e9);
    if json {
        let value = serde_json::json!({
            "model": planned.model.architecture.name,
            "adapter": { "rank": adapters.rank, "matrices": adapters.shapes.len(), "groups": adapters.groups,
                "trainable": adapters.trainable(), "frozen": adapters.frozen(),
                "trainable_percent": adapters.share_percent(), "bytes_f32": adapters.tensor_bytes(4) },
            "on_cpu": planned.on_cpu, "memory": memory, "vram_gb": vram_gb, "fits": fits,
        });
        output::print(&format!("{value:#}\n"))?;
    } else {
        output::print(&text(planned, &memory))?;
        if let (Some(gigabytes), Some(fits)) = (vram_gb, fits) {
            output::print(&verdict(&memory, gigabytes, fits))?;
        }
    }
    Ok(if fits == Some(false) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Refuse a run whose plan does not fit, before anything is loaded.
pub(super) fn refuse_unfit(planned: Planned<'_>, gigabytes: f64) -> anyhow::Result<()> {
    let memory = planned.configured();
    if memory.device_bytes as f64 <= gigabytes * 1e9 {
        return Ok(());
    }
    Err(bad_input(format!("{}{}", text(planned, &memory), verdict(&memory, gigabytes, false))))
}

fn text(planned: Planned<'_>, memory: &MemoryPlan) -> String {
    let Planned { config, model, adapters, on_cpu } = planned;
    let training = &config.training;
    let mode = match training.mode {
        Mode::LayerWise => "layer-wise recompute",
        Mode::FullTape => "full tape",
    };
    let mut text = format!(
        "{}: {} adapted matrices, rank {}\n\n",
        model.architecture.title,
        adapters.shapes.len(),
        adapters.rank
    );
    text.push_str(&parameters(adapters));
    for (tower, there) in [("vision", &model.architecture.vision), ("audio", &model.architecture.audio)] {
        if let Some(encoder) = there {
            let count = output::count(encoder.parameters);
            text.push_str(&format!("not loaded: {tower} tower, {count} parameters\n"));
        }
    }
    text.push_str(&format!(
        "\nMemory for {} x {} tokens a pass, {mode}, {}\n\n{}",
        training.batch,
        training.max_seq_length,
        if on_cpu { "on the CPU" } else { "on a GPU" },
        components(memory)
    ));
    text.push_str(&format!("\nBy sequence length, MiB (batch {})\n\n{}", training.batch, lengths(planned)));
    text
}

fn parameters(adapters: &AdapterPlan) -> String {
    let mut rows: Vec<Vec<String>> = adapters
        .groups
        .iter()
        .map(|group| {
            vec![group.group.to_owned(), output::count(group.trainable), output::count(group.frozen)]
        })
        .collect();
    rows.push(vec!["all".into(), output::count(adapters.trainable()), output::count(adapters.frozen())]);
    let table = output::table(&["parameters", "trainable", "frozen"], &[1, 2], rows);
    format!(
        "{table}trainable: {:.4} % of {}; adapter {} MiB in f32\n",
        adapters.share_percent(),
        output::count(adapters.trainable() + adapters.frozen()),
        output::mib(adapters.tensor_bytes(4))
    )
}

fn components(memory: &MemoryPlan) -> String {
    let place = |place| match place {
        Where::Host => "host",
        Where::Mapped => "file pages",
        Where::Device => "device",
    };
    let when = |when| match when {
        When::Always => "always",
        When::Layers => "layers",
        When::Loss => "loss",
    };
    let mut rows: Vec<Vec<String>> = memory
        .components
        .iter()
        .map(|c| vec![c.name.to_string(), place(c.place).into(), when(c.when).into(), output::mib(c.bytes)])
        .collect();
    let total = |name: &str, bytes| vec![name.to_owned(), String::new(), String::new(), output::mib(bytes)];
    rows.push(total("device, at its peak", memory.device_bytes));
    rows.push(total("host", memory.host_bytes));
    rows.push(total("file pages touched", memory.mapped_bytes));
    rows.push(total("all three", memory.total_bytes()));
    output::table(&["component", "where", "while", "MiB"], &[3], rows)
}

fn lengths(planned: Planned<'_>) -> String {
    let own = planned.config.training.max_seq_length as u64;
    let mut list: Vec<u64> = LENGTHS.into_iter().chain([own]).collect();
    list.sort_unstable();
    list.dedup();
    let of = |mode, length| output::mib(planned.plan(mode, length).device_bytes);
    let rows = list
        .into_iter()
        .map(|length| vec![length.to_string(), of(Mode::LayerWise, length), of(Mode::FullTape, length)]);
    output::table(&["tokens", "device, layer-wise", "device, full tape"], &[1, 2], rows.collect())
}

fn verdict(memory: &MemoryPlan, gigabytes: f64, fits: bool) -> String {
    let needed = memory.device_bytes as f64 / 1e9;
    let word = if fits { "fits" } else { "does not fit" };
    format!("\n{word}: the device needs {needed:.2} GB of {gigabytes} GB\n")
}
