//! Classes of processors: which share of their peaks language models reach, fitted to published measurements.
//!
//! `profiles/speed/classes.yaml` has the coefficients with the rows and chips behind each; `tests/scripts/fit_speed.py` fits them
//! from `profiles/speed/published.csv`.

use super::work::FormatGroup;
use crate::device::{Device, Gpu, GpuKind, Maker, Os, Processor};
use crate::memory::Runtime;

include!(concat!(env!("OUT_DIR"), "/speed.rs"));

/// How a class decodes: milliseconds a token as a sum of terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decode {
    /// Name of the class.
    pub class: &'static str,
    /// `gpu`, `phone`, `npu` or `cpu`.
    pub group: &'static str,
    /// Share of the peak bandwidth at which weights are read.
    pub bandwidth_share: f64,
    /// Milliseconds that a layer costs whatever its size.
    pub layer_ms: f64,
    /// What a byte of the cache costs, compared with a byte of weights.
    pub kv_factor: f64,
    /// Share of the peak of the vector units reached in products, of processors and GPUs without matrix units; 0 where products do
    /// not count.
    pub vector_share: f64,
    /// The same of GPUs with matrix units, which one token does not fill; 0 where products do not count.
    pub vector_share_with_matrix: f64,
    /// Bytes of weights unpacked for each operation of the peak; 0 where unpacking does not count.
    pub load_bytes_per_flop: f64,
    /// Bandwidth of what connects an NPU to memory, GB/s; 0 without one.
    pub fabric_gbs: f64,
    /// Milliseconds of a token whatever the model: to hand it over and to choose the next; 0 where layers hold them.
    pub token_ms: f64,
    /// Logarithm of the factor from the expected speed to the low end of the interval.
    pub log_low: f64,
    /// The same to the high end.
    pub log_high: f64,
    /// Published rows of the class, each predicted by a fit without its family of chips.
    pub unseen_rows: u32,
    /// Those of them that lie in the interval.
    pub held: u32,
    /// Chips that they are of.
    pub unseen_chips: u32,
}

/// How a class reads a prompt: milliseconds a token as a sum of terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prefill {
    /// Name of the class.
    pub class: &'static str,
    /// Which peak counts.
    pub peak: &'static str,
    /// Below 1 where larger chips reach a smaller share: the peak counts as 100 (peak / 100)^this, TFLOP/s.
    pub peak_exponent: f64,
    /// Share of that peak.
    pub peak_share: f64,
    /// What an operation of attention costs, compared with one of a product.
    pub attention_factor: f64,
    /// As of [`Decode`].
    pub log_low: f64,
    /// As of [`Decode`].
    pub log_high: f64,
    /// As of [`Decode`].
    pub unseen_rows: u32,
    /// As of [`Decode`].
    pub held: u32,
    /// As of [`Decode`].
    pub unseen_chips: u32,
}

/// What the coefficients of a class stand on, and its intervals after a calibration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Basis {
    /// Name of the class.
    pub class: &'static str,
    /// Rows that were fitted.
    pub rows: u32,
    /// Chips that they are of.
    pub chips: u32,
    /// Families of chips.
    pub families: u32,
    /// Of the unseen rows, those in an interval that was made without their family, too.
    pub held_apart: u32,
    /// `class`: nine of ten of the class's unseen rows lie in the interval; `pool`: its rows or chips are too few, it is drawn to other
    /// classes and widened.
    pub width_from: &'static str,
    /// Interval with one measured row of the same kind (program, backend, group of formats).
    pub cal_same_log_low: f64,
    /// As above.
    pub cal_same_log_high: f64,
    /// Interval with any other row of the chip.
    pub cal_other_log_low: f64,
    /// As above.
    pub cal_other_log_high: f64,
}

/// What a group of formats costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quant {
    /// Name of the group.
    pub quant_group: &'static str,
    /// Time to read its weights, outside processors.
    pub weight_time_factor: f64,
    /// Share of the vector peak in its products, on processors.
    pub cpu_vector_share_factor: f64,
    /// Time of a prompt's products, on processors.
    pub cpu_prefill_time_factor: f64,
}

/// What a program costs on processors, compared with llama.cpp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Program {
    /// Its name.
    pub runtime: &'static str,
    /// The group of classes that it was measured on.
    pub only_group: &'static str,
    /// Time of a token.
    pub decode_time_factor: f64,
    /// Time of a prompt.
    pub prefill_time_factor: f64,
}

