//! What each layer holds, read off the tensor table: more reliable than metadata, which converters vary.

use super::super::super::architecture::Ffn;
use super::role::split;
use super::table::TensorInfo;
use super::{Gguf, GgufError};

/// The tensors of one layer that say what it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    /// Rows of the key projection; 0 without one.
    pub(super) k_rows: u64,
    /// Rows of the value projection; 0 without one.
    pub(super) v_rows: u64,
    /// Rows of a fused query, key and value projection; 0 without one.
    pub(super) qkv_rows: u64,
    /// There is a query projection (plain, low-rank or fused).
    pub(super) attends: bool,
    /// Keys and values are compressed (latent attention).
    pub(super) latent: bool,
    pub(super) qkv_bias: bool,
    pub(super) output_bias: bool,
    pub(super) qk_norm: bool,
    pub(super) short_conv: bool,
    pub(super) ssm: bool,
    /// Gated DeltaNet's coefficients.
    pub(super) delta: bool,
    /// Blocks of a kind that is not described here.
    pub(super) foreign: Option<&'static str>,
    gate: Option<u64>,
    up: Option<u64>,
    down: Option<u64>,
    experts: Option<(u64, u64)>,
    shared: u64,
    router_extras: u64,
}

/// One entry for each of `layers` layers; tensors beyond them are an error.
pub(super) fn read(gguf: &Gguf, layers: usize) -> Result<Vec<Block>, GgufError> {
    let mut blocks = vec![Block::default(); layers];
    for tensor in &gguf.tensors {
        let (Some(layer), rest) = split(&tensor.name) else { continue };
        let Some(block) = blocks.get_mut(layer) else {
            let problem = format!("belongs to layer {layer}, but the model declares {layers} layers");
            return Err(GgufError::Tensor { tensor: tensor.name.clone(), problem });
        };
        block.note(rest.strip_suffix(".weight").unwrap_or(rest), tensor);
    }
    Ok(blocks)
}

impl Block {
    fn note(&mut self, stem: &str, tensor: &TensorInfo) {
        match stem {
            "attn_q" | "attn_q_b" => self.attends = true,
            "attn_qkv" => (self.attends, self.qkv_rows) = (true, tensor.rows),
            "attn_k" => self.k_rows = tensor.rows,
            "attn_v" => self.v_rows = tensor.rows,
            "attn_kv_a_mqa" => (self.attends, self.latent) = (true, true),
            "attn_q.bias" | "attn_qkv.bias" => self.qkv_bias = true,
            "attn_output.bias" => self.output_bias = true,
            "attn_q_norm" => self.qk_norm = true,
            "ffn_gate" => self.gate = Some(tensor.rows),
            "ffn_up" => self.up = Some(tensor.rows),
            "ffn_down" => self.down = Some(tensor.row_length),
            "ffn_down_exps" => self.experts = Some((tensor.last, tensor.row_length)),
            "ffn_down_shexp" => self.shared = tensor.row_length,
            "ffn_gate_inp.scale" | "ffn_gate_inp.bias" | "ffn_gate_inp_shexp" => {
                self.router_extras += tensor.rows * tensor.row_length;
            }
            "ssm_x" => self.foreign = Some("Mamba blocks"),
            "ssm_f_a" | "ssm_conv1d_q" => self.foreign = Some("Kimi delta attention blocks"),
            "ssm_beta" | "ssm_alpha" | "ssm_ba" => (self.ssm, self.delta) = (true, true),
            _ if stem.starts_with("ssm_") => self.ssm = true,
            _ if stem.starts_with("shortconv.") => self.short_conv = true,
            _ if stem.starts_with("time_mix") => self.foreign = Some("RWKV blocks"),
            _ => {}
        }
    }

    /// The layer keeps a state rather than a KV cache.
    pub(super) fn recurs(&self) -> bool {
        self.ssm || self.short_conv
    }

    /// Gate and up stand in one matrix (Phi-3): no gate, and up twice as wide as down.
    pub(super) fn fused_ffn(&self) -> bool {
        self.gate.is_none() && self.up.zip(self.down).is_some_and(|(up, down)| up == down.saturating_mul(2))
    }

    /// Width of the dense block; 0 without one.
    pub(super) fn dense_width(&self) -> u64 {
        self.down.unwrap_or(0)
    }

    /// The feed-forward block as the table has it.
    pub(super) fn ffn(&self, active: u64) -> Ffn {
        let gated = self.gate.is_some() || self.fused_ffn();
        match (self.experts, self.down) {
            (Some((experts, width)), dense) => Ffn::Experts {
                experts,
                active: active.min(experts),
                width,
                shared_width: self.shared,
                dense_width: dense.unwrap_or(0),
                router_extras: self.router_extras,
            },
            (None, Some(width)) => Ffn::Dense { width, gated },
            (None, None) => Ffn::None,
        }
    }
}
