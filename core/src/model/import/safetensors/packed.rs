//! Quantised matrices: packed words with scales, zero points and maps beside them (GPTQ, AWQ, MLX, bitsandbytes,
//! compressed-tensors, MXFP4). Their bytes are counted with the matrix they belong to.

use crate::format::safetensors::{Header, TensorInfo};
use crate::leaf::BlockType;
use std::collections::HashMap;

/// Endings of tensors that accompany a packed matrix.
const COMPANIONS: &[&str] = &[
    ".SCB",
    ".biases",
    ".g_idx",
    ".input_scale",
    ".qzeros",
    ".scales",
    ".weight.absmax",
    ".weight.nested_absmax",
    ".weight.nested_quant_map",
    ".weight.quant_map",
    ".weight.quant_state.bitsandbytes__fp4",
    ".weight.quant_state.bitsandbytes__nf4",
    ".weight_g_idx",
    ".weight_scale",
    ".weight_scale_2",
    ".weight_scale_inv",
    ".weight_shape",
    ".weight_zero_point",
    "_scales",
];
/// Endings of the packed words themselves.
const WORDS: &[&str] = &[".qweight", ".weight_packed", "_blocks", ".weight"];

/// A matrix with everything stored for it.
#[derive(Debug, Clone)]
pub(super) struct Matrix<'a> {
    pub(super) info: &'a TensorInfo,
    /// Its own bytes and its companions'.
    pub(super) bytes: u64,
    /// Several elements share a word.
    pub(super) packed: bool,
}

/// Fold companions into their matrices.
pub(super) fn fold(header: &Header) -> Vec<Matrix<'_>> {
    let mut matrices: Vec<Matrix<'_>> = Vec::new();
    let mut by_base: HashMap<&str, usize> = HashMap::new();
    let mut companions = Vec::new();
    for info in &header.tensors {
        if let Some(base) = COMPANIONS.iter().find_map(|ending| info.name.strip_suffix(ending)) {
            companions.push((base, info));
            continue;
        }
        if let Some(base) = WORDS.iter().find_map(|ending| info.name.strip_suffix(ending)) {
            by_base.insert(base, matrices.len());
        }
        matrices.push(Matrix { info, bytes: info.bytes(), packed: false });
    }
    for (base, info) in companions {
        match by_base.get(base).and_then(|at| matrices.get_mut(*at)) {
            Some(matrix) => {
                matrix.bytes = matrix.bytes.saturating_add(info.bytes());
                matrix.packed |= is_packed(matrix.info);
            }
            // A companion without a matrix is a tensor of its own.
            None => matrices.push(Matrix { info, bytes: info.bytes(), packed: false }),
        }
    }
    matrices
}

/// Words of integers hold several weights each; one-byte signed ones hold one.
fn is_packed(info: &TensorInfo) -> bool {
    matches!(info.block, BlockType::I32 | BlockType::U8 | BlockType::I64) && info.shape.len() >= 2
}

impl Matrix<'_> {
    /// The name without its ending, as configs have it.
    pub(super) fn base(&self) -> &str {
        let name = self.info.name.as_str();
        WORDS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
    }

    /// Elements, when `bits` of every word's bits make one; `None` for a packed matrix of unknown bits.
    pub(super) fn elements(&self, bits: Option<u64>) -> Option<u64> {
        if !self.packed {
            return Some(self.info.elements());
        }
        let word_bits = self.info.block.bytes() * 8;
        bits.filter(|bits| (1..=word_bits).contains(bits))
            .map(|bits| self.info.elements().saturating_mul(word_bits) / bits)
    }
}
