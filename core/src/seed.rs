//! The first version's memory arithmetic and verdicts (dhurandhar 0.1.2), kept so that its figures can be
//! reproduced and compared.
//!
//! It knows one weight width for all tensors without scales, one head width, a per-layer embedding table that
//! is either resident or 64 MB, and a flash bound by sequential bandwidth. "MB" is 2^20 bytes, "GB/s" is 2^30
//! bytes a second. The project's own figures are in [`crate::memory`].

use crate::device::Device;
use crate::leaf::named;
use crate::leaf::units::{GIB, MIB};
use crate::model::Profile;
use crate::model::profile::LayerKind;
use serde::Serialize;

/// Page-cache share of a mapped embedding table, in MB.
const MAPPED_TABLE_MB: f64 = 64.0;

/// What a breakdown is computed for; the defaults are the first version's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SeedOptions {
    /// Tokens in the cache.
    pub context_tokens: u64,
    /// Bits of a weight.
    pub quant_bits: u64,
    /// Bits of a cached channel.
    pub kv_bits: u64,
    /// Leave the audio tower out of the totals.
    pub strip_audio: bool,
}

/// Memory by component in MB, each rounded to two decimals.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeedBreakdown {
    /// Decoder layers.
    pub decoder_mb: f64,
    /// Token embeddings with the per-layer table and its projection.
    pub embedding_mb: f64,
    /// KV cache.
    pub kv_cache_mb: f64,
    /// Vision tower.
    pub vision_encoder_mb: f64,
    /// Audio tower, counted in the totals unless stripped.
    pub audio_encoder_mb: f64,
    /// Activations of up to 4096 tokens.
    pub activations_overhead_mb: f64,
    /// Process.
    pub runtime_overhead_mb: f64,
    /// Everything in memory.
    pub resident_total_mb: f64,
    /// With the embeddings mapped; the resident total without a per-layer table.
    pub mmap_total_mb: f64,
    /// Audio is left out.
    pub strip_audio: bool,
    /// The model has a per-layer embedding table.
    pub has_ple: bool,
}

/// Verdict for one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeedAssessment {
    /// How it runs, if it does.
    pub mode: SeedMode,
    /// MB left of the budget in that mode, rounded to one decimal.
    pub headroom_mb: f64,
    /// Tokens per second that sequential flash bandwidth allows for table rows; none without a table.
    pub flash_read_bound_tok_per_sec: Option<f64>,
    /// In words.
    pub rationale: String,
}

/// How a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SeedMode {
    /// Everything in memory.
    Resident,
    /// Embeddings mapped from storage.
    Mmap,
    /// Not at all.
    Infeasible,
}

impl Default for SeedOptions {
    fn default() -> Self {
        Self { context_tokens: 32_768, quant_bits: 4, kv_bits: 4, strip_audio: true }
    }
}

named!(SeedMode { Resident "resident", Mmap "mmap", Infeasible "infeasible" });

/// The counts that the first version derives from a profile.
struct Counts<'a> {
    profile: &'a Profile,
    layers: f64,
    hidden: f64,
}

impl<'a> Counts<'a> {
    fn of(profile: &'a Profile) -> Self {
        Self { profile, layers: profile.num_hidden_layers as f64, hidden: profile.hidden_size as f64 }
    }

    /// Layers with their index and whether they keep a cache of their own.
    fn layers(&self) -> impl Iterator<Item = (usize, LayerKind, bool)> {
        let kinds = &self.profile.layer_kinds;
        let shared = usize::try_from(self.profile.shared_kv_last_n_layers).unwrap_or(usize::MAX);
        let fresh = kinds.len().saturating_sub(shared);
        kinds.iter().enumerate().map(move |(index, kind)| (index, *kind, index < fresh))
    }

    /// Keys and values of a layer, in channels a token.
    fn kv_channels(&self, layer: usize) -> f64 {
        2.0 * self.profile.num_key_value_heads.at(layer) as f64 * self.profile.head_dim as f64
    }

