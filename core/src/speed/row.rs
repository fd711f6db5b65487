//! A row of `llama-bench` held to a device: which model and format it is of, whether the whole model lay where it says, and
//! whether this device can have measured it.

use super::calibration_error::CalibrationError;
use super::law::Unit;
use crate::device::{Device, Form, Gpu, GpuKind, Maker, Os};
use crate::format::llama_bench::{BenchRow, Timed};
use crate::model::{Model, registry};
use crate::weights::WeightFormat;

/// Tokens from which a batch is brought to the GPU although its layers lie with the processor (llama.cpp's
/// `ggml_backend_cuda_device_offload_op` and its like).
pub(super) const OFFLOADED_TOKENS: u64 = 32;
/// Bandwidths are rounded, and where they were measured a little below the peak.
const ABOVE_PEAK: f64 = 1.1;
/// What fits a processor's or a card's cache may be read faster than memory allows.
const IN_CACHE_BYTES: f64 = 128.0 * 1024.0 * 1024.0;
const ABOVE_PEAK_IN_CACHE: f64 = 10.0;

/// The built-in model with so many parameters, as llama.cpp counts them; the first by name where several have.
pub(super) fn by_parameters(parameters: u64) -> Option<Model> {
    let with = |more: &dyn Fn(&Model) -> [u64; 3]| {
        registry::models().find(|model| {
            let without = parameters.checked_sub(model.parameters().text);
            without.is_some_and(|left| more(model).contains(&left))
        })
    };
    with(&|_| [0; 3]).or_else(|| with(&rotations))
}

/// What a GGUF file may have more: factors of the rotation, one for each pair of a head's channels (Llama 3.1 and later); two such
/// tables, for long and short contexts, of all channels or of the three quarters that are rotated (Phi).
fn rotations(model: &Model) -> [u64; 3] {
    let head = model.architecture.attention_layers().next().map_or(0, |(_, attention)| attention.k_head_dim);
    [head / 2, head, head * 3 / 4]
}

/// The format in llama.cpp's words for a model (`qwen3 4B Q4_K - Medium`), which are those of `llama_model_ftype_name`.
pub(super) fn format_of(model_type: &str) -> Option<WeightFormat> {
    let words = model_type.to_lowercase();
    let words = words.trim().trim_end_matches("(guessed)").trim();
    // `IQ3_S mix - 3.66 bpw` is what others call IQ3_M.
    let (words, mix) = match words.split_once(" mix - ") {
        Some((start, _)) => (start, true),
        None => (words, false),
    };
    let (words, note) = words.split_once(" - ").unwrap_or((words, ""));
    let mark = match note.trim() {
        "small" => "_s",
        "medium" => "_m",
        "large" => "_l",
        _ => "",
    };
    let words = words.trim();
    let (rest, experts) = words.strip_suffix(" moe").map_or((words, ""), |rest| (rest, "_moe"));
    let name = rest.rsplit(' ').next()?;
    let name = if mix && name == "iq3_s" { "iq3_m" } else { name };
    let named = |text: &str| WeightFormat::parse(text).ok();
    let found = named(&format!("{name}{experts}{mark}")).or_else(|| named(name));
    found.filter(|format| *format != WeightFormat::AsStored)
}

/// Why a row says nothing of the whole model on one processor.
pub(super) fn part(row: &BenchRow, model: &Model) -> Option<String> {
    let (split, all) = (&row.split, model.architecture.layers.len() as u64 + 1);
    if !row.on_gpu {
        let batch = match row.timed {
            Timed::Prompt(tokens) => tokens.min(if row.ubatch == 0 { tokens } else { row.ubatch }),
            _ => 0,
        };
        let moved = !row.gpus.is_empty() && !split.no_op_offload && batch >= OFFLOADED_TOKENS;
        return moved.then(|| {
            format!("a prompt of {batch} tokens and more is computed on the GPU though no layer lies there (n_gpu_layers 0)")
        });
    }
    match u64::try_from(split.gpu_layers) {
        Ok(layers) if layers < all => Some(format!("{layers} of {all} layers lay on the GPU (n_gpu_layers)")),
        _ if split.cpu_moe_layers > 0 => {
            Some(format!("experts of {} layers stayed with the processor (n_cpu_moe)", split.cpu_moe_layers))
        }
        _ if !split.overrides.is_empty() => {
            Some(format!("tensors were placed by hand ({})", split.overrides))
        }
        _ if split.kv_on_host => Some("keys and values stayed with the processor (no_kv_offload)".to_owned()),
        _ => None,
    }
}