/// Coefficients that all classes have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shared {
    /// Time to read from HBM, compared with the same share of other memory.
    pub hbm_time_factor: f64,
    /// Milliseconds more of a layer that chooses among experts.
    pub moe_layer_ms: f64,
    /// Time of a prompt's products in such layers.
    pub moe_prefill_factor: f64,
    /// Tokens that share one reading of the weights.
    pub batch_tokens: f64,
    /// Share of the bandwidth at which a batch reads them.
    pub floor_bandwidth_share: f64,
    /// Milliseconds a layer for each batch.
    pub floor_layer_ms: f64,
    /// Operations of attention for each byte of keys and values, where only those are known.
    pub attention_flop_per_kv_byte: f64,
    /// Part of the measured deviation that is taken over from a row of the same kind.
    pub decode_calibration_share_same: f64,
    /// The same from any other row.
    pub decode_calibration_share_other: f64,
    /// As above, of prompts.
    pub prefill_calibration_share_same: f64,
    /// As above, of prompts.
    pub prefill_calibration_share_other: f64,
}

/// Usual peak of a kind of chip, where its own is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeakFallback {
    /// Kind of chip.
    pub chip_kind: &'static str,
    /// Which peak.
    pub peak: &'static str,
    /// TFLOP/s (or TOP/s) for each GB/s of bandwidth.
    pub tera_per_gbs: f64,
    /// Standard deviation of its logarithm over the chips.
    pub log_sigma: f64,
    /// Chips that it stands on.
    pub chips: u32,
}

/// A class by its place in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class(usize);

impl Class {
    /// Every class.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..DECODE.len()).map(Self)
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        DECODE.iter().position(|class| class.class == name).map(Self)
    }

    /// How it decodes.
    pub fn decode(self) -> &'static Decode {
        &DECODE[self.0]
    }

    /// How it reads prompts.
    pub fn prefill(self) -> &'static Prefill {
        &PREFILL[self.0]
    }

    /// What its decoding stands on.
    pub fn decode_basis(self) -> &'static Basis {
        &DECODE_BASIS[self.0]
    }

    /// What its reading of prompts stands on.
    pub fn prefill_basis(self) -> &'static Basis {
        &PREFILL_BASIS[self.0]
    }

    /// Its short name.
    pub fn name(self) -> &'static str {
        self.decode().class
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self.name() {
            "cuda" => "NVIDIA card, CUDA",
            "cuda_no_matrix" => "NVIDIA card without matrix units, CUDA",
            "cuda_unified" => "NVIDIA GPU in unified memory, CUDA",
            "nv_vulkan" => "NVIDIA card, Vulkan",
            "dgpu_amd_intel" => "AMD or Intel card",
            "igpu_intel" => "Intel GPU in the host's memory",
            "igpu_amd" => "AMD GPU in the host's memory",
            "metal" => "Apple GPU, Metal",
            "mlx" => "Apple GPU, MLX",
            "phone_gpu" => "GPU of a phone",
            "npu_rockchip" => "Rockchip NPU",
            "npu_hexagon" => "Hexagon NPU",
            "npu_xdna" => "AMD XDNA NPU",
            "cpu_x86" => "x86-64 processor",
            "cpu_arm" => "Arm processor",
            "cpu_apple" => "Apple processor",
            other => other,
        }
    }

    /// It is a processor, not a GPU or an NPU.
    pub fn is_processor(self) -> bool {
        self.decode().group == "cpu"
    }

    /// Of a device's processor.
    pub fn of_processor(device: &Device) -> Self {
        Self::known(match (device.os, device.processor) {
            (_, Processor::Avx2 | Processor::Avx512) => "cpu_x86",
            (Os::Macos, _) => "cpu_apple",
            _ => "cpu_arm",
        })
    }

    /// Of a GPU under a program; none of one in the host's memory whose maker is not known.
    pub fn of_gpu(gpu: &Gpu, runtime: Runtime) -> Option<Self> {
        Some(Self::known(match (gpu.kind, gpu.maker) {
            (GpuKind::Metal, _) if runtime == Runtime::Mlx => "mlx",
            (GpuKind::Metal, _) => "metal",
            (GpuKind::Discrete, Some(Maker::Amd | Maker::Intel)) => "dgpu_amd_intel",
            (GpuKind::Discrete, _) if gpu.matrix_tflops.is_none() && gpu.vector_tflops.is_some() => {
                "cuda_no_matrix"
            }
            (GpuKind::Discrete, _) => "cuda",
            (GpuKind::Integrated, Some(Maker::Nvidia)) => "cuda_unified",
            (GpuKind::Integrated, Some(Maker::Intel)) => "igpu_intel",
            (GpuKind::Integrated, Some(Maker::Qualcomm | Maker::Arm)) => "phone_gpu",
            (GpuKind::Integrated, Some(Maker::Amd)) => "igpu_amd",
            (GpuKind::Integrated, _) => return None,
        }))
    }

    /// Of the GPU of a phone that states none, for programs that run on it.
    pub fn of_phone_gpu() -> Self {
        Self::known("phone_gpu")
    }

    /// A class of this file; a test looks that every name here is in the tables.
    fn known(name: &str) -> Self {
        Self::named(name).unwrap_or(Self(0))
    }

    /// What is usual for its peak where a chip's own is not known.
    pub(super) fn fallback(self, phone: bool) -> &'static PeakFallback {
        let kind = match (self.decode().group, self.name()) {
            (_, "cuda" | "cuda_no_matrix" | "nv_vulkan" | "dgpu_amd_intel") => "dgpu",
            (_, "cuda_unified") => "nv_unified",
            (_, "metal" | "mlx") => "apple_gpu",
            ("phone", _) => "phone_gpu",
            ("npu", _) => "npu",
            (_, "cpu_x86") => "cpu_x86",
            ("cpu", _) if phone => "phone_cpu",
            ("cpu", _) => "cpu_arm",
            _ => "igpu",
        };
        PEAK_FALLBACK.iter().find(|fallback| fallback.chip_kind == kind).unwrap_or(&PEAK_FALLBACK[0])
    }
}

