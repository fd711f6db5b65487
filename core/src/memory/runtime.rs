//! What different runtimes do with the same model.

use crate::leaf::named;
use crate::leaf::wire::wire_named;
use crate::model::Model;
use crate::weights::{StockType, UniformFormat, WeightFormat};
use serde::Serialize;
use std::fmt;

/// The program that runs the model; it decides cache cells, copies and buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// `llama-cli`: one sequence, window layers keep window + ubatch cells.
    LlamaCpp,
    /// `llama-server` as it starts: four slots that share one cache, a prompt cache in memory.
    LlamaServer,
    /// llama.cpp's C API defaults (llama-cpp-python): window layers keep the full context (`swa_full`).
    LlamaCppApi,
    /// LiteRT-LM on the CPU: memory-mapped sections, packed copy of the decoder.
    LitertLm,
    /// LiteRT-LM on the GPU: weights copied to it, but mapped on Apple's.
    LitertLmGpu,
    /// MLX on Apple's GPUs: everything in buffers of its own.
    Mlx,
    /// ExecuTorch with XNNPACK on the CPU: a mapped file, packed matrices, a cache for the whole context.
    Executorch,
    /// MLC-LLM on the GPU: weights and the whole cache in its buffers.
    Mlc,
    /// vLLM: pages of 16 tokens, window layers paged like the others.
    Vllm,
    /// Hugging Face transformers on the CPU: weights in private memory, dynamic cache.
    Transformers,
    /// No runtime: logical cache cells, no copies; process overhead as the profile states it.
    Ideal,
}

/// A runtime nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown runtime `{name}`; expected one of {}", Runtime::ALL.map(Runtime::name).join(", "))]
pub struct UnknownRuntime {
    /// What was asked for.
    pub name: String,
}

impl Runtime {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::LlamaCpp => "llama.cpp (command line)",
            Self::LlamaServer => "llama.cpp (server)",
            Self::LlamaCppApi => "llama.cpp (C API, full window caches)",
            Self::LitertLm => "LiteRT-LM (CPU)",
            Self::LitertLmGpu => "LiteRT-LM (GPU)",
            Self::Mlx => "MLX (Apple GPU)",
            Self::Executorch => "ExecuTorch (XNNPACK)",
            Self::Mlc => "MLC-LLM (GPU)",
            Self::Vllm => "vLLM",
            Self::Transformers => "transformers (CPU)",
            Self::Ideal => "no runtime (logical bytes)",
        }
    }

    /// A runtime by name.
    pub fn parse(name: &str) -> Result<Self, UnknownRuntime> {
        let lower = name.trim().to_ascii_lowercase().replace(['.', '_'], "-");
        let found = Self::ALL.into_iter().find(|runtime| runtime.name() == lower);
        found.ok_or_else(|| UnknownRuntime { name: name.to_owned() })
    }

    /// Whether it is llama.cpp in one form or another.
    pub const fn is_llama_cpp(self) -> bool {
        matches!(self, Self::LlamaCpp | Self::LlamaServer | Self::LlamaCppApi)
    }

    /// Whether it takes llama.cpp's weight formats and cache types.
    pub const fn takes_stock_formats(self) -> bool {
        self.is_llama_cpp() || matches!(self, Self::Ideal)
    }

    /// What this program reads of a model that no file stands for: the quantised checkpoint that its config speaks of, or what
    /// is usual there (bf16; 4 bits with MLX). None where it reads files of another kind.
    pub fn own_format(self, model: &Model) -> Option<WeightFormat> {
        if model.is_stored() || model.architecture.conduct.published_in_mxfp4 {
            return None;
        }
        let stated = model.architecture.published.checkpoint.as_deref();
        let stated = stated.and_then(|name| WeightFormat::parse(name).ok());
        let is_mlx = |format: &WeightFormat| {
            matches!(format, WeightFormat::Uniform(UniformFormat::Mlx { .. } | UniformFormat::MlxFloat(_)))
        };
        match self {
            Self::Mlx => {
                let usual = WeightFormat::Uniform(UniformFormat::Mlx { bits: 4, group: 64 });
                Some(stated.filter(is_mlx).unwrap_or(usual))
            }
            Self::Vllm | Self::Transformers => {
                let plain = WeightFormat::Stock(StockType::Bf16);
                Some(stated.filter(|format| !is_mlx(format)).unwrap_or(plain))
            }
            _ => None,
        }
    }

    /// Whether it runs on a GPU whatever is asked for.
    pub const fn needs_gpu(self) -> bool {
        matches!(self, Self::LitertLmGpu | Self::Mlx | Self::Mlc)
    }
}

named!(Runtime { LlamaCpp "llama-cpp", LlamaServer "llama-server", LlamaCppApi "llama-cpp-api", LitertLm "litert-lm", LitertLmGpu "litert-lm-gpu", Mlx "mlx", Executorch "executorch", Mlc "mlc", Vllm "vllm", Transformers "transformers", Ideal "ideal" });

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

wire_named!(Runtime);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Scenario;
    use crate::model::registry;
    use crate::weights::WeightPlan;

    /// Llama 3.2 1B: 973,078,528 parameters in matrices of layers, 262,668,288 in the table; norms stay in 16 bits.
    #[test]
    fn a_quantised_checkpoint_is_taken_where_it_is_read() {
        let (layers, table) = (973_078_528.0, 262_668_288.0);
        for (name, runtime, bits) in [
            ("int4_g128", Runtime::Vllm, [4.0 + 20.0 / 128.0, 16.0]),
            ("nf4", Runtime::Transformers, [4.5, 16.0]),
            ("fp8", Runtime::Vllm, [8.0, 16.0]),
            ("mlx_6bit", Runtime::Mlx, [6.5, 6.5]),
        ] {
            let mut model = registry::model("llama-3.2-1b").unwrap();
            model.architecture.published.checkpoint = Some(name.to_owned());
            let scenario = Scenario::for_runtime(&model, runtime);
            assert_eq!(scenario.weights.to_string(), name);
            let plan = WeightPlan::new(&model, scenario.weights).unwrap();
            let expected = (layers * bits[0] + table * bits[1]) / 8.0;
            let found = plan.text_bytes(&model) as f64;
            assert!((found / expected - 1.0).abs() < 1e-3, "{name}: {found} {expected}");
            assert_eq!(Scenario::for_runtime(&model, Runtime::LlamaCpp).weights.to_string(), "q4_k_m");
        }
    }
}
