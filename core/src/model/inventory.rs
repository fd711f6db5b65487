//! The tensor list of an architecture, in the order and with the names of a GGUF file.
//!
//! Parameter counts, quantised sizes and bytes read per token are all sums over this list, so they cannot
//! disagree. Shapes follow each family's published implementation.

use super::architecture::{
    Architecture, Attention, Encoder, ExtraTensor, Extras, Ffn, KvSource, Layer, Recurrent,
};
use super::tensor::{Active, Role, Tensor};

/// Every tensor of the model, towers as one entry each.
pub fn tensors(model: &Architecture) -> Vec<Tensor> {
    let mut list = List { out: Vec::with_capacity(model.layers.len() * 16 + 16), layer: None };
    let hidden = model.hidden_size;
    let vocab = model.embeddings.vocab_size;
    let width = model.layers.len() as u64;
    let lookup = if model.embeddings.tied { Active::All } else { Active::Row };
    list.push("token_embd.weight", Role::TokenEmbedding, vocab, model.embeddings.width, lookup);
    if let Some(ple) = &model.ple {
        let row = ple.width * width;
        list.push("per_layer_token_embd.weight", Role::PleTable, ple.rows, row, Active::Row);
        list.push("per_layer_model_proj.weight", Role::Unquantised, row, hidden, Active::All);
        if ple.gated {
            list.vector("per_layer_proj_norm.weight", ple.width);
        }
    }
    if model.extras.altup_streams > 1 {
        let streams = model.extras.altup_streams - 1;
        list.push("altup_proj.weight", Role::Unquantised, streams * hidden, hidden, Active::All);
        list.push("altup_unembd_proj.weight", Role::Unquantised, streams * hidden, hidden, Active::All);
    }
    if !model.extras.bare_output_norm {
        list.vector("output_norm.weight", hidden);
    }
    if !model.embeddings.tied {
        list.push("output.weight", Role::OutputHead, vocab, model.embeddings.width, Active::All);
    }
    for (index, layer) in model.layers.iter().enumerate() {
        list.layer = Some(index);
        list.layer_tensors(model, layer);
        list.more(&layer.more);
    }
    list.layer = None;
    list.more(&model.more);
    list.encoder("vision tower", Role::Vision, model.vision.as_ref());
    list.encoder("audio tower", Role::Audio, model.audio.as_ref());
    list.out
}

struct List {
    out: Vec<Tensor>,
    layer: Option<usize>,
}

impl List {
    fn push(&mut self, name: &str, role: Role, rows: u64, row_length: u64, active: Active) {
        let name = self.layer.map_or_else(|| name.to_owned(), |index| format!("blk.{index}.{name}"));
        self.out.push(Tensor { name, role, layer: self.layer, rows, row_length, active, stored: None });
    }

    fn matrix(&mut self, name: &str, role: Role, rows: u64, row_length: u64) {
        self.push(name, role, rows, row_length, Active::All);
    }

    fn vector(&mut self, name: &str, length: u64) {
        self.push(name, Role::Vector, 1, length, Active::All);
    }

    fn more(&mut self, tensors: &[ExtraTensor]) {
        for tensor in tensors {
            self.push(&tensor.name, tensor.role, tensor.rows, tensor.row_length, tensor.active);
        }
    }

    fn encoder(&mut self, name: &str, role: Role, encoder: Option<&Encoder>) {
        if let Some(encoder) = encoder.filter(|encoder| encoder.parameters > 0) {
            self.push(name, role, 1, encoder.parameters, Active::Nothing);
        }
    }

    fn layer_tensors(&mut self, model: &Architecture, layer: &Layer) {
        let hidden = model.hidden_size;
        const NORMS: [&str; 4] = ["attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"];
        for index in 0..layer.norms {
            let name = usize::try_from(index).ok().and_then(|index| NORMS.get(index));
            self.vector(
                &name.map_or_else(|| format!("norm_{index}.weight"), |name| format!("{name}.weight")),
                hidden,
            );
        }
        if let Some(attention) = layer.attention().filter(|attention| attention.query_heads > 0) {
            self.attention(hidden, attention, &model.extras);
        }
        if let Some(recurrent) = layer.recurrent() {
            self.recurrent(recurrent);
        }
        self.ffn(hidden, &layer.ffn, model.extras.fused);
        if let Some(ple) = model.ple.as_ref().filter(|ple| ple.gated) {
            self.matrix("inp_gate.weight", Role::PleProjection, ple.width, hidden);
            self.matrix("proj.weight", Role::PleProjection, hidden, ple.width);
            self.vector("post_norm.weight", hidden);
        }
        if model.extras.layer_scalar {
            self.matrix("layer_output_scale.weight", Role::Buffer, 1, 1);
        }
        self.gemma3n_extras(model);
    }

    fn recurrent(&mut self, recurrent: &Recurrent) {
        for tensor in &recurrent.tensors {
            let role = match (tensor.rows, tensor.name) {
                (1, _) => Role::Vector,
                (_, name) if name.contains("conv1d") || name == "shortconv.conv" || name == "ssm_a" => {
                    Role::Unquantised
                }
                _ => Role::Recurrent,
            };
            self.matrix(&format!("{}.weight", tensor.name), role, tensor.rows, tensor.row_length);
        }
    }

