//! The worker's jobs and answers on the wire.

use super::{wire_enum, wire_listed, wire_struct};
use crate::codec::cost::Operations;
use crate::codec::fingerprint::Fingerprint;
use crate::codec::job::{Answer, Costs, Input, Job, Part, TensorShape};
use crate::codec::kv_cache::{KvCacheConfig, KvMemory};
use crate::codec::quality::{InnerProductError, Quality};
use crate::codec::sweep::{Progress, SweepRequest, SweepRow};
use crate::codec::{CodecKind, Source};

wire_enum!(Job {
    0 Inspect,
    1 Sweep { vectors, parts },
    2 Memory { geometry, context_tokens, configs },
    3 Cost { codecs, dim },
    4 Fingerprints,
    5 Repeat { codec, bits, dim, vectors, encodes, decodes },
    6 Lookup(case),
});
wire_struct!(Part { request, input });
wire_enum!(Input { 0 Source(source, seed), 1 Tensor(place) });
wire_struct!(SweepRequest { codecs, bits, dim, head_vectors, sinks, correlation, seed });
wire_struct!(KvCacheConfig { keys, values, queries, sinks, recent, protected_layers, protected_bits, seed });
wire_listed!(CodecKind, Source);
wire_enum!(Answer {
    0 Tensors(tensors),
    1 Progress(progress),
    2 Row(part, row),
    3 Memory(memory),
    4 Cost(costs),
    5 Fingerprints(hashes),
    6 Done,
    7 Failed(why),
    8 Lookup(lookup),
});
wire_struct!(TensorShape { name, shape });
wire_struct!(Progress { done, total });
wire_struct!(SweepRow {
    codec,
    label,
    published_label,
    bits,
    true_bits,
    ratio_to_bf16,
    theory_nmse,
    four_to_minus_bits,
    quality,
    inner_product,
});
wire_struct!(Quality { vectors, mse, nmse, nmse_standard_error, cosine, norm_ratio });
wire_struct!(InnerProductError { bias, bias_standard_error, scaled_variance, scaled_mean_square });
wire_struct!(KvMemory { packed_bytes, full_precision_bytes, centre_bytes, bf16_bytes });
wire_struct!(Costs { codecs, published_turbo, published_rotor });
wire_struct!(Operations { adds, multiplies, parameter_bits });
wire_struct!(Fingerprint { name, packed, decoded });
