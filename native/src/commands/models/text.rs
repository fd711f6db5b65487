//! Models as a list, and one of them in full.

use crate::cli::output::{count, mib, table, wrapped};
use dhurandhar_core::memory::{KvFormat, Runtime, Scenario, kv_cache};
use dhurandhar_core::model::architecture::{Ffn, KvSource, Layer, Mixer};
use dhurandhar_core::model::{Model, Role};
use dhurandhar_core::report::ModelSummary;
use std::collections::BTreeMap;

/// A line for every model.
pub(crate) fn models(models: impl Iterator<Item = Model>) -> String {
    let rows = models.map(|model| {
        let summary = ModelSummary::of(&model);
        vec![
            summary.name,
            format!("{:.2} B", summary.parameters.text as f64 / 1e9),
            match summary.parameters.ple_table {
                0 => String::new(),
                table => format!("{:.2} B", table as f64 / 1e9),
            },
            summary.layers.to_string(),
            match summary.sliding_cache_layers {
                0 => summary.full_cache_layers.to_string(),
                sliding => format!("{}+{sliding}w", summary.full_cache_layers),
            },
            count(summary.max_context_tokens),
            mib(full_cache(&model)),
        ]
    });
    let header = ["Model", "Text", "PLE", "Layers", "KV", "Context", "KV MiB"];
    table(&header, &[1, 2, 3, 4, 5, 6], rows.collect())
        + "\nKV: layers with a cache of their own; w: within a sliding window.\n\
            KV MiB: 16 bits, 32,768 tokens or the maximum, logical cells.\n"
}

fn full_cache(model: &Model) -> u64 {
    let scenario = Scenario {
        context_tokens: model.architecture.max_context_tokens.min(32_768),
        runtime: Runtime::Ideal,
        k: KvFormat::F16,
        v: KvFormat::F16,
        ..Scenario::for_model(model)
    };
    kv_cache::total(&model.architecture, &scenario)
}

/// One model in full.
pub(crate) fn model(model: &Model) -> String {
    let summary = ModelSummary::of(model);
    let counts = &summary.parameters;
    let mut text =
        format!("{} ({}, family {}, {})\n\n", summary.title, summary.name, summary.family, summary.origin);
    let groups = [
        ("Decoder", counts.decoder),
        ("Token embeddings", counts.token_embedding),
        ("Output head", counts.output_head),
        ("PLE table", counts.ple_table),
        ("Text in use", counts.text),
        ("Effective (text less PLE)", counts.effective),
        ("Read per token", counts.active_per_token),
        ("Unused K/V weights", counts.unused),
        ("Vision tower", counts.vision),
        ("Audio tower", counts.audio),
        ("Everything", counts.total),
    ];
    let rows = groups.iter().filter(|(_, number)| *number > 0);
    text += &table(&["Parameters", "Count"], &[1], rows.map(|(n, c)| vec![(*n).into(), count(*c)]).collect());
    if model.is_stored() {
        text += "\n";
        text += &stored(model);
    }
    text += "\n";
    text += &layers(&model.architecture.layers);
    text += &format!("\nMax context {} tokens.\n", count(summary.max_context_tokens));
    for line in &summary.assumptions {
        text += &wrapped(&format!("Assumed: {line}."), "");
    }
    for line in &summary.sources {
        text += &wrapped(&format!("Source: {line}"), "");
    }
    text
}

/// Stored bytes by block type.
fn stored(model: &Model) -> String {
    let mut by_type: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for tensor in
        model.tensors.iter().filter(|tensor| tensor.role != Role::Vision && tensor.role != Role::Audio)
    {
        if let Some(stored) = tensor.stored {
            let entry = by_type.entry(stored.block.name()).or_default();
            entry.0 += 1;
            entry.1 += tensor.elements();
            entry.2 += stored.bytes;
        }
    }
    let rows = by_type.iter().map(|(name, (tensors, elements, bytes))| {
        let bits = *bytes as f64 * 8.0 / (*elements).max(1) as f64;
        vec![(*name).to_owned(), count(*tensors), count(*elements), count(*bytes), format!("{bits:.2}")]
    });
    table(&["Stored as", "Tensors", "Elements", "Bytes", "Bits each"], &[1, 2, 3, 4], rows.collect())
}

/// Runs of equal layers, one line each.
fn layers(layers: &[Layer]) -> String {
    let mut runs: Vec<(usize, usize, [String; 4])> = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let cells = cells(layer);
        match runs.last_mut() {
            Some((_, last, known)) if *known == cells => *last = index,
            _ => runs.push((index, index, cells)),
        }
    }
    let rows = runs.into_iter().map(|(first, last, cells)| {
        let name = if first == last { first.to_string() } else { format!("{first}-{last}") };
        std::iter::once(name).chain(cells).collect()
    });
    table(&["Layers", "Mixes by", "Heads q/kv x dim", "KV", "FFN"], &[], rows.collect())
}

fn cells(layer: &Layer) -> [String; 4] {
    let (mixer, heads, kv) = match &layer.mixer {
        Mixer::None => ("nothing".to_owned(), String::new(), String::new()),
        Mixer::Attention(a) | Mixer::Both(a, _) => {
            let kind = a.window.map_or("full attention".to_owned(), |window| format!("window {window}"));
            let dims = if a.k_head_dim == a.v_head_dim {
                a.k_head_dim.to_string()
            } else {
                format!("{}/{}", a.k_head_dim, a.v_head_dim)
            };
            let kv = match a.kv {
                KvSource::Own => "own".to_owned(),
                KvSource::Shared { donor, .. } => format!("of layer {donor}"),
            };
            (kind, format!("{}/{} x {dims}", a.query_heads, a.kv_heads), kv)
        }
        Mixer::Recurrent(r) => {
            (format!("{:?}", r.kind), String::new(), format!("state {} B", count(r.state_bytes)))
        }
    };
    let ffn = match layer.ffn {
        Ffn::Dense { width, .. } => count(width),
        Ffn::Experts { experts, active, width, .. } => format!("{active} of {experts} x {}", count(width)),
        Ffn::None => "none".to_owned(),
    };
    [mixer, heads, kv, ffn]
}
