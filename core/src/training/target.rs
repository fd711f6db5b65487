//! The projections of a decoder layer that low-rank adapters attach to.

use crate::model::Role;
use serde::Serialize;

/// A projection, by its role in the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Query.
    Query,
    /// Key.
    Key,
    /// Value.
    Value,
    /// Attention output.
    Output,
    /// FFN gate.
    Gate,
    /// FFN up.
    Up,
    /// FFN down.
    Down,
}

impl Target {
    /// All seven, in the order of a layer.
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// The name of the module in Hugging Face implementations.
    pub const fn module(self) -> &'static str {
        match self {
            Self::Query => "q_proj",
            Self::Key => "k_proj",
            Self::Value => "v_proj",
            Self::Output => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }

    /// The module's path within a layer.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Query => "self_attn.q_proj",
            Self::Key => "self_attn.k_proj",
            Self::Value => "self_attn.v_proj",
            Self::Output => "self_attn.o_proj",
            Self::Gate => "mlp.gate_proj",
            Self::Up => "mlp.up_proj",
            Self::Down => "mlp.down_proj",
        }
    }

    /// The tensor's name within a layer of a GGUF file, without `.weight`.
    pub const fn tensor(self) -> &'static str {
        match self {
            Self::Query => "attn_q",
            Self::Key => "attn_k",
            Self::Value => "attn_v",
            Self::Output => "attn_output",
            Self::Gate => "ffn_gate",
            Self::Up => "ffn_up",
            Self::Down => "ffn_down",
        }
    }

    /// The target that a tensor of this role is.
    pub const fn from_role(role: Role) -> Option<Self> {
        match role {
            Role::AttentionQ => Some(Self::Query),
            Role::AttentionK => Some(Self::Key),
            Role::AttentionV => Some(Self::Value),
            Role::AttentionOutput => Some(Self::Output),
            Role::FfnGate => Some(Self::Gate),
            Role::FfnUp => Some(Self::Up),
            Role::FfnDown => Some(Self::Down),
            _ => None,
        }
    }

    /// Position in [`Target::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn names_lead_back() {
        for (index, target) in Target::ALL.into_iter().enumerate() {
            assert_eq!(target.index(), index);
            assert!(target.path().ends_with(target.module()));
        }
    }
}
