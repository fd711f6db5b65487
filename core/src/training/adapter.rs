//! Which projections of a model carry adapters, and how many parameters that makes.
//!
//! A LoRA pair on a matrix `[out, in]` has `r (in + out)` parameters (Hu et al., arXiv:2106.09685).

use super::Target;
use crate::model::{Model, Role, Tensor};
use serde::Serialize;

/// One adapted matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdapterShape {
    /// Decoder layer.
    pub layer: usize,
    /// Projection.
    pub target: Target,
    /// Columns of the matrix: what goes in.
    pub inputs: u64,
    /// Rows of the matrix: what comes out.
    pub outputs: u64,
}

impl AdapterShape {
    /// Parameters of the pair at rank `rank`; DoRA adds a magnitude for each output (Liu et al., arXiv:2402.09353).
    pub fn parameters(&self, rank: u64, dora: bool) -> u64 {
        rank * (self.inputs + self.outputs) + if dora { self.outputs } else { 0 }
    }
}

/// Why adapters cannot be attached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    /// Targets that select nothing.
    #[error("`target_modules` matches no projection of {model}; it has {known}")]
    NoTarget {
        /// Model.
        model: String,
        /// Module names it has.
        known: String,
    },
    /// A rank above what a matrix can hold.
    #[error("`r` is {rank}; expected at most {limit}, the smaller side of {module} in layer {layer}")]
    Rank {
        /// Rank asked for.
        rank: u64,
        /// Smaller side of the matrix.
        limit: u64,
        /// Module.
        module: &'static str,
        /// Layer.
        layer: usize,
    },
}

/// Trainable and frozen parameters of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupCount {
    /// Name of the group.
    pub group: &'static str,
    /// Parameters that are trained.
    pub trainable: u64,
    /// Parameters of the base, all frozen.
    pub frozen: u64,
}

/// The adapters of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdapterPlan {
    /// Rank of every pair.
    pub rank: u64,
    /// Whether every pair has a magnitude for each output.
    pub dora: bool,
    /// Adapted matrices, layer by layer.
    pub shapes: Vec<AdapterShape>,
    /// Counts by group; towers that are not loaded are left out.
    pub groups: Vec<GroupCount>,
}

impl AdapterPlan {
    /// Attach pairs of rank `rank` to every projection that `wanted` picks by layer and target.
    ///
    /// # Errors
    /// [`AdapterError`] when nothing is picked, or the rank exceeds a matrix' smaller side.
    pub fn new(
        model: &Model,
        rank: u64,
        wanted: impl Fn(usize, Target) -> bool,
    ) -> Result<Self, AdapterError> {
        let all: Vec<AdapterShape> = model.tensors.iter().filter_map(shape).collect();
        let shapes: Vec<AdapterShape> =
            all.iter().filter(|shape| wanted(shape.layer, shape.target)).cloned().collect();
        if shapes.is_empty() {
            let there = |target: &Target| all.iter().any(|shape| shape.target == *target);
            let known: Vec<&str> = Target::ALL.iter().filter(|t| there(t)).map(|t| t.module()).collect();
            let known = if known.is_empty() { "none that can be adapted".into() } else { known.join(", ") };
            return Err(AdapterError::NoTarget { model: model.architecture.name.clone(), known });
        }
        let narrow = shapes.iter().find(|shape| rank > shape.inputs.min(shape.outputs));
        if let Some(shape) = narrow {
            return Err(AdapterError::Rank {
                rank,
                limit: shape.inputs.min(shape.outputs),
                module: shape.target.module(),
                layer: shape.layer,
            });
        }
        let groups = groups(model, rank, &shapes);
        Ok(Self { rank, dora: false, shapes, groups })
    }

    /// The same with DoRA's magnitudes.
    #[must_use]
    pub fn with_magnitudes(mut self) -> Self {
        for shape in self.shapes.iter().filter(|_| !self.dora) {
            let name = NAMES[group_of(shape)];
            if let Some(count) = self.groups.iter_mut().find(|count| count.group == name) {
                count.trainable += shape.outputs;
            }
        }
        self.dora = true;
        self
    }

    /// Parameters that are trained.
    pub fn trainable(&self) -> u64 {
        self.groups.iter().map(|group| group.trainable).sum()
    }

    /// Parameters of the text model that stay as they are.
    pub fn frozen(&self) -> u64 {
        self.groups.iter().map(|group| group.frozen).sum()
    }

    /// Trained share of all parameters, adapters included, in percent (PEFT's `trainable%`).
    pub fn share_percent(&self) -> f64 {
        100.0 * self.trainable() as f64 / (self.trainable() + self.frozen()).max(1) as f64
    }

