//! What one measured speed of a device says about all others.
//!
//! A measured row deviates from the law by some factor; other rows of the same chip deviate alike. The part of the logarithm that is
//! taken over, and the interval that is left, are fitted to all pairs of rows of a chip (`profiles/speed/classes.yaml`).

pub use super::calibration_error::CalibrationError;

use super::Estimate;
use super::class::{Basis, Class, shared};
use super::law::{Timed, Unit};
use super::row;
use super::work::{FormatGroup, PromptWork, TokenWork};
use crate::device::{Device, MeasuredSpeed};
use crate::format::llama_bench::{BenchRow, Timed as BenchTimed};
use crate::leaf::BlockType;
use crate::memory::{KvFormat, Runtime, Scenario};
use crate::model::Model;
use crate::weights::{WeightFormat, WeightPlan};

/// What rows of one machine say of a device.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// Deviations of the rows that say something.
    pub measured: Vec<MeasuredSpeed>,
    /// How many rows were left out and why, and which deviate by more than their class's interval, in sentences without full stops.
    pub remarks: Vec<String>,
}

/// A kind of row: what deviates alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) on_gpu: bool,
    pub(super) mixture: bool,
    pub(super) group: FormatGroup,
}

impl Kind {
    pub(super) fn of(class: Class, mixture: bool, multiplied: &[f64; FormatGroup::COUNT]) -> Self {
        let groups = super::work::groups();
        let most = groups.max_by(|a, b| multiplied[*a as usize].total_cmp(&multiplied[*b as usize]));
        Self { on_gpu: !class.is_processor(), mixture, group: most.unwrap_or(FormatGroup::Nested) }
    }

    fn is_of(self, measured: &MeasuredSpeed) -> bool {
        self.on_gpu == measured.on_gpu
            && self.mixture == measured.mixture
            && self.group.name() == measured.format_group
    }
}

/// A time as measurements of the device correct it; unchanged where there are none of its unit.
pub(super) fn corrected(
    timed: Timed,
    measured: &[MeasuredSpeed],
    prompt: bool,
    kind: Kind,
    basis: &Basis,
) -> Timed {
    // The page reads no measured speeds: without this its first visit would carry the tables for them.
    if cfg!(target_arch = "wasm32") || measured.is_empty() {
        return timed;
    }
    let mean = |wanted: &dyn Fn(&MeasuredSpeed) -> bool| {
        let (sum, count) = measured
            .iter()
            .filter(|row| row.of_prompt == prompt && row.on_gpu == kind.on_gpu && wanted(row))
            .fold((0.0, 0.0), |(sum, count), row| (sum + row.log_ratio, count + 1.0));
        (count > 0.0).then(|| sum / count)
    };
    let shared = shared();
    let shares = if prompt {
        (shared.prefill_calibration_share_same, shared.prefill_calibration_share_other)
    } else {
        (shared.decode_calibration_share_same, shared.decode_calibration_share_other)
    };
    let same = mean(&|row| kind.is_of(row));
    let (share, middle, log) = match (same, mean(&|_| true)) {
        (Some(middle), _) => (shares.0, middle, (basis.cal_same_log_low, basis.cal_same_log_high)),
        (None, Some(middle)) => (shares.1, middle, (basis.cal_other_log_low, basis.cal_other_log_high)),
        (None, None) => return timed,
    };
    Timed { seconds: timed.seconds * libm::exp(-share * middle), log }
}

/// What the law says of a row on a device.
struct Expected {
    seconds: Timed,
    kind: Kind,
    prompt: bool,
    unit: Unit,
    /// Bytes that a token reads at least.
    bytes: f64,
}

/// What the law expects of a row on a device, tokens a second; nothing where it times prompt and answer together.
pub fn expected(
    device: &Device,
    row: &BenchRow,
    model: Option<&Model>,
) -> Result<Option<Estimate>, CalibrationError> {
    Ok(law_of(device, row, model)?.map(|expected| expected.seconds.estimate().inverse()))
}

