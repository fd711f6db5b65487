//! The table of dhurandhar 0.1.2, from its own arithmetic.

use crate::cli::output::{table, wrapped};
use dhurandhar_core::model::Profile;
use dhurandhar_core::seed::{SeedAssessment, SeedBreakdown};

/// Components, totals and verdicts as dhurandhar 0.1.2 printed them (MB of 2^20 bytes).
pub(crate) fn report(
    profile: &Profile,
    breakdown: &SeedBreakdown,
    verdicts: &[(String, SeedAssessment)],
) -> String {
    let mb = |value: f64| format!("{value:.0} MB");
    let b = breakdown;
    let rows = [
        ("Text decoder weights", b.decoder_mb),
        ("PLE + token embeddings", b.embedding_mb),
        ("KV cache", b.kv_cache_mb),
        ("Vision encoder", b.vision_encoder_mb),
        ("Audio encoder", b.audio_encoder_mb),
        ("Activations (peak)", b.activations_overhead_mb),
        ("Runtime overhead", b.runtime_overhead_mb),
        ("Total (PLE resident)", b.resident_total_mb),
        ("Total (PLE mmap'd)", b.mmap_total_mb),
    ];
    let mut text = wrapped(
        &format!(
            "{}: dhurandhar 0.1.2's arithmetic (plain bits, no scales, fixed activations). For comparison only; \
             leave out --method for the prediction.",
            profile.name
        ),
        "",
    );
    text += "\n";
    text +=
        &table(&["Component", "Size"], &[1], rows.iter().map(|(n, v)| vec![(*n).into(), mb(*v)]).collect());
    for (device, verdict) in verdicts {
        text += &format!("\n[{}] {}\n", device, verdict.mode.name());
        text += &wrapped(&verdict.rationale, "  ");
    }
    text
}