/// The row of a group of formats.
pub(super) fn quant(group: FormatGroup) -> &'static Quant {
    QUANTS.iter().find(|quant| quant.quant_group == group.name()).unwrap_or(&QUANTS[0])
}

/// What a program costs on processors: the row of its name, or llama.cpp's, which is 1.
pub(super) fn program(name: &str) -> (f64, f64) {
    let found = RUNTIMES.iter().find(|program| program.runtime == name);
    found.map_or((1.0, 1.0), |program| (program.decode_time_factor, program.prefill_time_factor))
}

/// Coefficients of all classes.
pub(super) fn shared() -> &'static Shared {
    &SHARED[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry;

    #[test]
    fn tables_have_the_same_classes_with_sound_coefficients() {
        assert!(DECODE.len() >= 16);
        for class in Class::all() {
            let (decode, prefill) = (class.decode(), class.prefill());
            assert_eq!(decode.class, prefill.class);
            assert_eq!(
                (class.decode_basis().class, class.prefill_basis().class),
                (decode.class, decode.class)
            );
            assert_ne!(class.title(), class.name());
            // Above 1 where products and unpacking are terms of their own, which overlap with reading.
            assert!((0.1..=2.0).contains(&decode.bandwidth_share), "{}", decode.class);
            assert!(decode.layer_ms > 0.0 && decode.kv_factor >= 1.0, "{}", decode.class);
            assert!(
                decode.log_low < 0.0
                    && decode.log_high > 0.0
                    && prefill.log_low < 0.0
                    && prefill.log_high > 0.0
            );
            // Nine of ten unseen rows lie inside where there are enough; more where there are few.
            for (basis, rows, held) in [
                (class.decode_basis(), decode.unseen_rows, decode.held),
                (class.prefill_basis(), prefill.unseen_rows, prefill.held),
            ] {
                let share = f64::from(held) / f64::from(rows.max(1));
                assert!(held <= rows && basis.held_apart <= rows, "{}", basis.class);
                match basis.width_from {
                    "class" => assert!((0.85..=0.95).contains(&share), "{}: {share}", basis.class),
                    "pool" => assert!(rows == 0 || share >= 0.9, "{}: {share}", basis.class),
                    other => panic!("{}: {other}", basis.class),
                }
            }
            // A calibration narrows the interval, most with a row of the same kind.
            let basis = class.decode_basis();
            let width = |low: f64, high: f64| high - low;
            let same = width(basis.cal_same_log_low, basis.cal_same_log_high);
            // Not where two rows are known of one chip only.
            assert!(same <= width(decode.log_low, decode.log_high), "{}", decode.class);
        }
        assert_eq!(QUANTS.len(), FormatGroup::COUNT);
        assert!(
            quant(FormatGroup::Low).cpu_vector_share_factor
                < quant(FormatGroup::Simple).cpu_vector_share_factor
        );
    }

    #[test]
    fn every_device_has_its_classes() {
        for device in registry::devices() {
            let class = Class::of_processor(&device);
            assert!(class.is_processor(), "{}", device.name);
            assert_eq!(class.name() == "cpu_apple", device.os == Os::Macos, "{}", device.name);
            if let Some(gpu) = &device.gpu {
                let class = Class::of_gpu(gpu, Runtime::LlamaCpp);
                assert!(class.is_some_and(|class| !class.is_processor()), "{}", device.name);
            }
        }
        let class = |name: &str| Class::of_gpu(&Gpu::named(name).unwrap(), Runtime::LlamaCpp).unwrap().name();
        assert_eq!(Class::of_gpu(&Gpu::integrated(), Runtime::LlamaCpp), None);
        assert_eq!(
            (class("rtx-4060"), class("gtx-1070"), class("rx-7900-xtx")),
            ("cuda", "cuda_no_matrix", "dgpu_amd_intel")
        );
        for name in [
            "cpu_x86",
            "cpu_arm",
            "cpu_apple",
            "metal",
            "mlx",
            "cuda_unified",
            "igpu_intel",
            "igpu_amd",
            "phone_gpu",
        ] {
            assert!(Class::named(name).is_some(), "{name}");
        }
    }
}