/// What the rows of a file say of a device: each with the model that `model_of` names, or the one that its parameters say. Rows that
/// say nothing are left out where others serve; one that cannot be of this device refuses them all.
pub fn of_rows(
    device: &Device,
    rows: &[BenchRow],
    model_of: impl Fn(&BenchRow) -> Option<Model>,
) -> Result<Calibration, CalibrationError> {
    let (mut found, mut left_out) = (Calibration::default(), Vec::new());
    for row in rows {
        match measured(device, row, model_of(row).as_ref()) {
            Ok((speed, remark)) => {
                found.measured.push(speed);
                found.remarks.extend(remark);
            }
            Err(error) if error.leaves_out() => left_out.push(error),
            Err(error) => return Err(error),
        }
    }
    let only_both = left_out.iter().all(|error| matches!(error, CalibrationError::Both { .. }));
    match left_out.first() {
        Some(first) if found.measured.is_empty() => {
            return Err(if only_both { CalibrationError::Nothing } else { first.clone() });
        }
        None if found.measured.is_empty() => return Err(CalibrationError::Nothing),
        _ => (),
    }
    if !left_out.is_empty() {
        let mut reasons: Vec<String> = left_out.iter().map(ToString::to_string).collect();
        reasons.dedup();
        let (count, all, why) = (left_out.len(), rows.len(), reasons.join("; "));
        found.remarks.insert(0, format!("{count} of {all} rows left out: {why}"));
    }
    Ok(found)
}

/// How a row deviates from what the law expects of the device, and a remark where that is more than the interval of its class.
fn measured(
    device: &Device,
    row: &BenchRow,
    model: Option<&Model>,
) -> Result<(MeasuredSpeed, Option<String>), CalibrationError> {
    row::fits_gpu(row, device)?;
    let both = || CalibrationError::Both { model: row.model_type.clone() };
    let expected = law_of(device, row, model)?.ok_or_else(both)?;
    row::within_peak(row, device, &expected.unit, expected.bytes)?;
    let log_ratio = libm::log(row.tokens_per_s * expected.seconds.seconds);
    let (low, high) = expected.seconds.log;
    let what = if expected.prompt { "prompts" } else { "decoding" };
    let remark = (log_ratio < low || log_ratio > high).then(|| {
        let factor = libm::exp(log_ratio);
        let factor = if factor < 0.1 { format!("{factor:.1e}") } else { format!("{factor:.1}") };
        format!("{}: {what} measured {factor} of what was expected of this device", row.model_type)
    });
    let speed = MeasuredSpeed {
        on_gpu: expected.kind.on_gpu,
        of_prompt: expected.prompt,
        mixture: expected.kind.mixture,
        format_group: expected.kind.group.name().to_owned(),
        log_ratio,
    };
    Ok((speed, remark))
}

