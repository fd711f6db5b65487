//! What GGUF files call tensors that go by another name in the inventory.

/// Names in the inventory, without `blk.N.`, and in the family's files. Two names with the same target are one tensor there.
pub type Renames = &'static [(&'static str, &'static str)];

/// Names that are others for every family: scalars of recurrent blocks and biases of norms.
const ALWAYS: Renames = &[
    ("ssm_a.weight", "ssm_a"),
    ("ssm_d.weight", "ssm_d"),
    ("ssm_dt.weight", "ssm_dt.bias"),
    ("ssm_conv1d.bias.weight", "ssm_conv1d.bias"),
    ("norm_0.bias", "attn_norm.bias"),
    ("norm_1.bias", "ffn_norm.bias"),
];

/// The file's name of a tensor, without `blk.N.`.
pub(crate) fn rename(renames: Renames, rest: &str) -> &str {
    let find = |list: Renames| list.iter().find(|(name, _)| *name == rest).map(|(_, target)| *target);
    find(renames).or_else(|| find(ALWAYS)).unwrap_or(rest)
}
