//! Recurrent blocks: their tensors and the size of their state.
//!
//! State does not grow with the context, and no KV type changes it: sums of what was read, and the last columns that
//! convolutions look back at.

use super::architecture::{Recurrent, RecurrentKind, RecurrentTensor};
use crate::leaf::wire::Wire;

const F32_BYTES: u64 = 4;

/// Dimensions of a recurrent block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecurrentShape {
    /// LFM2: gate-conv-gate over `hidden_size` channels.
    ShortConv {
        /// Taps of the convolution (`L_cache`).
        kernel: u64,
    },
    /// Qwen 3.5 linear attention.
    GatedDeltaNet {
        /// Heads of query and key.
        key_heads: u64,
        /// Heads of value.
        value_heads: u64,
        /// Channels of a key head.
        key_head_dim: u64,
        /// Channels of a value head.
        value_head_dim: u64,
        /// Taps of the convolution.
        kernel: u64,
    },
    /// Granite 4 hybrid, Bamba, Nemotron-H, Falcon-H1, Zamba2, Mamba-2 itself.
    Mamba2 {
        /// Heads.
        heads: u64,
        /// Channels of a head.
        head_dim: u64,
        /// State size per channel.
        state_size: u64,
        /// Groups of B and C.
        groups: u64,
        /// Taps of the convolution.
        kernel: u64,
        /// The gated output passes an RMS norm with weights.
        normed: bool,
    },
    /// Mamba, Falcon Mamba, Jamba.
    Mamba {
        /// Channels of the expanded stream.
        inner: u64,
        /// State size per channel.
        state_size: u64,
        /// Rank of the step's projection.
        rank: u64,
        /// Taps of the convolution.
        kernel: u64,
        /// Step, B and C pass RMS norms with weights (Jamba).
        normed: bool,
    },
    /// PLaMo 2: Mamba's projections with Mamba-2's scalars for each head.
    PlamoMamba {
        /// Heads.
        heads: u64,
        /// Channels of a head.
        head_dim: u64,
        /// State size per channel.
        state_size: u64,
        /// Rank of the step's projection.
        rank: u64,
        /// Taps of the convolution.
        kernel: u64,
    },
    /// Kimi Linear.
    KimiDelta {
        /// Heads.
        heads: u64,
        /// Channels of a head.
        head_dim: u64,
        /// Taps of each of the three convolutions.
        kernel: u64,
        /// Decay and gate come from one projection each instead of two narrow ones (Ling 2.5).
        wide: bool,
    },
    /// MiniMax and Ring: one decayed sum of key-value products a head.
    Lightning {
        /// Heads.
        heads: u64,
        /// Channels of a head.
        head_dim: u64,
        /// Queries and keys pass RMS norms of a head's width.
        normed_heads: bool,
        /// transformers keeps the sums in f32, not in the model's own type.
        f32_sums: bool,
    },
    /// RecurrentGemma: one gated decay a channel.
    GatedLru {
        /// Channels.
        width: u64,
        /// Blocks of channels that a gate's matrix mixes.
        blocks: u64,
        /// Taps of the convolution.
        kernel: u64,
    },
    /// RWKV-7.
    Rwkv7 {
        /// Channels of a head.
        head_dim: u64,
        /// Rank of the decay's projection.
        decay_rank: u64,
        /// Rank of the in-context learning rate's.
        rate_rank: u64,
        /// Rank of the value residual's; 0 in the first layer, which has none.
        value_rank: u64,
        /// Rank of the gate's.
        gate_rank: u64,
    },
}

/// Every name below, so that they can be sent as numbers.
pub(crate) const NAMES: [&str; 62] = [
    "shortconv.in_proj",
    "shortconv.conv",
    "shortconv.out_proj",
    "attn_qkv",
    "attn_gate",
    "ssm_beta",
    "ssm_alpha",
    "ssm_conv1d",
    "ssm_conv1d.bias",
    "ssm_a",
    "ssm_d",
    "ssm_dt",
    "ssm_norm",
    "ssm_out",
    "ssm_in",
    "ssm_x",
    "ssm_dt.bias",
    "ssm_dt_norm",
    "ssm_b_norm",
    "ssm_c_norm",
    "attn_q",
    "attn_k",
    "attn_v",
    "ssm_conv1d_q",
    "ssm_conv1d_k",
    "ssm_conv1d_v",
    "ssm_f_a",
    "ssm_f_b",
    "ssm_g_a",
    "ssm_g_b",
    "attn_q_norm",
    "attn_k_norm",
    "time_mix_lerp_fused",
    "time_mix_w0",
    "time_mix_w1",
    "time_mix_w2",
    "time_mix_a0",
    "time_mix_a1",
    "time_mix_a2",
    "time_mix_v0",
    "time_mix_v1",
    "time_mix_v2",
    "time_mix_g1",
    "time_mix_g2",
    "time_mix_k_k",
    "time_mix_r_k",
    "time_mix_receptance",
    "time_mix_key",
    "time_mix_value",
    "time_mix_output",
    "time_mix_ln",
    "lru_y",
    "lru_y.bias",
    "lru_x",
    "lru_x.bias",
    "lru_out",
    "lru_out.bias",
    "lru_decay",
    "lru_input_gate",
    "lru_input_gate.bias",
    "lru_decay_gate",
    "lru_decay_gate.bias",
];