    fn decoder(&self) -> f64 {
        let profile = self.profile;
        let layer = |(index, _, fresh): (usize, LayerKind, bool)| {
            let queries = profile.num_attention_heads.at(index) as f64 * profile.head_dim as f64;
            let ffn = profile.intermediate_size.at(index) as f64;
            let keys_and_values = if fresh { self.kv_channels(index) } else { 0.0 };
            self.hidden * (2.0 * queries + keys_and_values + 3.0 * ffn + 4.0)
        };
        self.layers().map(layer).sum::<f64>() + self.hidden
    }

    /// Elements of one row of the per-layer table.
    fn ple_row(&self) -> f64 {
        self.layers * self.profile.ple_hidden_size as f64
    }

    fn embeddings(&self) -> f64 {
        let row = self.ple_row();
        let table = self.profile.ple_vocab_size as f64 * row + row * self.hidden;
        self.profile.vocab_size as f64 * self.hidden + if self.has_ple() { table } else { 0.0 }
    }

    fn has_ple(&self) -> bool {
        self.profile.ple_hidden_size > 0
    }

    /// Bytes of the cache: whole bytes in each layer, windows in local layers, nothing in shared ones.
    fn kv_bytes(&self, context_tokens: u64, kv_bits: u64) -> f64 {
        let window = self.profile.sliding_window;
        let layer = |(index, kind, fresh): (usize, LayerKind, bool)| {
            let tokens = match kind {
                LayerKind::Recurrent => 0,
                LayerKind::Sliding if window > 0 => context_tokens.min(window),
                LayerKind::Sliding | LayerKind::Full => context_tokens,
            };
            let bytes = tokens as f64 * self.kv_channels(index) * (kv_bits as f64 / 8.0);
            if fresh { bytes.floor() } else { 0.0 }
        };
        self.layers().map(layer).sum()
    }
}

/// Memory of a model by component.
pub fn breakdown(profile: &Profile, options: SeedOptions) -> SeedBreakdown {
    let counts = Counts::of(profile);
    let weights_mb = |parameters: f64, published_gb: f64| {
        let computed = parameters * (options.quant_bits as f64 / 8.0) / MIB as f64;
        let published = published_gb * 1024.0;
        let near = published > 0.0 && (0.7..=1.3).contains(&(computed / published));
        rounded(if options.quant_bits == 4 && near { published } else { computed }, 2)
    };
    let decoder = weights_mb(counts.decoder(), profile.published_decoder_gb);
    let embedding = weights_mb(counts.embeddings(), profile.published_embeddings_gb);
    let kv_cache = rounded(counts.kv_bytes(options.context_tokens, options.kv_bits) / MIB as f64, 2);
    let tokens = options.context_tokens.min(4_096) as f64;
    let activations =
        rounded(counts.hidden * tokens * 2.0 * (profile.weight_dtype_bits as f64 / 8.0) / MIB as f64, 2);
    let (vision, audio) = profile.encoder_mb;
    let counted_audio = if options.strip_audio { 0.0 } else { audio };
    let total = |embedding: f64| {
        decoder + embedding + kv_cache + vision + counted_audio + activations + profile.runtime_overhead_mb
    };
    let has_ple = counts.has_ple();
    SeedBreakdown {
        decoder_mb: decoder,
        embedding_mb: embedding,
        kv_cache_mb: kv_cache,
        vision_encoder_mb: vision,
        audio_encoder_mb: audio,
        activations_overhead_mb: activations,
        runtime_overhead_mb: profile.runtime_overhead_mb,
        resident_total_mb: total(embedding),
        mmap_total_mb: total(if has_ple { MAPPED_TABLE_MB } else { embedding }),
        strip_audio: options.strip_audio,
        has_ple,
    }
}

