//! Models, devices and scenarios on the wire.

use core::fmt::Display;

use super::{Wire, wire_enum, wire_listed, wire_struct};
use crate::device::{
    Beyond, BudgetMetric, Counts, Device, Form, Gpu, GpuKind, Limit, Maker, MeasuredSpeed, Os, Platform,
    Processor, Source, SourceKind, State, Storage, Version,
};
use crate::memory::{Draft, KvFormat, LazyMode, LoadMode, Offload, Runtime, Scenario, Turn};
use crate::model::architecture::{
    Architecture, Attention, Conduct, Embeddings, Encoder, Expanded, ExtraTensor, Extras, Ffn, KvSource,
    Layer, Mixer, Order, PerLayerEmbedding, Published, Recurrent, RecurrentKind, RecurrentTensor, Tokenizer,
};
use crate::model::recurrent::NAMES;
use crate::model::tensor::{Active, Role, Stored, Tensor};
use crate::model::{Model, Origin, inventory};
use crate::weights::{BlockType, WeightFormat};

/// Tensors that follow from the architecture stay at home, and so does the compact form, which nothing at the
/// other end reads.
impl Wire for Model {
    fn put(&self, out: &mut Vec<u8>) {
        self.architecture.put(out);
        self.origin.put(out);
        let listed = inventory::tensors(&self.architecture) != self.tensors;
        listed.put(out);
        if listed {
            self.tensors.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let architecture = Architecture::take(from)?;
        let origin = Origin::take(from)?;
        let tensors = if bool::take(from)? { Vec::take(from)? } else { inventory::tensors(&architecture) };
        Some(Self { architecture, tensors, origin, profile: None })
    }
}

wire_enum!(Origin { 0 BuiltIn, 1 Profile, 2 Config, 3 Gguf { file_bytes }, 4 Safetensors { file_bytes } });
wire_struct!(Architecture {
    name,
    title,
    family,
    hidden_size,
    max_context_tokens,
    embeddings,
    layers,
    ple,
    extras,
    more,
    passes,
    conduct,
    vision,
    audio,
    published,
    stated_overhead_bytes,
    sources,
    assumptions,
    uncounted,
});
wire_struct!(ExtraTensor { name, role, rows, row_length, active });
wire_struct!(Conduct {
    llama_cpp_ignores_windows,
    order,
    tokenizer,
    quantised_as_70b,
    quantised_as_falcon,
    published_in_mxfp4,
    padded_ple,
});
wire_enum!(Order { 0 Usual, 1 NormsAfter, 2 Parallel, 3 Fused });
wire_enum!(Tokenizer { 0 Bpe, 1 Spm, 2 Gemma4 });
wire_struct!(Embeddings { vocab_size, tied });
wire_struct!(Layer { mixer, ffn, norms, more });
wire_enum!(Mixer { 0 Attention(attention), 1 Recurrent(recurrent), 2 Both(attention, recurrent), 3 None });
wire_struct!(Attention {
    window,
    query_heads,
    kv_heads,
    k_head_dim,
    v_head_dim,
    kv,
    qkv_bias,
    output_bias,
    qk_norm,
    values_from_keys,
    output_gate,
    listed,
    expanded,
    indexer_channels,
    cross_tokens,
});
wire_struct!(Expanded { heads, k_head_dim, v_head_dim, in_llama_cpp, in_vllm });
wire_enum!(KvSource { 0 Own, 1 Shared { donor, unused_weights } });
wire_struct!(Recurrent { kind, state_bytes, tensors });
wire_enum!(RecurrentKind {
    0 ShortConv, 1 GatedDeltaNet, 2 Mamba2, 3 Mamba, 4 KimiDelta, 5 Lightning, 6 Rwkv7,
});
wire_enum!(Ffn {
    0 Dense { width, gated },
    1 Experts { experts, active, width, shared_width, dense_width, router_extras, gated },
    2 None,
});
wire_struct!(PerLayerEmbedding { rows, width, gated });
wire_struct!(Extras { altup_streams, laurel_rank, layer_scalar, fused, head_gate, bare_output_norm });
wire_struct!(Encoder { parameters, bytes });
wire_struct!(Published { parameters, parameters_note, decoder_bytes, embedding_bytes });
wire_struct!(Tensor { name, role, layer, rows, row_length, active, stored });
wire_enum!(Active { 0 All, 1 Row, 2 Experts { active, experts }, 3 Nothing });
wire_struct!(Stored { block, bytes });
wire_listed!(BlockType);
wire_enum!(Role {
    0 TokenEmbedding, 1 OutputHead, 2 PleTable, 3 PleProjection, 4 AttentionQ, 5 AttentionK, 6 AttentionV,
    7 AttentionQkv, 8 AttentionOutput, 9 FfnGate, 10 FfnUp, 11 FfnGateUp, 12 FfnDown, 13 ExpertGate, 14 ExpertUp,
    15 ExpertDown, 16 Router, 17 Recurrent, 18 Vector, 19 Buffer, 20 Unquantised, 21 Vision, 22 Audio, 23 Unused,
});

/// Names of recurrent tensors are known ahead and stay what they are: static.
impl Wire for RecurrentTensor {
    fn put(&self, out: &mut Vec<u8>) {
        let place = NAMES.iter().position(|name| *name == self.name);
        place.unwrap_or(usize::MAX).put(out);
        (self.rows, self.row_length).put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let name = NAMES.get(usize::take(from)?)?;
        let (rows, row_length) = Wire::take(from)?;
        Some(Self { name, rows, row_length })
    }
}

wire_struct!(Device {
    name,
    title,
    os,
    platform,
    os_version,
    form,
    processor,
    gpu,
    ram_mib,
    cgroup_mib,
    ram_budget_mb,
    system_limits,
    budget_metric,
    dram_bandwidth_gb_per_s,
    cpu_gflops,
    cpu_int8_gops,
    measured_speeds,
    storage,
    page_size_kib,
    supports_npu,
    notes,
    sources,
});
wire_struct!(Storage {
    class,
    sequential_read_mb_per_s,
    random_read_latency_us,
    random_read_iops,
    queue_depth,
});
wire_enum!(Os { 0 Android, 1 Ios, 2 Linux, 3 Macos, 4 Windows, 5 Other });
wire_enum!(Form { 0 Phone, 1 Board, 2 Computer });
wire_enum!(Processor { 0 Avx2, 1 Avx512, 2 ArmDotprod, 3 Arm, 4 Plain });
wire_enum!(GpuKind { 0 Metal, 1 Discrete, 2 Integrated });
wire_struct!(MeasuredSpeed { on_gpu, of_prompt, mixture, format_group, log_ratio });
wire_struct!(Gpu {
    name,
    title,
    kind,
    memory_mib,
    bandwidth_gb_per_s,
    hbm,
    maker,
    vector_tflops,
    matrix_tflops,
    sources,
});
wire_enum!(Maker { 0 Nvidia, 1 Amd, 2 Intel, 3 Apple, 4 Qualcomm, 5 Arm });
wire_enum!(BudgetMetric { 0 Rss, 1 Footprint });
wire_struct!(Source { kind, text });
wire_enum!(SourceKind { 0 SpecSheet, 1 Published, 2 Estimate, 3 Stated, 4 SecondHand });
wire_struct!(Limit { id, title, counts, bytes, states, beyond, source, on_request });
wire_enum!(Platform {
    0 Android, 1 Horizon, 2 Ios, 3 Ipados, 4 Linux, 5 Macos, 6 Windows, 7 Browser, 8 Other,
});
wire_enum!(Counts { 0 Memory, 1 Anonymous, 2 Gpu, 3 HostAnonymous });
wire_enum!(Beyond {
    0 Evicts, 1 Throttles, 2 Ends, 3 EndsLater, 4 Fails, 5 Swaps, 6 Spills, 7 Stutters, 8 LessVisible,
});

impl Wire for Version {
    fn put(&self, out: &mut Vec<u8>) {
        (self.major, self.minor).put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (major, minor) = Wire::take(from)?;
        Some(Self { major, minor })
    }
}

wire_enum!(State { 0 Foreground, 1 Service, 2 Background, 3 Cached });

wire_struct!(Scenario {
    context_tokens,
    slots,
    unified_kv,
    weights,
    k,
    v,
    runtime,
    vision,
    audio,
    ubatch,
    flash_attention,
    repack,
    load,
    lazy,
    offload,
    cpu_moe_layers,
    kv_offload,
    prompt_cache_mib,
    checkpoints,
    draft,
    state,
    target_tokens_per_s,
    turn,
});
wire_struct!(Turn { cached_tokens, prompt_tokens, answer_tokens });

impl Wire for Draft {
    fn put(&self, out: &mut Vec<u8>) {
        self.model().put(out);
        self.plan().format.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (model, weights) = (Model::take(from)?, WeightFormat::take(from)?);
        Self::new(model, Some(weights)).ok()
    }
}

wire_enum!(LoadMode { 0 Mmap, 1 Copy, 2 Mlock });
wire_enum!(LazyMode { 0 Auto, 1 Off, 2 On });
wire_enum!(Offload { 0 Auto, 1 Off, 2 All, 3 Layers(layers) });

impl Wire for WeightFormat {
    fn put(&self, out: &mut Vec<u8>) {
        put_name(self, out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Self::parse(&String::take(from)?).ok()
    }
}

impl Wire for KvFormat {
    fn put(&self, out: &mut Vec<u8>) {
        put_name(self, out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Self::parse(&String::take(from)?).ok()
    }
}

impl Wire for Runtime {
    fn put(&self, out: &mut Vec<u8>) {
        put_name(self, out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Self::parse(&String::take(from)?).ok()
    }
}

/// Formats go by their names, as in links.
fn put_name(name: &impl Display, out: &mut Vec<u8>) {
    name.to_string().put(out);
}