    /// Bytes of the adapters' numbers at `width` bytes each; a file adds its header.
    pub fn tensor_bytes(&self, width: u64) -> u64 {
        self.trainable() * width
    }
}

fn shape(tensor: &Tensor) -> Option<AdapterShape> {
    Some(AdapterShape {
        layer: tensor.layer?,
        target: Target::from_role(tensor.role)?,
        inputs: tensor.row_length,
        outputs: tensor.rows,
    })
}

const NAMES: [&str; 6] =
    ["attention", "ffn", "per-layer embeddings", "token embeddings and head", "norms", "other"];

/// Index of an adapted matrix' group.
fn group_of(shape: &AdapterShape) -> usize {
    usize::from(matches!(shape.target, Target::Gate | Target::Up | Target::Down))
}

fn groups(model: &Model, rank: u64, shapes: &[AdapterShape]) -> Vec<GroupCount> {
    let mut counts: Vec<GroupCount> =
        NAMES.iter().map(|group| GroupCount { group, trainable: 0, frozen: 0 }).collect();
    for tensor in &model.tensors {
        if let Some(at) = group(tensor.role) {
            counts[at].frozen += tensor.elements();
        }
    }
    for shape in shapes {
        counts[group_of(shape)].trainable += shape.parameters(rank, false);
    }
    counts.retain(|count| count.frozen + count.trainable > 0);
    counts
}

/// Index of a tensor's group; `None` for what is not loaded.
fn group(role: Role) -> Option<usize> {
    match role {
        Role::Vision | Role::Audio | Role::Unused | Role::Buffer => None,
        Role::AttentionQ
        | Role::AttentionK
        | Role::AttentionV
        | Role::AttentionQkv
        | Role::AttentionOutput => Some(0),
        Role::FfnGate | Role::FfnUp | Role::FfnGateUp | Role::FfnDown => Some(1),
        Role::PleTable | Role::PleProjection => Some(2),
        Role::TokenEmbedding | Role::OutputHead => Some(3),
        Role::Vector => Some(4),
        _ => Some(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;

    fn plan(name: &str, rank: u64) -> AdapterPlan {
        AdapterPlan::new(&registry::model(name).unwrap(), rank, |_, _| true).unwrap()
    }

    #[test]
    fn counts_follow_from_the_shapes() {
        // 30 layers of (q 576+576, k and v 576+192, o 576+576, gate and up 576+1536, down 1536+576) at rank 8.
        let by_hand = 30 * 8 * (2 * 1152 + 2 * 768 + 3 * 2112);
        let plan = plan("smollm2-135m", 8);
        assert_eq!(plan.trainable(), by_hand);
        assert_eq!(plan.trainable(), 2_442_240);
        assert_eq!(plan.frozen(), 134_515_008);
        assert_eq!(plan.shapes.len(), 210);
        assert_eq!(plan.tensor_bytes(4), 9_768_960);
    }

    #[test]
    fn magnitudes_are_counted_once() {
        let plan = plan("smollm2-135m", 8).with_magnitudes().with_magnitudes();
        // Outputs of a layer: q, o and down 576 each, k and v 192, gate and up 1536.
        assert_eq!(plan.trainable(), 2_442_240 + 30 * (3 * 576 + 2 * 192 + 2 * 1536));
        let by_shape: u64 = plan.shapes.iter().map(|shape| shape.parameters(8, true)).sum();
        assert_eq!(plan.trainable(), by_shape);
    }

    #[test]
    fn layers_that_read_a_donor_have_no_keys_and_values_to_adapt() {
        let plan = plan("gemma4-e2b", 16);
        let of = |target| plan.shapes.iter().filter(|shape| shape.target == target).count();
        assert_eq!((of(Target::Query), of(Target::Key), of(Target::Value)), (35, 15, 15));
        assert_eq!(plan.frozen(), 4_628_569_344);
    }

    #[test]
    fn subsets_and_refusals() {
        let model = registry::model("smollm2-135m").unwrap();
        let some = AdapterPlan::new(&model, 4, |layer, target| layer < 2 && target == Target::Query).unwrap();
        assert_eq!(some.trainable(), 2 * 4 * 1152);
        let none = AdapterPlan::new(&model, 4, |_, _| false).unwrap_err();
        assert!(none.to_string().contains("q_proj, k_proj"), "{none}");
        let wide = AdapterPlan::new(&model, 193, |_, _| true).unwrap_err();
        assert_eq!(wide, AdapterError::Rank { rank: 193, limit: 192, module: "k_proj", layer: 0 }, "{wide}");
    }
}