/// Verdict for a device at a target speed in tokens per second (15 when nothing is said).
pub fn assess(profile: &Profile, options: SeedOptions, device: &Device, target_tps: f64) -> SeedAssessment {
    let memory = breakdown(profile, options);
    // Where no budget is stated, the tightest limit stands for it.
    let budget = device.ram_budget_mb.unwrap_or_else(|| device.least_limit_bytes() as f64 / 1_048_576.0);
    let resident = budget - memory.resident_total_mb;
    let mapped = budget - memory.mmap_total_mb;
    let bound = flash_bound_tps(profile, options.quant_bits, device);
    // Without a table nothing is read from flash, and no bound is shown.
    let tps = bound.unwrap_or(f64::INFINITY);
    let (mode, headroom, rationale) = if resident >= 0.0 {
        let mapping = if memory.has_ple { " mmap not required." } else { "" };
        (SeedMode::Resident, resident, format!("Fits resident with {resident:.0} MB headroom.{mapping}"))
    } else if !memory.has_ple {
        let short = -resident;
        let text = format!("Insufficient RAM. Short by {short:.0} MB. Need smaller model or larger device.");
        (SeedMode::Infeasible, resident, text)
    } else if mapped >= 0.0 && tps >= target_tps {
        let text = format!(
            "PLE must be mmap'd ({mapped:.0} MB headroom). Flash bound = {tps:.1} tok/s (target {target_tps:.1}). \
             Viable but measure on device."
        );
        (SeedMode::Mmap, mapped, text)
    } else if mapped >= 0.0 {
        let text = format!(
            "PLE mmap fits RAM but flash bound = {tps:.1} tok/s < target {target_tps:.1}. Need tighter quant or \
             better flash."
        );
        (SeedMode::Infeasible, mapped, text)
    } else {
        let text = format!("Insufficient RAM even with mmap. Short by {:.0} MB.", -mapped);
        (SeedMode::Infeasible, mapped, text)
    };
    SeedAssessment {
        mode,
        headroom_mb: rounded(headroom, 1),
        flash_read_bound_tok_per_sec: bound.map(|tps| rounded(tps, 1)),
        rationale,
    }
}

/// Tokens per second at which sequential flash bandwidth delivers one table row a token; `None` without a table.
///
/// Rows cost latency, not bandwidth, so this bound is far above what any device reaches.
pub fn flash_bound_tps(profile: &Profile, quant_bits: u64, device: &Device) -> Option<f64> {
    let row_bytes = Counts::of(profile).ple_row() * (quant_bits as f64 / 8.0);
    (row_bytes > 0.0).then(|| device.flash_read_gbps() * GIB as f64 / row_bytes)
}

/// Round to `decimals`, ties to even, as Python's `round` does.
fn rounded(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(ram_budget_mb: f64, flash_read_gbps: f64) -> Device {
        let text = format!("name: d\nram_budget_mb: {ram_budget_mb}\nflash_read_gbps: {flash_read_gbps}\n");
        Device::from_yaml("d.yaml", &text).unwrap()
    }

    fn e2b() -> Profile {
        Profile::parse("gemma4-e2b.yaml", include_str!("../../tests/fixtures/seed/gemma4-e2b.yaml")).unwrap()
    }

    #[test]
    fn a_table_that_fits_mapped_on_slow_flash_is_infeasible() {
        // 1.0 KiB/s of flash against rows of 3840 bytes.
        let options = SeedOptions::default();
        let verdict = assess(&e2b(), options, &device(1_600.0, 1e-4), 1e5);
        assert_eq!(verdict.mode, SeedMode::Infeasible);
        assert_eq!(
            verdict.rationale,
            "PLE mmap fits RAM but flash bound = 28.0 tok/s < target 100000.0. Need tighter quant or better flash."
        );
    }

    #[test]
    fn published_sizes_replace_near_figures_at_four_bits_only() {
        let four = breakdown(&e2b(), SeedOptions::default());
        assert!((four.decoder_mb - 808.96).abs() < 1e-9);
        let eight = breakdown(&e2b(), SeedOptions { quant_bits: 8, ..SeedOptions::default() });
        assert!((eight.decoder_mb - 1_776.24).abs() < 1e-9, "{}", eight.decoder_mb);
    }

    #[test]
    fn ties_round_to_even() {
        assert!((rounded(0.125, 2) - 0.12).abs() < 1e-12);
        assert!((rounded(0.375, 2) - 0.38).abs() < 1e-12);
    }
}
