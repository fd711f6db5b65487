//! `--method v0.1`: the table of dhurandhar 0.1.2, from its own arithmetic.

use super::{AnalyzeArgs, SplitMode};
use crate::bad_input;
use crate::cli::output::{self, table, wrapped};
use anyhow::Context;
use dhurandhar_core::device::Device;
use dhurandhar_core::model::{Model, Profile};
use dhurandhar_core::seed::{self, SeedAssessment, SeedBreakdown, SeedOptions};
use std::process::ExitCode;

/// Components, totals and verdicts as dhurandhar 0.1.2 printed them (MB of 2^20 bytes).
fn report(profile: &Profile, breakdown: &SeedBreakdown, verdicts: &[(String, SeedAssessment)]) -> String {
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

impl AnalyzeArgs {
    /// Options that the first release's formulas know nothing of.
    fn beyond_first_release(&self) -> Option<&'static str> {
        let given = [
            (self.slots.is_some(), "--slots"),
            (self.unified_kv.is_some(), "--unified-kv"),
            (self.load.is_some(), "--load"),
            (self.no_mmap, "--no-mmap"),
            (self.lazy.is_some(), "--lazy"),
            (self.all_devices, "--all-devices"),
            (self.cpu_only, "--cpu-only"),
            (!self.gpu.is_empty(), "--gpu"),
            (!self.rpc.is_empty(), "--rpc"),
            (!self.tensor_split.is_empty(), "--tensor-split"),
            (self.split_mode == SplitMode::Row, "--split-mode"),
            (!self.override_tensor.is_empty(), "--override-tensor"),
            (self.gpu_layers.is_some(), "--gpu-layers"),
            (self.cpu_moe_layers > 0, "--cpu-moe-layers"),
            (self.no_kv_offload, "--no-kv-offload"),
            (self.prompt_cache_mib.is_some(), "--prompt-cache-mib"),
            (self.context_checkpoints.is_some(), "--context-checkpoints"),
            (self.draft_model.is_some(), "--draft-model"),
            (self.mtp, "--mtp"),
            (self.memory_limit_mib.is_some(), "--memory-limit-mib"),
            (self.weights.is_some(), "--weights"),
            (self.k_format.is_some(), "--k-format"),
            (self.v_format.is_some(), "--v-format"),
            (self.runtime.is_some(), "--runtime"),
            (self.program.is_some(), "--program"),
            (self.no_flash_attention, "--no-flash-attention"),
            (self.flash_attention, "--flash-attention"),
            (self.no_repack, "--no-repack"),
            (self.state.is_some(), "--state"),
            (self.json_version == 1, "--json-version"),
            (self.output.is_some(), "--output"),
            (self.markdown, "--markdown"),
            (self.csv, "--csv"),
            (self.fail_if_infeasible, "--fail-if-infeasible"),
        ];
        given.into_iter().find_map(|(given, option)| given.then_some(option)).or_else(|| self.speed.used())
    }

    pub(super) fn run_first_release(&self, model: &Model) -> anyhow::Result<ExitCode> {
        if let Some(option) = self.beyond_first_release() {
            let known =
                "--context-tokens, --weight-bits, --kv-bits, --keep-audio, --device, --target-tps, --json";
            return Err(bad_input(format!("`{option}` with `--method v0.1`, which knows only {known}")));
        }
        let profile = model.profile.as_ref();
        let profile = profile.context("--method v0.1 needs a YAML profile or a built-in model")?;
        let options = SeedOptions {
            context_tokens: self.context_tokens.unwrap_or(32_768),
            quant_bits: u64::from(self.weight_bits.unwrap_or(4)),
            kv_bits: u64::from(self.kv_bits.unwrap_or(4)),
            strip_audio: !self.keep_audio,
        };
        let breakdown = seed::breakdown(profile, options);
        let devices = self.devices()?;
        let assess =
            |device: &Device| (device.name.clone(), seed::assess(profile, options, device, self.target_tps));
        let verdicts: Vec<_> = devices.iter().map(assess).collect();
        if self.json {
            let report = serde_json::json!({ "method": "seed-0.1.2", "model": profile.name, "breakdown": breakdown, "device_assessments": verdicts });
            output::print(&format!("{report:#}\n"))?;
        } else {
            output::print(&report(profile, &breakdown, &verdicts))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
