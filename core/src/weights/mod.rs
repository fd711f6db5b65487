//! Weight formats: block types, stock quantiser rules, and the bytes of a model under each.

mod block;

pub use block::BlockType;