/// Makers of GPUs that a text names.
fn makers(text: &str) -> Vec<Maker> {
    let words = text.to_lowercase();
    let words = words.split(|sign: char| !sign.is_ascii_alphanumeric());
    let maker = |word: &str| {
        let starts = |parts: &[&str]| parts.iter().any(|part| word.starts_with(part));
        if matches!(word, "nvidia" | "geforce" | "tesla" | "quadro") || starts(&["rtx", "gtx", "cuda"]) {
            Some(Maker::Nvidia)
        } else if matches!(word, "amd" | "radeon" | "hip") || starts(&["rocm", "gfx"]) {
            Some(Maker::Amd)
        } else if matches!(word, "intel" | "arc") || starts(&["sycl"]) {
            Some(Maker::Intel)
        } else if matches!(word, "apple" | "metal") || starts(&["mtl"]) {
            Some(Maker::Apple)
        } else if matches!(word, "adreno" | "qualcomm") {
            Some(Maker::Qualcomm)
        } else {
            matches!(word, "mali" | "immortalis").then_some(Maker::Arm)
        }
    };
    words.filter_map(maker).collect()
}

/// Whether the device has a GPU such as the row was measured on; unknown makers pass.
pub(super) fn fits_gpu(row: &BenchRow, device: &Device) -> Result<(), CalibrationError> {
    if !row.on_gpu {
        return Ok(());
    }
    let mut named = makers(&row.gpus);
    if named.is_empty() {
        named = makers(&row.backends);
    }
    let gpus: Vec<&Gpu> = device.gpu.iter().chain(&device.more_gpus).collect();
    let other =
        |has: String| CalibrationError::Gpu { row: row.gpus.clone(), device: device.title.clone(), has };
    if gpus.is_empty() {
        // Phones have a GPU although their profiles need not name it.
        let phones = |maker: &Maker| match maker {
            Maker::Nvidia | Maker::Intel => false,
            Maker::Apple => device.os == Os::Ios,
            _ => device.os != Os::Ios,
        };
        let passes = device.form == Form::Phone && (named.is_empty() || named.iter().any(phones));
        return if passes { Ok(()) } else { Err(other("none of that kind".to_owned())) };
    }
    let of = |gpu: &&Gpu| gpu.maker.or((gpu.kind == GpuKind::Metal).then_some(Maker::Apple));
    let has: Vec<Option<Maker>> = gpus.iter().map(of).collect();
    let passes = named.is_empty() || has.iter().any(|maker| maker.is_none_or(|maker| named.contains(&maker)));
    let titles = || gpus.iter().map(|gpu| gpu.title.as_str()).collect::<Vec<_>>().join(" and ");
    if passes { Ok(()) } else { Err(other(titles())) }
}

