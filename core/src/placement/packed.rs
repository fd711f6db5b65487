//! Which matrices llama.cpp copies at load into a layout for the processor's vector units.

use crate::device::Processor;
use crate::model::tensor::{Active, Role, Tensor};
use crate::weights::BlockType;

/// Whether llama.cpp copies this matrix at load into a layout for `processor`; the copy takes as many bytes as the matrix.
///
/// The rule is that of `ggml-cpu/repack.cpp` (version 0.5): the type has a layout, the rows of one matrix (of one expert)
/// divide into its groups, and the tensor is multiplied as a matrix or picked from by experts. Tables that are only looked
/// up stay where they are; a tied embedding counts, since the output head multiplies it. On x86 a row of a tied table is a
/// copy beside the table.
pub fn is_packed(tensor: &Tensor, block: BlockType, processor: Processor) -> bool {
    group(block, processor)
        .is_some_and(|rows| is_multiplied(tensor) && rows_of_one(tensor).is_multiple_of(rows))
}

/// Rows that a layout interleaves; `None` where the processor has no layout for the type.
const fn group(block: BlockType, processor: Processor) -> Option<u64> {
    use BlockType as B;
    match processor {
        Processor::Avx2 | Processor::Avx512 => match block {
            B::Q4_0 | B::Q4K | B::Iq4Nl | B::Mxfp4 => Some(8),
            B::Q2K if matches!(processor, Processor::Avx512) => Some(8),
            _ => None,
        },
        Processor::ArmDotprod => match block {
            B::Q4K | B::Q5K | B::Q6K => Some(8),
            B::Q4_0 | B::Q8_0 | B::Iq4Nl | B::Mxfp4 => Some(4),
            _ => None,
        },
        Processor::Arm | Processor::Plain => None,
    }
}

/// Weights of matrix products. Latent attention's `k_b` and `v_b` have a matrix for each head, which the layouts do not
/// take.
fn is_multiplied(tensor: &Tensor) -> bool {
    let stem = tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name);
    match tensor.role {
        Role::TokenEmbedding => tensor.active == Active::All,
        Role::PleTable | Role::Vector | Role::Buffer | Role::Unused | Role::Vision | Role::Audio => false,
        _ => !stem.ends_with("attn_k_b") && !stem.ends_with("attn_v_b"),
    }
}

/// Rows of one matrix: of one expert where experts lie in one tensor.
fn rows_of_one(tensor: &Tensor) -> u64 {
    match tensor.active {
        Active::Experts { experts, .. } => tensor.rows / experts.max(1),
        _ => tensor.rows,
    }
}
