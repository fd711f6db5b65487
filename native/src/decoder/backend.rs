//! Where tensors live: a GPU through wgpu, or the CPU backend.

use super::DecoderError;
use crate::machine::adapters::{Adapter, adapters};
use burn::tensor::{Device, DeviceKind, FloatDType, Tensor};

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// A GPU where one is found, else the CPU.
    #[default]
    Auto,
    /// wgpu, on whatever adapter there is (software drivers too).
    Wgpu,
    /// The CPU.
    Cpu,
}

/// A device with its name and limits.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Where tensors are made.
    pub device: Device,
    /// For people: backend and adapter.
    pub name: String,
    /// Largest buffer a kernel can bind, in bytes; `None` on the CPU.
    pub limit: Option<u64>,
    /// Products with the layers' frozen matrices are computed in this; all else in f32.
    pub half: Option<FloatDType>,
}

impl Backend {
    /// Open what was asked for. `auto` passes over software adapters.
    pub fn open(choice: BackendChoice) -> Result<Self, DecoderError> {
        if choice == BackendChoice::Cpu {
            return Ok(Self::cpu());
        }
        let found = adapters();
        // OpenGL adapters repeat what another API offers with fewer abilities.
        let usable = |adapter: &&Adapter| adapter.api != "Gl";
        let hardware = found.iter().filter(usable).find(|adapter| !adapter.is_software());
        match (choice, hardware) {
            (BackendChoice::Auto, None) => Ok(Self::cpu()),
            (_, Some(adapter)) => Ok(Self::wgpu(adapter, DeviceKind::DefaultDevice)),
            (_, None) => match found.iter().find(usable) {
                Some(adapter) => Ok(Self::wgpu(adapter, DeviceKind::Cpu)),
                None => Err(DecoderError::Device(
                    "no graphics adapter found; install a Vulkan, Metal or DirectX 12 driver, or compute on the CPU"
                        .to_owned(),
                )),
            },
        }
    }

    /// The CPU backend.
    pub fn cpu() -> Self {
        Self { device: Device::flex(), name: "cpu (burn-flex)".to_owned(), limit: None, half: None }
    }

    /// Whether the CPU computes.
    pub fn is_cpu(&self) -> bool {
        self.limit.is_none()
    }

    /// The same with products in half precision, where a GPU can compute in it.
    #[must_use]
    pub fn in_half_precision(mut self) -> Self {
        self.half = half_precision(self.limit.is_some(), |format| self.device.supports_dtype(format));
        if let Some(format) = self.half {
            self.name +=
                &format!(", products in {}", if format == FloatDType::BF16 { "bf16" } else { "f16" });
        }
        self
    }

    fn wgpu(adapter: &Adapter, kind: DeviceKind) -> Self {
        let name = format!("wgpu: {} ({})", adapter.name, adapter.api);
        Self { device: Device::wgpu(kind), name, limit: Some(adapter.max_binding_bytes), half: None }
    }

    /// Bring a tensor to the host.
    pub fn host<const D: usize>(&self, tensor: Tensor<D>) -> Result<Vec<f32>, DecoderError> {
        let failed = |problem: String| DecoderError::Execution { backend: self.name.clone(), problem };
        let data = tensor.try_into_data().map_err(|error| failed(error.to_string()))?;
        data.try_into_vec::<f32>().map_err(|error| failed(format!("{error:?}")))
    }

    /// Refuse a tensor that no kernel could bind.
    pub(super) fn check_buffer(&self, tensor: &str, elements: usize) -> Result<(), DecoderError> {
        let bytes = elements as u64 * 4;
        match self.limit {
            Some(limit) if bytes > limit => Err(DecoderError::Buffer {
                tensor: tensor.to_owned(),
                bytes,
                adapter: self.name.clone(),
                limit,
            }),
            _ => Ok(()),
        }
    }
}

/// The half-precision format to compute in: bf16 before f16, since its range is that of f32; none on a CPU, which is no
/// faster in either.
fn half_precision(gpu: bool, supports: impl Fn(FloatDType) -> bool) -> Option<FloatDType> {
    [FloatDType::BF16, FloatDType::F16].into_iter().find(|format| gpu && supports(*format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_what_the_adapter_has_and_never_the_cpus() {
        assert_eq!(half_precision(true, |_| true), Some(FloatDType::BF16));
        assert_eq!(half_precision(true, |format| format == FloatDType::F16), Some(FloatDType::F16));
        assert_eq!(half_precision(true, |_| false), None);
        assert_eq!(half_precision(false, |_| true), None);
        let cpu = Backend::cpu().in_half_precision();
        assert_eq!((cpu.half, cpu.name.as_str()), (None, "cpu (burn-flex)"));
    }
}