/// Those of them that are kernels of convolutions: channels and taps.
const CONVOLUTIONS: [&str; 5] =
    ["shortconv.conv", "ssm_conv1d", "ssm_conv1d_q", "ssm_conv1d_k", "ssm_conv1d_v"];

/// Spell out a block over a stream of `hidden` channels.
pub(super) fn block(shape: RecurrentShape, hidden: u64) -> Recurrent {
    let (kind, state, tensors) = match shape {
        RecurrentShape::ShortConv { kernel } => (
            RecurrentKind::ShortConv,
            hidden * kernel.saturating_sub(1),
            vec![
                tensor("shortconv.in_proj", 3 * hidden, hidden),
                tensor("shortconv.conv", hidden, kernel),
                tensor("shortconv.out_proj", hidden, hidden),
            ],
        ),
        RecurrentShape::GatedDeltaNet { key_heads, value_heads, key_head_dim, value_head_dim, kernel } => {
            let (keys, values) = (key_heads * key_head_dim, value_heads * value_head_dim);
            let convolved = 2 * keys + values;
            let state = value_heads * key_head_dim * value_head_dim + convolved * kernel.saturating_sub(1);
            let tensors = vec![
                tensor("attn_qkv", convolved, hidden),
                tensor("attn_gate", values, hidden),
                tensor("ssm_beta", value_heads, hidden),
                tensor("ssm_alpha", value_heads, hidden),
                tensor("ssm_conv1d", convolved, kernel),
                tensor("ssm_a", 1, value_heads),
                tensor("ssm_dt", 1, value_heads),
                tensor("ssm_norm", 1, value_head_dim),
                tensor("ssm_out", hidden, values),
            ];
            (RecurrentKind::GatedDeltaNet, state, tensors)
        }
        RecurrentShape::Mamba2 { heads, head_dim, state_size, groups, kernel, normed } => {
            let inner = heads * head_dim;
            let convolved = inner + 2 * groups * state_size;
            let state = inner * state_size + convolved * kernel.saturating_sub(1);
            let tensors = mamba2(hidden, inner, convolved, [heads, kernel], normed);
            (RecurrentKind::Mamba2, state, tensors)
        }
        RecurrentShape::Mamba { inner, state_size, rank, kernel, normed } => {
            let tensors = mamba(hidden, inner, state_size, [rank, kernel], normed);
            (RecurrentKind::Mamba, inner * (state_size + kernel.saturating_sub(1)), tensors)
        }
        RecurrentShape::PlamoMamba { heads, head_dim, state_size, rank, kernel } => {
            let inner = heads * head_dim;
            let mut tensors = vec![
                tensor("ssm_in", 2 * inner, hidden),
                tensor("ssm_conv1d", inner, kernel),
                tensor("ssm_x", rank + 2 * state_size, inner),
                tensor("ssm_dt", heads, rank),
                tensor("ssm_dt.bias", 1, heads),
                tensor("ssm_a", 1, heads),
                tensor("ssm_d", 1, heads),
                tensor("ssm_out", hidden, inner),
            ];
            tensors.extend(step_norms(rank, state_size));
            (RecurrentKind::Mamba, inner * (state_size + kernel.saturating_sub(1)), tensors)
        }
        RecurrentShape::KimiDelta { heads, head_dim, kernel, wide } => {
            let inner = heads * head_dim;
            let tensors = kimi_delta(hidden, heads, head_dim, kernel, wide);
            (RecurrentKind::KimiDelta, inner * (head_dim + 3 * kernel.saturating_sub(1)), tensors)
        }
        RecurrentShape::Lightning { heads, head_dim, normed_heads, .. } => {
            let inner = heads * head_dim;
            let mut tensors = vec![
                tensor("attn_qkv", 3 * inner, hidden),
                tensor("attn_gate", inner, hidden),
                tensor("ssm_norm", 1, inner),
                tensor("ssm_out", hidden, inner),
            ];
            if normed_heads {
                tensors.push(tensor("attn_q_norm", 1, head_dim));
                tensors.push(tensor("attn_k_norm", 1, head_dim));
            }
            (RecurrentKind::Lightning, inner * head_dim, tensors)
        }
        RecurrentShape::GatedLru { width, blocks, kernel } => (
            RecurrentKind::GatedLru,
            width * kernel.max(1),
            gated_lru(hidden, width, width / blocks.max(1), kernel),
        ),
        RecurrentShape::Rwkv7 { head_dim, decay_rank, rate_rank, value_rank, gate_rank } => (
            RecurrentKind::Rwkv7,
            hidden * (head_dim + 2),
            rwkv7(hidden, [decay_rank, rate_rank, value_rank, gate_rank]),
        ),
    };
    let f32_sums = !matches!(shape, RecurrentShape::Lightning { f32_sums: false, .. });
    Recurrent { kind, state_bytes: state * F32_BYTES, f32_sums, tensors }
}

