//! Graphics adapters of this machine, as wgpu lists them.

use burn_wgpu::wgpu;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// A graphics adapter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Adapter {
    /// Name by its driver.
    pub(crate) name: String,
    /// Graphics API.
    pub(crate) api: String,
    /// `discrete_gpu`, `integrated_gpu`, `virtual_gpu`, `cpu` or `other`.
    pub(crate) kind: &'static str,
    /// Driver and its version.
    pub(crate) driver: String,
    /// Largest buffer a kernel can bind, in bytes.
    pub(crate) max_binding_bytes: u64,
    /// Largest buffer, in bytes.
    pub(crate) max_buffer_bytes: u64,
    /// Kernels can compute in f16.
    pub f16: bool,
}

/// Adapters that wgpu finds on this machine, in its order.
pub(crate) fn adapters() -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    ready(instance.enumerate_adapters(wgpu::Backends::all())).iter().map(Adapter::read).collect()
}

impl Adapter {
    fn read(adapter: &wgpu::Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete_gpu",
            wgpu::DeviceType::IntegratedGpu => "integrated_gpu",
            wgpu::DeviceType::VirtualGpu => "virtual_gpu",
            wgpu::DeviceType::Cpu => "cpu",
            wgpu::DeviceType::Other => "other",
        };
        Self {
            name: info.name,
            api: format!("{:?}", info.backend),
            kind,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            f16: adapter.features().contains(wgpu::Features::SHADER_F16),
        }
    }

    /// A processor in the guise of a GPU: right, but far slower than the CPU backend.
    pub(crate) fn is_software(&self) -> bool {
        self.kind == "cpu"
    }
}

/// The value of a future that is ready when first asked, as native adapter listing is.
fn ready<T>(future: impl Future<Output = Vec<T>>) -> Vec<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => Vec::new(),
    }
}
