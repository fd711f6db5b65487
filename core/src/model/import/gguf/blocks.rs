//! What each layer holds, read off the tensor table: more reliable than metadata, which converters vary.

use super::role::split;
use crate::format::gguf::TensorInfo;
use crate::format::gguf::{Gguf, GgufError};
use crate::model::architecture::Ffn;

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
    /// What recurs here.
    pub(super) recurs: Option<Recurs>,
    /// Heads of a recurrence with one coefficient each.
    pub(super) beta_rows: u64,
    /// Channels that enter Mamba's step, B and C.
    pub(super) ssm_x_rows: u64,
    /// The recurrence's output passes a norm.
    pub(super) ssm_norm: bool,
    /// A sparse-attention indexer.
    pub(super) indexer: bool,
    /// One tensor an expert, as files had before April 2024.
    pub(super) apart_experts: bool,
    /// A convolution that belongs to no recurrence that is known here.
    pub(super) convolves: bool,
    gate: Option<u64>,
    up: Option<u64>,
    down: Option<u64>,
    experts: Option<(u64, u64)>,
    gated_experts: bool,
    /// It has a tensor.
    pub(super) stands: bool,
    shared: u64,
    router_extras: u64,
}

/// What recurs in a layer.
///
/// Later ones are told by tensors that earlier ones lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recurs {
    ShortConv,
    Mamba2,
    Mamba,
    Delta,
    KimiDelta,
    Rwkv,
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
        self.stands = true;
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
            "ffn_gate_exps" | "ffn_gate_up_exps" => self.gated_experts = true,
            "ffn_down_shexp" => self.shared = tensor.row_length,
            "ffn_gate_inp.scale" | "ffn_gate_inp.bias" | "ffn_gate_inp_shexp" => {
                self.router_extras += tensor.rows * tensor.row_length;
            }
            "ssm_x" => (self.recurs, self.ssm_x_rows) = (self.recurs.max(Some(Recurs::Mamba)), tensor.rows),
            "ssm_f_a" | "ssm_f_b" | "ssm_conv1d_q" => self.recurs = Some(Recurs::KimiDelta),
            // Kimi's blocks have this one too.
            "ssm_beta" | "ssm_alpha" | "ssm_ba" => {
                self.recurs = self.recurs.max(Some(Recurs::Delta));
                self.beta_rows = tensor.rows;
            }
            "ssm_norm" => self.ssm_norm = true,
            _ if stem.starts_with("ssm_") => self.recurs = self.recurs.max(Some(Recurs::Mamba2)),
            _ if stem.starts_with("shortconv.") => self.recurs = Some(Recurs::ShortConv),
            _ if stem.starts_with("time_mix") => self.recurs = Some(Recurs::Rwkv),
            _ if stem.starts_with("indexer.") => self.indexer = true,
            _ if is_one_expert(stem) => self.apart_experts = true,
            _ if stem.contains("conv") => self.convolves = true,
            _ => {}
        }
    }

    /// The layer keeps a state.
    pub(super) fn recurs(&self) -> bool {
        self.recurs.is_some()
    }

    /// The layer has keys and values: Kimi's recurrence has projections of those names.
    pub(super) fn has_keys(&self) -> bool {
        let own = self.k_rows > 0 || self.latent || (self.qkv_rows > 0 && self.recurs.is_none());
        own && self.recurs != Some(Recurs::KimiDelta)
    }

    /// It asks, and nothing in it answers under a name that is known here.
    pub(super) fn lacks_keys(&self) -> bool {
        self.attends && self.recurs.is_none() && self.k_rows == 0 && self.qkv_rows == 0 && !self.latent
    }

    /// The layer chooses among experts.
    pub(super) fn has_experts(&self) -> bool {
        self.experts.is_some()
    }

    /// Gate and up stand in one matrix (Phi-3): no gate, and up twice as wide as down.
    pub(super) fn fused_ffn(&self) -> bool {
        self.gate.is_none() && self.up.zip(self.down).is_some_and(|(up, down)| up == down.saturating_mul(2))
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
                gated: self.gated_experts,
            },
            (None, Some(width)) => Ffn::Dense { width, gated },
            (None, None) => Ffn::None,
        }
    }
}

/// `ffn_gate.3` and its like.
fn is_one_expert(stem: &str) -> bool {
    let number = ["ffn_gate.", "ffn_up.", "ffn_down."].iter().find_map(|start| stem.strip_prefix(start));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|sign| sign.is_ascii_digit()))
}
