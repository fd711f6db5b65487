//! Which matrices llama.cpp copies at load into a layout for the processor's vector units.

use crate::device::Processor;
use crate::leaf::BlockType;
use crate::model::tensor::{Active, Role, Tensor};

/// Whether llama.cpp copies this matrix at load into a layout for `processor`; the copy takes as many bytes as the matrix.
///
/// The rule is that of `ggml-cpu/repack.cpp` (version 0.5): the type has a layout, the rows of one matrix (of one expert)
/// divide into its groups, and the tensor is multiplied as a matrix or picked from by experts. Tables that are only looked
/// up stay where they are; a tied embedding counts, since the output head multiplies it. Keys and values that a file carries
/// for layers that share a cache are copied like the others.
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
        Role::PleTable | Role::Vector | Role::Buffer | Role::Vision | Role::Audio => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;
    use crate::weights::{WeightFormat, WeightPlan};

    /// Bytes that llama.cpp 0.5.0 states for CPU_REPACK (`no_alloc`; Arm under emulation), MiB for Arm.
    #[test]
    fn copies_of_gemma4_e2b_are_those_llama_cpp_states() {
        let model = registry::model("gemma4-e2b").unwrap();
        let copied = |mix: &str, processor| -> u64 {
            let plan = WeightPlan::new(&model, WeightFormat::parse(mix).unwrap()).unwrap();
            let pairs = model.tensors.iter().zip(&plan.tensors);
            pairs
                .filter(|(t, p)| p.block.is_some_and(|b| is_packed(t, b, processor)))
                .map(|(_, p)| p.bytes)
                .sum()
        };
        assert_eq!(copied("q4_k_m", Processor::Avx2), 910_835_712);
        assert_eq!(copied("q4_0", Processor::Avx512), 1_058_586_624);
        assert_eq!(copied("q2_k", Processor::Avx2), 9_289_728);
        assert_eq!(copied("q2_k", Processor::Avx512), 407_715_840);
        assert_eq!(copied("q6_k", Processor::Avx2), 0);
        for (mix, mib) in [("q4_0", 1324.5), ("q4_k_m", 1389.1), ("q6_k", 1787.3), ("q8_0", 2314.9)] {
            let found = copied(mix, Processor::ArmDotprod) as f64 / 1_048_576.0;
            assert!((found - mib).abs() < 0.06, "{mix}: {found}");
        }
        assert_eq!(copied("q4_0", Processor::Arm), 0);
    }
}