impl Recurrent {
    /// Channels that convolutions look back at, and the taps of one; zeros without a convolution.
    pub fn convolved(&self) -> (u64, u64) {
        let kernels = self.tensors.iter().filter(|tensor| CONVOLUTIONS.contains(&tensor.name));
        kernels.fold((0, 0), |(channels, taps), kernel| (channels + kernel.rows, taps.max(kernel.row_length)))
    }

    /// Elements of the state that no convolution looks back at.
    pub fn sums(&self) -> u64 {
        let (channels, taps) = self.convolved();
        (self.state_bytes / F32_BYTES).saturating_sub(channels.saturating_mul(taps.saturating_sub(1)))
    }
}

fn mamba2(
    hidden: u64,
    inner: u64,
    convolved: u64,
    [heads, kernel]: [u64; 2],
    normed: bool,
) -> Vec<RecurrentTensor> {
    let mut tensors = vec![
        tensor("ssm_in", inner + convolved + heads, hidden),
        tensor("ssm_conv1d", convolved, kernel),
        tensor("ssm_conv1d.bias", 1, convolved),
        tensor("ssm_a", 1, heads),
        tensor("ssm_d", 1, heads),
        tensor("ssm_dt", 1, heads),
    ];
    if normed {
        tensors.push(tensor("ssm_norm", 1, inner));
    }
    tensors.push(tensor("ssm_out", hidden, inner));
    tensors
}

fn mamba(
    hidden: u64,
    inner: u64,
    state_size: u64,
    [rank, kernel]: [u64; 2],
    normed: bool,
) -> Vec<RecurrentTensor> {
    let mut tensors = vec![
        tensor("ssm_in", 2 * inner, hidden),
        tensor("ssm_conv1d", inner, kernel),
        tensor("ssm_conv1d.bias", 1, inner),
        tensor("ssm_x", rank + 2 * state_size, inner),
        tensor("ssm_dt", inner, rank),
        tensor("ssm_dt.bias", 1, inner),
        tensor("ssm_a", inner, state_size),
        tensor("ssm_d", 1, inner),
        tensor("ssm_out", hidden, inner),
    ];
    if normed {
        tensors.extend(step_norms(rank, state_size));
    }
    tensors
}

fn kimi_delta(hidden: u64, heads: u64, head_dim: u64, kernel: u64, wide: bool) -> Vec<RecurrentTensor> {
    let inner = heads * head_dim;
    let mut tensors = vec![
        tensor("attn_q", inner, hidden),
        tensor("attn_k", inner, hidden),
        tensor("attn_v", inner, hidden),
        tensor("ssm_conv1d_q", inner, kernel),
        tensor("ssm_conv1d_k", inner, kernel),
        tensor("ssm_conv1d_v", inner, kernel),
        tensor("ssm_beta", heads, hidden),
        tensor("ssm_a", 1, heads),
        tensor("ssm_dt", 1, inner),
        tensor("ssm_norm", 1, head_dim),
        tensor("ssm_out", hidden, inner),
    ];
    if wide {
        tensors.extend([tensor("ssm_f_b", inner, hidden), tensor("ssm_g_b", inner, hidden)]);
    } else {
        tensors.extend([tensor("ssm_f_a", head_dim, hidden), tensor("ssm_f_b", inner, head_dim)]);
        tensors.extend([tensor("ssm_g_a", head_dim, hidden), tensor("ssm_g_b", inner, head_dim)]);
    }
    tensors
}

