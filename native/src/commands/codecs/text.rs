//! Codec tables for a terminal of 80 columns.

use crate::cli::output::{count, mib, table, wrapped};
use dhurandhar_core::codec::CodecKind;
use dhurandhar_core::codec::report::{AttentionRow, CachedModel, RotationCost};
use dhurandhar_core::codec::sweep::SweepRow;
use dhurandhar_core::model::Architecture;

/// What was measured.
pub(crate) fn heading(source: &str, vectors: usize, dim: usize) -> String {
    wrapped(&format!("{} vectors of {dim} channels, {source}", count(vectors as u64)), "") + "\n"
}

/// Error at true bits.
pub(crate) fn quality(rows: &[SweepRow]) -> String {
    let cells = rows.iter().map(|row| {
        vec![
            row.codec.name().to_owned(),
            row.bits.to_string(),
            format!("{:.3}", row.true_bits),
            format!("{:.2}x", row.ratio_to_bf16),
            scientific(row.quality.nmse),
            row.theory_nmse.map_or("-".to_owned(), scientific),
            format!("{:.4}", row.quality.cosine),
            format!("{:.3}", row.quality.norm_ratio),
        ]
    });
    let header = ["Codec", "Bits", "True bits", "vs bf16", "nMSE", "Theory", "Cosine", "Norm"];
    let mut text = table(&header, &[1, 2, 3, 4, 5, 6, 7], cells.collect());
    text += "\n";
    let labels: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let label = row.published_label.as_ref()?;
            Some(format!(
                "{} at {}: published as {label}, stores {:.3}",
                row.codec.name(),
                row.bits,
                row.true_bits
            ))
        })
        .collect();
    for label in labels {
        text += &wrapped(&label, "");
    }
    text + &wrapped(
        "True bits count codes, scales and padding per channel. Theory: expected nMSE of the exact codebook on \
         isotropic vectors.",
        "",
    )
}

/// What coded keys and values do to attention; nothing without rows.
pub(crate) fn attention(rows: &[AttentionRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let cells = rows.iter().map(|AttentionRow { codec, bits, attention }| {
        vec![
            codec.name().to_owned(),
            bits.to_string(),
            scientific(attention.kl),
            format!("{:.1}%", 100.0 * attention.top1),
            format!("{:.1}%", 100.0 * attention.top_k),
            scientific(attention.output_relative_error),
            format!("{:.4}", attention.output_cosine),
        ]
    });
    let header = ["Codec", "Bits", "KL", "Top 1", "Top 5", "Output error", "Output cosine"];
    let text = String::from("\n") + &table(&header, &[1, 2, 3, 4, 5, 6], cells.collect());
    text + "\n"
        + &wrapped(
            "Causal attention, every 16th query: divergence of the weights in nats, share of queries whose heaviest \
             token stays first, share of the five heaviest that stay, |o - o'|² / |o|² and cosine of the output. \
             Values are coded likewise; with centred-keys as turboquant.",
            "",
        )
}

/// Adds and multiplies of a forward rotation.
pub(crate) fn costs(costs: &[RotationCost]) -> String {
    let cells = costs.iter().map(|cost| {
        vec![
            cost.head_dim.to_string(),
            count(cost.hadamard.adds),
            count(cost.hadamard.multiplies),
            count(cost.rotor.adds),
            count(cost.rotor.multiplies),
            count(cost.published_turbo),
            count(cost.published_rotor),
        ]
    });
    let header = ["d", "Hadamard +", "x", "Rotor +", "x", "0.1.2: turbo", "rotor"];
    let text = table(&header, &[1, 2, 3, 4, 5, 6], cells.collect());
    text + "\n"
        + &wrapped(
            "Per vector, forward rotation. dhurandhar 0.1.2 compared a Hadamard's additions with a rotor's \
         multiply-adds; neither predicts time.",
            "",
        )
}

/// A model's cache under every codec.
pub(crate) fn caches(model: &Architecture, context_tokens: u64, rows: &[CachedModel]) -> String {
    let (full, sliding) = model.cache_owners();
    let shared = model.attention_layers().count() - full - sliding;
    let baseline = rows.first().map_or(0, |row| row.memory.bf16_bytes);
    let mut text = wrapped(
        &format!(
            "KV cache of {} at {} tokens: {} MiB in bf16 ({full} full and {sliding} sliding layers; {shared} shared, \
             skipped)",
            model.title,
            count(context_tokens),
            mib(baseline)
        ),
        "",
    );
    let cells = rows.iter().map(|row| {
        vec![
            row.codec.name().to_owned(),
            format!("{}/{}", row.k_bits, row.v_bits),
            format!("{:.3}", row.memory.bits_per_channel()),
            mib(row.memory.total_bytes()),
            format!("{:.2}x", row.memory.ratio_to_bf16()),
            row.published_label.clone().unwrap_or_default(),
        ]
    });
    text += "\n";
    text += &table(
        &["Codec", "K/V bits", "True bits", "MiB", "Smaller", "Published as"],
        &[1, 2, 3, 4],
        cells.collect(),
    );
    if rows.iter().any(|row| row.codec == CodecKind::CentredKeys) {
        text += "\n";
        text += &wrapped(
            "centred-keys is the recommended preset: keys centred per head, unbiased scale, the first four tokens in \
             f16; values as turboquant.",
            "",
        );
    }
    text
}

fn scientific(value: f64) -> String {
    if value >= 0.001 { format!("{value:.5}") } else { format!("{value:.2e}") }
}
