//! The processor and the GPUs of a device as the law sees them.

use super::class::Class;
use super::law::Unit;
use crate::device::{Device, Form, Gpu, GpuKind, SourceKind};
use crate::memory::Runtime;

/// Whether reads were timed to tell the bandwidth.
fn bandwidth_is_measured(device: &Device) -> bool {
    let source = device.sources.get("dram_bandwidth_gb_per_s");
    source.is_some_and(|source| source.kind == SourceKind::Measured)
}

impl Unit {
    /// The processor of a device as the law sees it; none without a bandwidth.
    pub(super) fn of_processor(device: &Device, runtime: Runtime) -> Option<Self> {
        Some(Self {
            class: Class::of_processor(device),
            bytes_per_s: device.dram_bytes_per_s()?,
            reached: bandwidth_is_measured(device),
            hbm: false,
            vector_flops: device.cpu_gflops.map(|giga| giga * 1e9),
            matrix_flops: None,
            integer_ops: device.cpu_int8_gops.map(|giga| giga * 1e9),
            phone: device.form == Form::Phone,
            program: match runtime {
                Runtime::LitertLm => "litert",
                Runtime::Executorch => "executorch",
                _ => "llama.cpp",
            },
        })
    }

    /// A GPU of a device; none without a bandwidth, or of a maker that is not known.
    pub(super) fn of_gpu(device: &Device, gpu: Option<&Gpu>, runtime: Runtime) -> Option<Self> {
        let own = gpu.and_then(Gpu::bytes_per_s);
        let shared = gpu.is_none_or(|gpu| gpu.kind != GpuKind::Discrete);
        Some(Self {
            class: match gpu {
                Some(gpu) => match Class::of_gpu(gpu, runtime) {
                    None if device.form == Form::Phone => Class::of_phone_gpu(),
                    class => class?,
                },
                None => Class::of_phone_gpu(),
            },
            bytes_per_s: own.or_else(|| device.dram_bytes_per_s().filter(|_| shared))?,
            reached: false,
            hbm: gpu.is_some_and(|gpu| gpu.hbm),
            vector_flops: gpu.and_then(|gpu| gpu.vector_tflops).map(|tera| tera * 1e12),
            matrix_flops: gpu.and_then(|gpu| gpu.matrix_tflops).map(|tera| tera * 1e12),
            integer_ops: None,
            phone: device.form == Form::Phone,
            program: "llama.cpp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_reached_is_what_weights_are_read_at() {
        let share = |processor: &str, source: &str| {
            let text = format!(
                "name: m\nos: linux\nform: computer\nprocessor: {processor}\nram_mib: 16384\ndram_bandwidth_gb_per_s: 40\nstorage: {{class: nvme-pcie-4}}\nsources: {{dram_bandwidth_gb_per_s: \"{source}\"}}\n"
            );
            let device = Device::from_yaml("m.yaml", &text).unwrap();
            Unit::of_processor(&device, Runtime::LlamaCpp).unwrap().bandwidth_share()
        };
        assert!(share("avx2", "spec-sheet: two channels") < 0.9);
        assert!((share("avx2", "measured: reads") - 1.0).abs() < 1e-12);
        // Where reading overlaps with arithmetic a share is more than a whole, as before.
        let arm = share("arm-dotprod", "spec-sheet: four channels");
        assert!(arm > 1.0 && (share("arm-dotprod", "measured: reads") - arm).abs() < 1e-12);
    }
}
