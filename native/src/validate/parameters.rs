//! The two parameter structures of llama.cpp's C interface, as version 0.5 lays them out, and a check that a library
//! agrees: its defaults must be found where they are expected.

use std::ffi::{c_char, c_void};
use std::ptr;

/// `struct llama_model_params`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelParameters {
    devices: *const c_void,
    pub(super) buffer_overrides: *const BufferOverride,
    pub(super) gpu_layers: i32,
    split_mode: i32,
    pub(super) load_mode: i32,
    pub(super) lazy_mode: i32,
    main_gpu: i32,
    tensor_split: *const f32,
    progress: *const c_void,
    progress_data: *const c_void,
    overrides: *const c_void,
    vocabulary_only: bool,
    check_tensors: bool,
    pub(super) use_extra_buffers: bool,
    no_host: bool,
    pub(super) no_alloc: bool,
    load_mtp: bool,
}

/// `struct llama_model_tensor_buft_override`; a list ends with one of nulls.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct BufferOverride {
    pub(super) pattern: *const c_char,
    pub(super) buffer_type: *const c_void,
}

/// `struct llama_context_params`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct ContextParameters {
    pub(super) context: u32,
    pub(super) batch: u32,
    pub(super) ubatch: u32,
    pub(super) sequences: u32,
    snapshots: u32,
    pub(super) outputs: u32,
    outputs_per_sequence: u32,
    pub(super) threads: i32,
    pub(super) threads_batch: i32,
    context_type: i32,
    rope_scaling: i32,
    pooling: i32,
    attention: i32,
    pub(super) flash_attention: i32,
    rope: [f32; 6],
    yarn_context: u32,
    defrag: f32,
    evaluate: *const c_void,
    evaluate_data: *const c_void,
    pub(super) keys: i32,
    pub(super) values: i32,
    abort: *const c_void,
    abort_data: *const c_void,
    embeddings: bool,
    pub(super) offload_kqv: bool,
    no_perf: bool,
    op_offload: bool,
    pub(super) full_windows: bool,
    pub(super) unified: bool,
    samplers: *const c_void,
    sampler_count: usize,
    other: *const c_void,
}

/// `struct llama_batch`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    count: i32,
    tokens: *mut i32,
    embeddings: *mut f32,
    positions: *mut i32,
    sequence_counts: *mut i32,
    sequences: *mut *mut i32,
    logits: *mut i8,
}

/// Codes of `enum llama_load_mode`: read into memory, mapped, mapped and locked.
pub(super) const LOAD_COPY: i32 = 0;
pub(super) const LOAD_MAPPED: i32 = 1;
pub(super) const LOAD_LOCKED: i32 = 3;

/// Codes of `enum llama_lazy_mode`.
pub(super) const LAZY_OFF: i32 = 0;
pub(super) const LAZY_ON: i32 = 2;

/// Without a mapping (`LLAMA_LOAD_MODE_NONE`), the only mode in which nothing need be allocated.
pub(super) const LOAD_NONE: i32 = 0;

/// `GGML_TYPE_F16`.
const F16: i32 = 1;

impl ModelParameters {
    /// Whether these look like the defaults of the layout that is assumed.
    pub(super) fn are_defaults(&self) -> bool {
        let unset = [self.devices, self.buffer_overrides.cast(), self.overrides];
        // One lazy by size, all GPU layers, no split given, packed copies on: as `llama_model_default_params` has it.
        unset.iter().all(|pointer| pointer.is_null())
            && self.tensor_split.is_null()
            && self.lazy_mode == 1
            && self.main_gpu == 0
            && !self.vocabulary_only
            && !self.no_alloc
            && self.use_extra_buffers
    }
}

impl ContextParameters {
    /// The same for a context.
    pub(super) fn are_defaults(&self) -> bool {
        (self.context, self.batch, self.ubatch, self.sequences) == (512, 2048, 512, 1)
            && (self.keys, self.values) == (F16, F16)
            && self.flash_attention == -1
            && self.full_windows
            && self.offload_kqv
            && !self.embeddings
            && self.other.is_null()
    }
}

impl Batch {
    /// One sequence from where the context stands, logits of the last token only (`llama_batch_get_one`).
    pub(super) fn of(tokens: &mut [i32]) -> Self {
        Self {
            count: i32::try_from(tokens.len()).unwrap_or(i32::MAX),
            tokens: tokens.as_mut_ptr(),
            embeddings: ptr::null_mut(),
            positions: ptr::null_mut(),
            sequence_counts: ptr::null_mut(),
            sequences: ptr::null_mut(),
            logits: ptr::null_mut(),
        }
    }
}

/// `struct llama_model_quantize_params`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct QuantiseParameters {
    threads: i32,
    pub(super) mix: i32,
    output_type: i32,
    table_type: i32,
    again: bool,
    quantise_output: bool,
    only_copy: bool,
    pure: bool,
    keep_split: bool,
    pub(super) dry_run: bool,
    importance: *const c_void,
    overrides: *const c_void,
    types: *const c_void,
    pruned: *const c_void,
    /// Fields that newer versions add; what the library puts there goes back to it.
    newer: [u64; 8],
}

impl QuantiseParameters {
    /// Whether these look like the defaults of the layout that is assumed.
    pub(super) fn are_defaults(&self) -> bool {
        let unset = [self.importance, self.overrides, self.types, self.pruned];
        unset.iter().all(|pointer| pointer.is_null())
            && (self.threads, self.mix) == (0, 7)
            && self.output_type == self.table_type
            && self.quantise_output
            && ![self.again, self.only_copy, self.pure, self.keep_split, self.dry_run].contains(&true)
    }
}

/// `llama_memory_breakdown`: a `std::map` of the C++ library that the package is built with (a red-black tree).
#[repr(C)]
#[derive(Debug)]
pub(super) struct Breakdown {
    compare: usize,
    colour: usize,
    pub(super) root: *const Entry,
    ends: [*const Entry; 2],
    pub(super) count: usize,
}

/// A node of that tree.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Entry {
    colour: usize,
    parent: *const Entry,
    pub(super) left: *const Entry,
    pub(super) right: *const Entry,
    pub(super) buffer_type: *const c_void,
    pub(super) model: usize,
    pub(super) context: usize,
    pub(super) compute: usize,
}

/// `ggml_log_callback`.
pub(super) type LogCallback = extern "C" fn(i32, *const c_char, *mut c_void);

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes that a C compiler gives the structures of the 0.5 headers on 64-bit systems.
    #[test]
    fn layouts_have_the_sizes_of_the_headers() {
        assert_eq!(size_of::<ModelParameters>(), 80);
        assert_eq!(size_of::<ContextParameters>(), 160);
        assert_eq!(size_of::<Batch>(), 56);
        assert_eq!(size_of::<QuantiseParameters>(), 120);
        assert_eq!((size_of::<Breakdown>(), size_of::<Entry>()), (48, 64));
    }
}