/// Whether the device's memory delivers what the row reads: `bytes` for each token.
pub(super) fn within_peak(
    row: &BenchRow,
    device: &Device,
    unit: &Unit,
    bytes: f64,
) -> Result<(), CalibrationError> {
    let cards = if row.on_gpu { device.cards().len().max(1) } else { 1 };
    let (reads, peak) = (bytes * row.tokens_per_s, unit.bytes_per_s * cards as f64);
    let above = if bytes < IN_CACHE_BYTES { ABOVE_PEAK_IN_CACHE } else { ABOVE_PEAK };
    if reads <= peak * above {
        return Ok(());
    }
    let giga = |bytes: f64| format!("{:.0}", bytes / 1e9);
    Err(CalibrationError::Peak {
        model: row.model_type.clone(),
        reads: giga(reads),
        device: device.title.clone(),
        peak: giga(peak),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::format::llama_bench::BenchSplit;

    #[test]
    fn formats_are_read_off_the_words_of_llama_cpp() {
        for (words, format) in [
            ("qwen3 4B Q4_K - Medium", "q4_k_m"),
            ("llama 1B Q8_0", "q8_0"),
            ("gemma3 4B F16", "f16"),
            ("llama 8B all F32", "f32"),
            ("llama 8B Q3_K - Large", "q3_k_l"),
            ("llama 8B Q2_K - Medium", "q2_k"),
            ("llama 8B Q6_K", "q6_k"),
            ("gpt-oss 20B MXFP4 MoE", "mxfp4_moe"),
            ("llama 7B IQ4_XS - 4.25 bpw", "iq4_xs"),
            ("llama 7B IQ4_NL - 4.5 bpw", "iq4_nl"),
            ("llama 7B IQ2_XXS - 2.0625 bpw", "iq2_xxs"),
            ("llama 7B IQ3_S - 3.4375 bpw", "iq3_s"),
            ("llama 7B IQ3_S mix - 3.66 bpw", "iq3_m"),
            ("llama 7B TQ1_0 - 1.69 bpw ternary", "tq1_0"),
            ("llama 7B Q4_0 (guessed)", "q4_0"),
            ("llama 7B Q4_K - Small (guessed)", "q4_k_s"),
            ("llama 7B unknown, may not work", ""),
        ] {
            let found = format_of(words).map_or(String::new(), |format| format.to_string());
            assert_eq!(found, format, "{words}");
        }
    }

    #[test]
    fn rotation_factors_count_in_files_and_not_in_models() {
        let name = |parameters| by_parameters(parameters).map(|model| model.architecture.name);
        assert_eq!(name(1_235_814_432).as_deref(), Some("llama-3.2-1b"));
        assert_eq!(name(1_235_814_400).as_deref(), Some("llama-3.2-1b"));
        assert_eq!(name(1_235_814_401), None);
        let phi = registry::model("phi-4-mini").unwrap();
        assert_eq!(name(phi.parameters().text + 96).as_deref(), Some("phi-4-mini"));
    }

    fn row(gpus: &str, backends: &str, on_gpu: bool) -> BenchRow {
        BenchRow {
            build: String::new(),
            unit: gpus.to_owned(),
            on_gpu,
            gpus: gpus.to_owned(),
            split: BenchSplit { gpu_layers: if on_gpu { 99 } else { 0 }, ..BenchSplit::default() },
            backends: backends.to_owned(),
            model_file: String::new(),
            model_type: "llama 7B Q4_0".to_owned(),
            model_bytes: 0,
            parameters: 0,
            threads: 0,
            ubatch: 512,
            cache: (String::new(), String::new()),
            depth_tokens: 0,
            timed: Timed::Decode(128),
            tokens_per_s: 10.0,
            deviation_tokens_per_s: 0.0,
            samples_tokens_per_s: Vec::new(),
        }
    }

    #[test]
    fn rows_of_a_part_are_told_by_what_lay_elsewhere() {
        let model = registry::model("llama-2-7b").unwrap();
        let said = |change: &dyn Fn(&mut BenchRow)| {
            let mut row = row("NVIDIA GeForce RTX 4090", "CUDA", true);
            change(&mut row);
            part(&row, &model).unwrap_or_default()
        };
        assert_eq!(said(&|_| ()), "");
        assert_eq!(said(&|row| row.split.gpu_layers = 33), "");
        assert_eq!(said(&|row| row.split.gpu_layers = -1), "");
        assert!(said(&|row| row.split.gpu_layers = 32).contains("32 of 33 layers"));
        assert!(said(&|row| row.split.cpu_moe_layers = 4).contains("n_cpu_moe"));
        assert!(said(&|row| row.split.overrides = "exps=CPU".into()).contains("exps=CPU"));
        assert!(said(&|row| row.split.kv_on_host = true).contains("no_kv_offload"));
        let host = |timed, change: &dyn Fn(&mut BenchRow)| {
            said(&|row| {
                (row.on_gpu, row.split.gpu_layers, row.timed) = (false, 0, timed);
                change(row);
            })
        };
        assert!(host(Timed::Prompt(512), &|_| ()).contains("computed on the GPU"));
        assert_eq!(host(Timed::Prompt(512), &|row| row.split.no_op_offload = true), "");
        assert_eq!(host(Timed::Prompt(512), &|row| row.gpus.clear()), "");
        assert_eq!(host(Timed::Prompt(31), &|_| ()), "");
        assert_eq!(host(Timed::Decode(512), &|_| ()), "");
    }

    #[test]
    fn a_gpu_of_another_maker_is_refused_by_name() {
        let fits = |gpus: &str, backends: &str, device: &str| {
            let device = devices::device(device).unwrap();
            fits_gpu(&row(gpus, backends, true), &device).map_err(|error| error.to_string())
        };
        let (pc, mac, phone) = ("desktop-rtx-4090-24gb", "macbook-air-m4", "pixel-9a");
        for (gpus, backends, device) in [
            ("NVIDIA GeForce RTX 4090", "CUDA", pc),
            ("Intel(R) UHD Graphics, NVIDIA GeForce RTX 4090", "Vulkan", pc),
            ("Apple M4", "MTL,BLAS", mac),
            ("Mali-G715", "Vulkan", phone),
            ("some device", "Vulkan", pc),
        ] {
            assert_eq!(fits(gpus, backends, device), Ok(()), "{gpus} {device}");
        }
        for (gpus, backends, device, has) in [
            ("AMD Radeon RX 7900 XTX", "ROCm", pc, "RTX 4090"),
            ("NVIDIA GeForce RTX 4090", "CUDA", mac, "Apple"),
            ("a card", "CUDA", mac, "Apple"),
            ("NVIDIA GeForce RTX 4090", "CUDA", phone, "none of that kind"),
            ("NVIDIA GeForce RTX 4090", "CUDA", "raspberry-pi-5-8gb", "none of that kind"),
        ] {
            let told = fits(gpus, backends, device).unwrap_err();
            assert!(told.contains(gpus) && told.contains(has), "{told}");
        }
    }
}