fn gated_lru(hidden: u64, width: u64, block: u64, kernel: u64) -> Vec<RecurrentTensor> {
    vec![
        tensor("lru_y", width, hidden),
        tensor("lru_y.bias", 1, width),
        tensor("lru_x", width, hidden),
        tensor("lru_x.bias", 1, width),
        tensor("lru_out", hidden, width),
        tensor("lru_out.bias", 1, hidden),
        tensor("ssm_conv1d", width, kernel),
        tensor("ssm_conv1d.bias", 1, width),
        tensor("lru_decay", 1, width),
        tensor("lru_input_gate", width, block),
        tensor("lru_input_gate.bias", 1, width),
        tensor("lru_decay_gate", width, block),
        tensor("lru_decay_gate.bias", 1, width),
    ]
}

/// Norms of the step, B and C.
const fn step_norms(rank: u64, state_size: u64) -> [RecurrentTensor; 3] {
    [tensor("ssm_dt_norm", 1, rank), tensor("ssm_b_norm", 1, state_size), tensor("ssm_c_norm", 1, state_size)]
}

/// Six mixing vectors, three learned vectors, the four low-rank projections, four square ones, and a norm with bias.
fn rwkv7(hidden: u64, [decay, rate, value, gate]: [u64; 4]) -> Vec<RecurrentTensor> {
    let mut tensors = vec![
        tensor("time_mix_lerp_fused", 1, 6 * hidden),
        tensor("time_mix_w0", 1, hidden),
        tensor("time_mix_w1", decay, hidden),
        tensor("time_mix_w2", hidden, decay),
        tensor("time_mix_a0", 1, hidden),
        tensor("time_mix_a1", rate, hidden),
        tensor("time_mix_a2", hidden, rate),
        tensor("time_mix_g1", gate, hidden),
        tensor("time_mix_g2", hidden, gate),
        tensor("time_mix_k_k", 1, 2 * hidden),
        tensor("time_mix_r_k", 1, hidden),
        tensor("time_mix_receptance", hidden, hidden),
        tensor("time_mix_key", hidden, hidden),
        tensor("time_mix_value", hidden, hidden),
        tensor("time_mix_output", hidden, hidden),
        tensor("time_mix_ln", 1, 2 * hidden),
    ];
    if value > 0 {
        tensors.push(tensor("time_mix_v0", 1, hidden));
        tensors.push(tensor("time_mix_v1", value, hidden));
        tensors.push(tensor("time_mix_v2", hidden, value));
    }
    tensors
}

const fn tensor(name: &'static str, rows: u64, row_length: u64) -> RecurrentTensor {
    RecurrentTensor { name, rows, row_length }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tensor_has_a_number() {
        let shapes = [
            RecurrentShape::ShortConv { kernel: 3 },
            RecurrentShape::GatedDeltaNet {
                key_heads: 1,
                value_heads: 2,
                key_head_dim: 4,
                value_head_dim: 4,
                kernel: 4,
            },
            RecurrentShape::Mamba2 {
                heads: 2,
                head_dim: 4,
                state_size: 8,
                groups: 1,
                kernel: 4,
                normed: true,
            },
            RecurrentShape::Mamba { inner: 16, state_size: 4, rank: 2, kernel: 4, normed: true },
            RecurrentShape::PlamoMamba { heads: 2, head_dim: 4, state_size: 4, rank: 2, kernel: 4 },
            RecurrentShape::KimiDelta { heads: 2, head_dim: 4, kernel: 4, wide: false },
            RecurrentShape::Lightning { heads: 2, head_dim: 4, normed_heads: true, f32_sums: true },
            RecurrentShape::GatedLru { width: 8, blocks: 2, kernel: 4 },
            RecurrentShape::Rwkv7 { head_dim: 4, decay_rank: 2, rate_rank: 2, value_rank: 2, gate_rank: 2 },
        ];
        let mut seen: Vec<&str> = Vec::new();
        for shape in shapes {
            let found = block(shape, 8);
            assert!(found.state_bytes > 0, "{shape:?}");
            seen.extend(found.tensors.iter().map(|tensor| tensor.name));
        }
        for name in NAMES {
            assert!(seen.contains(&name), "{name} is used by no block");
        }
        assert!(seen.iter().all(|name| NAMES.contains(name)));
    }
}
