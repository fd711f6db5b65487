//! What one measured speed of a device says about all others.
//!
//! A measured row deviates from the law by some factor; other rows of the same chip deviate alike. The part of the logarithm that is
//! taken over, and the interval that is left, are fitted to all pairs of rows of a chip (`profiles/speed/classes.yaml`).

use super::Estimate;
use super::class::{Basis, Class, shared};
use super::law::{Timed, Unit};
use super::work::{FormatGroup, PromptWork, TokenWork};
use crate::device::{Device, MeasuredSpeed};
use crate::format::llama_bench::{BenchRow, Timed as BenchTimed};
use crate::leaf::BlockType;
use crate::memory::{KvFormat, Runtime, Scenario};
use crate::model::{Model, registry};
use crate::weights::{WeightFormat, WeightPlan};
use thiserror::Error;

/// Why a row says nothing about the device.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CalibrationError {
    /// No built-in model has as many parameters.
    #[error("{model}: no built-in model has {parameters} parameters; name it (--calibrate-model)")]
    Model {
        /// llama.cpp's words for it.
        model: String,
        /// Its parameters.
        parameters: u64,
    },
    /// The format cannot be read off the words for the model.
    #[error("{model}: the format of the weights is not among those that are known")]
    Format {
        /// llama.cpp's words.
        model: String,
    },
    /// The device's bandwidth is unknown.
    #[error("the bandwidth of {device} is unknown: nothing to compare a measured speed with")]
    Bandwidth {
        /// The device.
        device: String,
    },
    /// The depth is beyond the model.
    #[error("{model}: {tokens} tokens, beyond the {most} that the model has")]
    Depth {
        /// llama.cpp's words.
        model: String,
        /// Tokens of the row.
        tokens: u64,
        /// The model's longest context.
        most: u64,
    },
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

/// The built-in model with so many parameters, as llama.cpp counts them; the first by name where several have.
fn by_parameters(parameters: u64) -> Option<Model> {
    registry::models().find(|model| model.parameters().text == parameters)
}

/// The format in llama.cpp's words for a model (`qwen3 4B Q4_K - Medium`).
fn format_of(model_type: &str) -> Option<WeightFormat> {
    let words = model_type.to_lowercase();
    let ends = [("- small", "_s"), ("- medium", "_m"), ("- large", "_l")];
    let words = words.trim();
    let found = ends.iter().find_map(|(end, mark)| words.strip_suffix(end).map(|rest| (rest.trim(), *mark)));
    let (rest, mark) = found.unwrap_or((words, ""));
    let name = rest.rsplit(' ').next()?;
    let named = |text: &str| WeightFormat::parse(text).ok();
    named(&format!("{name}{mark}")).or_else(|| named(name)).filter(|format| *format != WeightFormat::AsStored)
}

/// What the law says of a row on a device.
struct Expected {
    seconds: Timed,
    kind: Kind,
    prompt: bool,
}

/// What the law expects of a row on a device, tokens a second; nothing where it times prompt and answer together.
pub fn expected(
    device: &Device,
    row: &BenchRow,
    model: Option<&Model>,
) -> Result<Option<Estimate>, CalibrationError> {
    Ok(law_of(device, row, model)?.map(|expected| expected.seconds.estimate().inverse()))
}

/// How a row deviates from what the law expects of the device; nothing where it times prompt and answer together.
pub fn measured(
    device: &Device,
    row: &BenchRow,
    model: Option<&Model>,
) -> Result<Option<MeasuredSpeed>, CalibrationError> {
    Ok(law_of(device, row, model)?.map(|expected| MeasuredSpeed {
        on_gpu: expected.kind.on_gpu,
        of_prompt: expected.prompt,
        mixture: expected.kind.mixture,
        format_group: expected.kind.group.name().to_owned(),
        log_ratio: libm::log(row.tokens_per_s * expected.seconds.seconds),
    }))
}

fn law_of(
    device: &Device,
    row: &BenchRow,
    model: Option<&Model>,
) -> Result<Option<Expected>, CalibrationError> {
    let said = || row.model_type.clone();
    let found = match model {
        Some(model) => model.clone(),
        None => by_parameters(row.parameters)
            .ok_or_else(|| CalibrationError::Model { model: said(), parameters: row.parameters })?,
    };
    let unknown = || CalibrationError::Format { model: said() };
    let format = if found.is_stored() {
        WeightFormat::AsStored
    } else {
        format_of(&row.model_type).ok_or_else(unknown)?
    };
    let plan = WeightPlan::new(&found, format).map_err(|_| unknown())?;
    let cache = |name: &str| KvFormat::parse(name).unwrap_or(KvFormat::Block(BlockType::F16));
    let (tokens, prompt) = match row.timed {
        BenchTimed::Prompt(tokens) => (tokens, true),
        BenchTimed::Decode(tokens) => (tokens, false),
        BenchTimed::Both(..) => return Ok(None),
    };
    let (last, most) = (row.depth_tokens + tokens, found.architecture.max_context_tokens);
    if last > most {
        return Err(CalibrationError::Depth { model: said(), tokens: last, most });
    }
    let scenario = Scenario {
        context_tokens: (row.depth_tokens + tokens / 2).max(1),
        weights: format,
        k: cache(&row.cache.0),
        v: cache(&row.cache.1),
        ..Scenario::for_model(&found)
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
    let seconds = if prompt {
        let timed = unit.prompt(&PromptWork::of(&found, &plan, &scenario, row.depth_tokens, tokens));
        Timed { seconds: timed.seconds / tokens as f64, ..timed }
    } else {
        unit.token(&token)
    };
    let kind = Kind::of(unit.class, token.mixture, &token.multiplied);
    Ok(Some(Expected { seconds, kind, prompt }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::feasibility::assess;
    use crate::format::llama_bench::read_llama_bench;

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
        let found = measured(&device, row, None).unwrap().unwrap();
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
    fn formats_are_read_off_the_words_of_llama_cpp() {
        for (words, format) in [
            ("qwen3 4B Q4_K - Medium", "q4_k_m"),
            ("llama 1B Q8_0", "q8_0"),
            ("gemma3 4B F16", "f16"),
            ("llama 8B Q3_K - Large", "q3_k_l"),
            ("llama 8B Q6_K", "q6_k"),
            ("gpt-oss 20B MXFP4 MoE", ""),
        ] {
            assert_eq!(
                format_of(words).map_or(String::new(), |format| format.to_string()),
                format,
                "{words}"
            );
        }
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
        assert_eq!(measured(&device, &both, None), Ok(None));
    }
}
