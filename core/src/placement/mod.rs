//! Where every byte of a run lies, who may count it, and when it is touched.
//!
//! A [`Placement`] lists parts: bytes with their interval, a pool (host memory, a GPU's, storage), a kind (anonymous, file,
//! wired) and a touch (at load, each prompt, each token, some experts, one row). One file a runtime holds that runtime's
//! rules. Limits are compared with [`Needs`], the sums of parts; [`held`] says what a run does when memory is short.

mod card_graph;
mod case;
mod common;
pub mod compute;
mod constants;
mod draft;
mod executorch;
mod fitting;
mod ideal;
mod litert_lm;
mod llama_cpp;
mod machine;
mod mlc;
mod mlx;
mod moment;
mod needs;
pub mod packed;
mod part;
mod placed;
mod pressure;
mod rows;
mod split;
mod stack;
mod transformers;
mod vllm;
mod weights;

pub use card_graph::load_card_graphs;
pub(crate) use case::Case;
pub(crate) use fitting::FIT_MARGIN;
pub(crate) use llama_cpp::DRIVER;
pub use llama_cpp::HOST_PROGRAM_BYTES;
pub(crate) use machine::ONE_CARD;
pub use machine::{EachCard, Machine};
pub use needs::Needs;
pub use part::{Component, Kind, Part, Pool, Touch};
pub use placed::Placement;
pub use pressure::{Held, READ_AHEAD_BYTES, ReRead, held};
pub use rows::cached_rows;
pub(crate) use split::read_from_card;
pub use split::{Fraction, Split};
pub use stack::Stack;
