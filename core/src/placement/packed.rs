//! Which matrices llama.cpp copies at load.

use crate::device::Processor;
use crate::model::tensor::{Role, Tensor};
use crate::weights::BlockType;

/// Whether llama.cpp copies this matrix at load into a layout for `processor`.
pub fn is_packed(tensor: &Tensor, block: BlockType, processor: Processor) -> bool {
    let _ = processor;
    !matches!(tensor.role, Role::TokenEmbedding | Role::PleTable | Role::Vision | Role::Audio)
        && matches!(block, BlockType::Q4K | BlockType::Q4_0 | BlockType::Iq4Nl)
}