fn law_of(
    device: &Device,
    row: &BenchRow,
    model: Option<&Model>,
) -> Result<Option<Expected>, CalibrationError> {
    let said = || row.model_type.clone();
    let found = match model {
        Some(model) => model.clone(),
        None => row::by_parameters(row.parameters)
            .ok_or_else(|| CalibrationError::Model { model: said(), parameters: row.parameters })?,
    };
    let counted = found.parameters().text;
    if row.parameters > 0 && row.parameters.abs_diff(counted) > counted / 10 {
        return Err(CalibrationError::OtherModel {
            model: said(),
            parameters: row.parameters,
            named: found.architecture.title.clone(),
            expected: counted,
        });
    }
    if let Some(part) = row::part(row, &found) {
        return Err(CalibrationError::Part { model: said(), part });
    }
    let unknown = || CalibrationError::Format { model: said() };
    let format = if found.is_stored() {
        WeightFormat::AsStored
    } else {
        row::format_of(&row.model_type).ok_or_else(unknown)?
    };
    let plan = WeightPlan::new(&found, format).map_err(|_| unknown())?;
    let cache = |name: &str| KvFormat::parse(name).unwrap_or(KvFormat::Block(BlockType::F16));
    let (tokens, prompt) = match row.timed {
        BenchTimed::Prompt(tokens) => (tokens, true),
        BenchTimed::Decode(tokens) => (tokens, false),
        BenchTimed::Both(..) => return Ok(None),
    };
    let (last, most) = (row.depth_tokens.saturating_add(tokens), found.architecture.max_context_tokens);
    if last > most {
        return Err(CalibrationError::Depth { model: said(), tokens: last, most });
    }
    let usual = Scenario::for_model(&found);
    let scenario = Scenario {
        context_tokens: (row.depth_tokens + tokens / 2).max(1),
        weights: format,
        k: cache(&row.cache.0),
        v: cache(&row.cache.1),
        ubatch: if row.ubatch == 0 { usual.ubatch } else { row.ubatch },
        ..usual
    };
    let runtime = Runtime::LlamaCpp;
    let unit = if row.on_gpu {
        Unit::of_gpu(device, device.gpu.as_ref(), runtime)
    } else {
        Unit::of_processor(device, runtime)
    };
    let unit = unit.ok_or_else(|| CalibrationError::Bandwidth { device: device.title.clone() })?;
    let reads = super::reads(&found, &plan, &scenario);
    let token = TokenWork::of(&found, &plan, &reads);
    let (seconds, bytes) = if prompt {
        let work = PromptWork::of(&found, &plan, &scenario, row.depth_tokens, tokens);
        let (timed, each) = (unit.prompt(&work), 1.0 / tokens as f64);
        (Timed { seconds: timed.seconds * each, ..timed }, work.weight_bytes * each)
    } else {
        (unit.token(&token), token.weight_bytes + token.cache_bytes + token.state_bytes)
    };
    let kind = Kind::of(unit.class, token.mixture, &token.multiplied);
    Ok(Some(Expected { seconds, kind, prompt, unit, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::feasibility::assess;
    use crate::format::llama_bench::read_llama_bench;
    use crate::model::registry;

    const QWEN: &str = r#"[{"cpu_info": "Cortex-A76", "model_filename": "q.gguf", "model_type": "qwen3 0.6B Q4_0", "model_size": 1,
        "model_n_params": 596049920, "n_gpu_layers": 0, "type_k": "f16", "type_v": "f16", "n_prompt": 0, "n_gen": 128,
        "n_depth": 0, "avg_ts": 20.0, "stddev_ts": 0.1}]"#;

    fn speed(device: &Device, model: &str, format: &str) -> crate::speed::Speed {
        let model = registry::model(model).unwrap();
        let mut scenario = Scenario::for_model(&model);
        (scenario.weights, scenario.context_tokens) = (WeightFormat::parse(format).unwrap(), 512);
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        assess(&model, &plan, &scenario, device, 0.0).unwrap().speed.unwrap()
    }

    #[test]
    fn a_measured_row_moves_and_narrows_the_speed_of_other_models() {
        let device = devices::device("raspberry-pi-5-8gb").unwrap();
        let row = &read_llama_bench(QWEN).unwrap().rows[0];
        let (found, _) = measured(&device, row, None).unwrap();
        assert!(!found.on_gpu && !found.of_prompt && found.format_group == "q4");
        let known = Device { measured_speeds: vec![found.clone()], ..device.clone() };
        let shares = shared();
        for (format, share) in [
            ("q4_0", shares.decode_calibration_share_same),
            ("q4_k_m", shares.decode_calibration_share_other),
        ] {
            let (before, after) =
                (speed(&device, "llama-3.2-1b", format), speed(&known, "llama-3.2-1b", format));
            let (before, after) = (before.decode_tokens_per_s, after.decode_tokens_per_s);
            let moved = libm::log(after.expected / before.expected);
            assert!(
                (moved - share * found.log_ratio).abs() < 1e-9,
                "{format}: {moved} of {}",
                found.log_ratio
            );
            assert!(after.high / after.low < before.high / before.low, "{format}");
        }
        // Prompts are not what was measured.
        let prompt = |device: &Device| speed(device, "llama-3.2-1b", "q4_0").turn.prompt_tokens_per_s;
        assert_eq!(prompt(&device), prompt(&known));
    }

    #[test]
    fn what_says_nothing_is_named() {
        let device = devices::device("raspberry-pi-5-8gb").unwrap();
        let row = &read_llama_bench(QWEN).unwrap().rows[0];
        let said = |change: &dyn Fn(&mut BenchRow), device: &Device| {
            let mut row = row.clone();
            change(&mut row);
            measured(device, &row, None).unwrap_err().to_string()
        };
        assert!(said(&|row| row.parameters = 7, &device).contains("no built-in model has 7 parameters"));
        assert!(
            said(&|row| row.model_type = "qwen3 0.6B Q9".into(), &device)
                .contains("the format of the weights")
        );
        assert!(said(&|row| row.depth_tokens = 1 << 20, &device).contains("beyond the 40960"));
        let unknown = Device { dram_bandwidth_gb_per_s: None, ..device.clone() };
        assert!(said(&|_| (), &unknown).contains("is unknown"));
        let both = BenchRow { timed: BenchTimed::Both(1, 1), ..row.clone() };
        assert!(measured(&device, &both, None).unwrap_err().to_string().contains("timed together"));
        // Depths and lengths beyond all numbers.
        let huge =
            said(&|row| (row.depth_tokens, row.timed) = (u64::MAX, BenchTimed::Decode(1 << 63)), &device);
        assert!(huge.contains("beyond the 40960"), "{huge}");
        let other = registry::model("smollm2-135m").unwrap();
        let told = measured(&device, row, Some(&other)).unwrap_err().to_string();
        assert!(told.contains("596049920 parameters") && told.contains("SmolLM2 135M"), "{told}");
    }

    #[test]
    fn a_row_that_the_memory_cannot_deliver_is_refused_and_an_unusual_one_is_told() {
        let device = devices::device("raspberry-pi-5-8gb").unwrap();
        let row = &read_llama_bench(QWEN).unwrap().rows[0];
        let at = |tokens_per_s: f64| {
            let row = BenchRow { tokens_per_s, ..row.clone() };
            of_rows(&device, &[row], |_| None).map_err(|error| error.to_string())
        };
        let usual = expected(&device, row, None).unwrap().unwrap();
        assert!(at(usual.expected).unwrap().remarks.is_empty());
        let slow = at(usual.low * 0.5).unwrap();
        assert!(slow.remarks[0].contains("of what was expected of this device"), "{slow:?}");
        let told = at(1000.0).unwrap_err();
        assert!(told.contains("GB/s, and Raspberry Pi 5") && told.contains("another machine"), "{told}");
    }

    #[test]
    fn rows_that_say_nothing_are_left_out_where_others_serve() {
        let device = devices::device("raspberry-pi-5-8gb").unwrap();
        let row = read_llama_bench(QWEN).unwrap().rows.remove(0);
        let unknown = BenchRow { model_type: "qwen3 0.6B Q9".into(), ..row.clone() };
        let of = |rows: &[BenchRow]| of_rows(&device, rows, |_| None).map_err(|error| error.to_string());
        let found = of(&[row.clone(), unknown.clone(), unknown.clone()]).unwrap();
        assert_eq!(found.measured.len(), 1);
        assert!(found.remarks[0].starts_with("2 of 3 rows left out: qwen3 0.6B Q9"), "{found:?}");
        assert!(of(&[unknown]).unwrap_err().contains("the format of the weights"));
        let both = BenchRow { timed: BenchTimed::Both(1, 1), ..row };
        assert_eq!(of(&[both]).unwrap_err(), "no row times a prompt or an answer alone");
        let card = devices::device("desktop-rtx-4090-24gb").unwrap();
        let part = QWEN
            .replace(r#""n_gpu_layers": 0"#, r#""gpu_info": "NVIDIA GeForce RTX 4090", "n_gpu_layers": 10"#);
        let rows = read_llama_bench(&part).unwrap().rows;
        let told = of_rows(&card, &rows, |_| None).unwrap_err().to_string();
        assert!(told.contains("10 of 29 layers lay on the GPU"), "{told}");
    }
}