    fn gemma3n_extras(&mut self, model: &Architecture) {
        let (hidden, streams, rank) =
            (model.hidden_size, model.extras.altup_streams, model.extras.laurel_rank);
        if streams > 1 {
            self.vector("altup_correct_scale.weight", hidden);
            self.matrix("altup_correct_coef.weight", Role::Unquantised, streams, streams);
            self.matrix("altup_router.weight", Role::Unquantised, streams, hidden);
            self.matrix("altup_predict_coef.weight", Role::Unquantised, streams * streams, streams);
            self.vector("altup_router_norm.weight", hidden);
        }
        if rank > 0 {
            self.matrix("laurel_l.weight", Role::Unquantised, rank, hidden);
            self.matrix("laurel_r.weight", Role::Unquantised, hidden, rank);
            self.vector("laurel_post_norm.weight", hidden);
        }
    }

    fn attention(&mut self, hidden: u64, attention: &Attention, extras: &Extras) {
        if attention.listed {
            return;
        }
        let q_rows = attention.query_heads * attention.k_head_dim;
        let out_columns = attention.query_heads * attention.v_head_dim;
        let k_rows = attention.kv_heads * attention.k_head_dim;
        let v_rows = if attention.values_from_keys { 0 } else { attention.kv_heads * attention.v_head_dim };
        let shared = match attention.kv {
            KvSource::Own => None,
            KvSource::Shared { unused_weights, .. } => Some(unused_weights),
        };
        let gate = if attention.output_gate { 2 } else { 1 };
        if extras.fused && shared.is_none() {
            self.matrix("attn_qkv.weight", Role::AttentionQkv, q_rows + k_rows + v_rows, hidden);
        } else {
            self.matrix("attn_q.weight", Role::AttentionQ, q_rows * gate, hidden);
            if shared != Some(false) {
                let (k_role, v_role) = if shared.is_some() {
                    (Role::Unused, Role::Unused)
                } else {
                    (Role::AttentionK, Role::AttentionV)
                };
                let active = if shared.is_some() { Active::Nothing } else { Active::All };
                self.push("attn_k.weight", k_role, k_rows, hidden, active);
                if v_rows > 0 {
                    self.push("attn_v.weight", v_role, v_rows, hidden, active);
                }
            }
        }
        if extras.head_gate {
            self.matrix("attn_gate.weight", Role::Unquantised, attention.query_heads, hidden);
        }
        self.matrix("attn_output.weight", Role::AttentionOutput, hidden, out_columns);
        if attention.qkv_bias {
            self.vector("attn_q.bias", q_rows * gate);
            if shared != Some(false) {
                self.vector("attn_k.bias", k_rows);
                self.vector("attn_v.bias", v_rows);
            }
        }
        if attention.output_bias {
            self.vector("attn_output.bias", hidden);
        }
        if attention.qk_norm {
            self.vector("attn_q_norm.weight", attention.k_head_dim);
            match shared {
                None => self.vector("attn_k_norm.weight", attention.k_head_dim),
                Some(true) => {
                    self.push("attn_k_norm.weight", Role::Unused, 1, attention.k_head_dim, Active::Nothing);
                }
                Some(false) => {}
            }
        }
    }

    fn ffn(&mut self, hidden: u64, ffn: &Ffn, fused: bool) {
        match *ffn {
            Ffn::Dense { width, gated } => self.dense(hidden, width, gated, fused, ""),
            Ffn::Experts { experts, active, width, shared_width, dense_width, router_extras, gated } => {
                let part = Active::Experts { active, experts };
                if dense_width > 0 {
                    self.dense(hidden, dense_width, true, fused, "");
                }
                self.matrix("ffn_gate_inp.weight", Role::Router, experts, hidden);
                if router_extras > 0 {
                    self.vector("ffn_gate_inp.scale", router_extras);
                }
                if gated {
                    self.push("ffn_gate_exps.weight", Role::ExpertGate, experts * width, hidden, part);
                }
                self.push("ffn_up_exps.weight", Role::ExpertUp, experts * width, hidden, part);
                self.push("ffn_down_exps.weight", Role::ExpertDown, experts * hidden, width, part);
                if shared_width > 0 {
                    self.dense(hidden, shared_width, gated, false, "_shexp");
                }
            }
            Ffn::None => {}
        }
    }

    fn dense(&mut self, hidden: u64, width: u64, gated: bool, fused: bool, suffix: &str) {
        if gated && fused {
            self.matrix("ffn_up.weight", Role::FfnGateUp, 2 * width, hidden);
        } else {
            if gated {
                self.matrix(&format!("ffn_gate{suffix}.weight"), Role::FfnGate, width, hidden);
            }
            self.matrix(&format!("ffn_up{suffix}.weight"), Role::FfnUp, width, hidden);
        }
        self.matrix(&format!("ffn_down{suffix}.weight"), Role::FfnDown, hidden, width);
    }
}
