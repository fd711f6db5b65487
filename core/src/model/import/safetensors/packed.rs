//! Quantised matrices: packed words with scales, zero points and maps beside them (GPTQ, AWQ, MLX, bitsandbytes,
//! compressed-tensors, MXFP4). Their bytes are counted with the matrix they belong to.

use crate::format::safetensors::{Header, TensorInfo};
use crate::leaf::BlockType;
use crate::model::import::hf_config::StoredBits;
use std::collections::HashMap;

/// Endings of tensors that accompany a packed matrix.
const COMPANIONS: &[&str] = &[
    ".SCB",
    ".biases",
    ".g_idx",
    ".input_global_scale",
    ".input_scale",
    ".k_scale",
    ".qzeros",
    ".scale",
    ".scales",
    ".v_scale",
    ".weight.absmax",
    ".weight.nested_absmax",
    ".weight.nested_quant_map",
    ".weight.quant_map",
    ".weight.quant_state.bitsandbytes__fp4",
    ".weight.quant_state.bitsandbytes__nf4",
    ".weight_g_idx",
    ".weight_global_scale",
    ".weight_scale",
    ".weight_scale_2",
    ".weight_scale_inv",
    ".weight_shape",
    ".weight_zero_point",
    ":_weight_scale",
    ":_weight_zero_point",
    "_scales",
];
/// Endings of the packed words themselves.
pub(super) const WORDS: &[&str] = &[".qweight", ".weight_packed", ":_weight_qdata", "_blocks", ".weight"];

/// A matrix with everything stored for it.
#[derive(Debug, Clone)]
pub(super) struct Matrix<'a> {
    pub(super) info: &'a TensorInfo,
    /// Its own bytes and its companions'.
    pub(super) bytes: u64,
    /// Several elements share a word.
    pub(super) packed: bool,
    /// What accompanies it, by its ending.
    companions: Vec<(&'static str, &'a TensorInfo)>,
}

/// Fold companions into their matrices.
pub(super) fn fold(header: &Header) -> Vec<Matrix<'_>> {
    let mut matrices: Vec<Matrix<'_>> = Vec::new();
    let mut by_base: HashMap<&str, usize> = HashMap::new();
    let mut companions = Vec::new();
    for info in &header.tensors {
        let companion = COMPANIONS.iter().find_map(|ending| Some((*ending, info.name.strip_suffix(ending)?)));
        if let Some((ending, base)) = companion {
            companions.push((ending, base, info));
            continue;
        }
        if let Some(base) = WORDS.iter().find_map(|ending| info.name.strip_suffix(ending)) {
            by_base.insert(base, matrices.len());
        }
        matrices.push(Matrix::plain(info));
    }
    for (ending, base, info) in companions {
        match by_base.get(base).and_then(|at| matrices.get_mut(*at)) {
            Some(matrix) => {
                matrix.bytes = matrix.bytes.saturating_add(info.bytes());
                matrix.packed |= is_packed(matrix.info);
                matrix.companions.push((ending, info));
            }
            // A companion without a matrix is a tensor of its own.
            None => matrices.push(Matrix::plain(info)),
        }
    }
    matrices
}

/// Words of integers hold several weights each; one-byte signed ones hold one.
fn is_packed(info: &TensorInfo) -> bool {
    matches!(info.block, BlockType::I32 | BlockType::U8 | BlockType::I64) && info.shape.len() >= 2
}

impl<'a> Matrix<'a> {
    fn plain(info: &'a TensorInfo) -> Self {
        Matrix { info, bytes: info.bytes(), packed: false, companions: Vec::new() }
    }

    /// The name without its ending, as configs have it.
    pub(super) fn base(&self) -> &str {
        let name = self.info.name.as_str();
        WORDS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
    }

    fn companion(&self, ending: &str) -> Option<&TensorInfo> {
        self.companions.iter().find(|(found, _)| *found == ending).map(|(_, info)| *info)
    }

    /// Elements; `None` for a packed matrix of which neither shapes nor `bits` say how many share a word.
    pub(super) fn elements(&self, bits: &StoredBits) -> Option<u64> {
        if !self.packed {
            return Some(self.info.elements());
        }
        let word_bits = self.info.block.bytes() * 8;
        let elements = |bits: u64| self.info.elements().saturating_mul(word_bits) / bits;
        let stated = || bits.of(self.base(), |bits, group| self.fits(bits, group));
        self.shown_bits().or_else(stated).filter(|bits| (1..=word_bits).contains(bits)).map(elements)
    }

    /// Bits of one weight, as the shapes of what accompanies it show them.
    fn shown_bits(&self) -> Option<u64> {
        let word_bits = self.info.block.bytes().checked_mul(8)?;
        let shown = |bits: u64, of: u64| (of > 0 && bits.is_multiple_of(of)).then(|| bits / of);
        if self.info.name.ends_with(".qweight") {
            // Zero points are packed as weights are, and scales are not packed.
            let (zeros, scales) = (self.companion(".qzeros")?, self.companion(".scales")?);
            let bits = shown(zeros.row_length().checked_mul(zeros.block.bytes() * 8)?, scales.row_length())?;
            return (2..=8).contains(&bits).then_some(bits);
        }
        let scales = self.companion(".weight_scale").filter(|_| self.info.block == BlockType::U8)?;
        // NVFP4 has a scale of 8 bits for 16 weights, the MX formats one for 32.
        let group = match scales.block {
            BlockType::F8 => 16,
            BlockType::U8 => 32,
            _ => return None,
        };
        let bits =
            shown(self.info.row_length().checked_mul(word_bits)?, scales.row_length().checked_mul(group)?)?;
        [4, 6, 8].contains(&bits).then_some(bits)
    }

    /// Whether its words could hold weights of `bits` bits, of which `group` share a scale.
    fn fits(&self, bits: u64, group: Option<u64>) -> bool {
        let Some(scales) = self.companion(".weight_scale") else { return true };
        let weights = self.info.row_length().saturating_mul(self.info.block.bytes() * 8) / bits.max(1);
        match group {
            Some(group) => scales.row_length().saturating_mul(group) == weights,
            None => scales.row_length() == 1,
        }
    }
}
