//! Tables on storage on the wire: what is asked of one, what is answered, and what was measured.

use super::{wire_enum, wire_struct};
use crate::measurement::{Engine, MeasuredPoint, Overlay, Pattern, State, VerdictResult};
use crate::speed::{CliffStep, Lookup, LookupCase};
use crate::storage::{Layout, TableGeometry};

wire_struct!(TableGeometry { rows, layers, layer_bytes, page_bytes });
wire_enum!(Layout { 0 Contiguous, 1 Padded, 2 LayerMajor });
wire_enum!(Engine {
    0 MmapDefault, 1 MmapRandom, 2 MmapSequential, 3 MmapWillneed, 4 MmapThreads, 5 Pread, 6 Direct, 7 IoUring,
    8 IoUringDirect,
});
wire_struct!(LookupCase {
    table,
    layout,
    engine,
    zipf_exponent,
    cache_bytes,
    miss_us,
    target_tokens_per_s,
    prompt_tokens,
    decoder_bytes,
    memory_bytes_per_s,
    storage_bytes_per_s,
});
wire_struct!(CliffStep { held_share, tokens_per_s });
wire_struct!(Lookup {
    row_bytes,
    table_bytes,
    pages_per_token,
    cold_bytes_per_token,
    misses_per_token,
    stall_us,
    stall_share,
    cold_stall_us,
    prefill_s,
    result,
    curve,
    cliff,
});
wire_enum!(VerdictResult { 0 Pass, 1 Warn, 2 Fail, 3 Invalid });
wire_enum!(Pattern {
    0 SequentialPrefill, 1 RandomDecode, 2 RandomScatter, 3 ZipfDecode, 4 TraceDecode, 5 PromptPrefill,
});
wire_enum!(State { 0 Cold, 1 Warm, 2 Budget });
wire_struct!(MeasuredPoint {
    id,
    pattern,
    layout,
    engine,
    state,
    cache_bytes,
    stall_us,
    interval_us,
    predicted_us,
    stall_ratio,
    reads_per_token,
    predicted_reads,
    reads_ratio,
});
wire_struct!(Overlay { device, started, result, table, miss_us, points });
