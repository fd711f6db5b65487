//! The types that stock `llama-quantize` gives each tensor (llama.cpp, `llama-quant.cpp`).
//!
//! A "Q4_K_M" file holds four or five types; which tensor gets which decides its size. These rules reproduce
//! two published files to the byte (see the tests).

use super::BlockType;
use crate::model::tensor::{Role, Tensor};

macro_rules! stock_types {
    ($($variant:ident $name:literal $base:ident;)*) => {
        /// A mix that `llama-quantize` offers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StockType {
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
        }

        impl StockType {
            /// Every mix, largest first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in lower case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The type most matrices get.
            pub const fn base(self) -> BlockType {
                match self { $(Self::$variant => BlockType::$base),* }
            }
        }
    };
}

stock_types! {
    F32 "f32" F32;
    F16 "f16" F16;
    Bf16 "bf16" Bf16;
    Q8_0 "q8_0" Q8_0;
    Q6K "q6_k" Q6K;
    Q5_1 "q5_1" Q5_1;
    Q5KM "q5_k_m" Q5K;
    Q5KS "q5_k_s" Q5K;
    Q5_0 "q5_0" Q5_0;
    Q4_1 "q4_1" Q4_1;
    Q4KM "q4_k_m" Q4K;
    Q4KS "q4_k_s" Q4K;
    Q4_0 "q4_0" Q4_0;
    Iq4Nl "iq4_nl" Iq4Nl;
    Iq4Xs "iq4_xs" Iq4Xs;
    Q3KL "q3_k_l" Q3K;
    Q3KM "q3_k_m" Q3K;
    Q3KS "q3_k_s" Q3K;
    Q2K "q2_k" Q2K;
}

impl StockType {
    /// A mix by its lower-case name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stock| stock.name() == name)
    }

    const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }
}

/// What the rules need to know of the whole model.
struct Shape {
    layers: usize,
    values: usize,
    experts: u64,
    query_heads_per_kv_head: u64,
    tied: bool,
}

/// The type of every tensor, in the order given.
///
/// `query_heads_per_kv_head` is that of the first attention layer, as the quantiser takes it.
pub(super) fn assign(stock: StockType, tensors: &[Tensor], query_heads_per_kv_head: u64) -> Vec<BlockType> {
    let shape = Shape {
        layers: tensors.iter().filter_map(|t| t.layer).max().map_or(0, |last| last + 1),
        values: tensors.iter().filter(|t| part(t) == Some(Part::Value)).count(),
        experts: tensors.iter().find(|t| t.role == Role::Router).map_or(0, |t| t.rows),
        query_heads_per_kv_head,
        tied: !tensors.iter().any(|t| t.role == Role::OutputHead),
    };
    let mut seen_values = 0;
    let mut seen_downs = 0;
    tensors
        .iter()
        .map(|tensor| {
            let part = part(tensor);
            let index = match part {
                Some(Part::Value) => {
                    seen_values += 1;
                    seen_values - 1
                }
                Some(Part::Down) if shape.experts > 1 => tensor.layer.unwrap_or(0),
                Some(Part::Down) => {
                    seen_downs += 1;
                    seen_downs - 1
                }
                _ => 0,
            };
            one(stock, tensor, part, index, &shape)
        })
        .collect()
}

/// Matrices that the rules treat apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Value,
    Key,
    Qkv,
    Output,
    Down,
}

fn part(tensor: &Tensor) -> Option<Part> {
    match tensor.role {
        Role::OutputHead => Some(Part::Head),
        Role::AttentionV => Some(Part::Value),
        Role::AttentionK => Some(Part::Key),
        Role::AttentionQkv => Some(Part::Qkv),
        Role::AttentionOutput => Some(Part::Output),
        Role::FfnDown | Role::ExpertDown => Some(Part::Down),
        Role::Unused if tensor.name.ends_with("attn_v.weight") => Some(Part::Value),
        Role::Unused if tensor.name.ends_with("attn_k.weight") => Some(Part::Key),
        _ => None,
    }
}

fn one(stock: StockType, tensor: &Tensor, part: Option<Part>, index: usize, shape: &Shape) -> BlockType {
    match tensor.role {
        Role::Vector | Role::Buffer | Role::Router => return BlockType::F32,
        Role::Unused if tensor.rows == 1 => return BlockType::F32,
        Role::Unquantised if stays_f32(&tensor.name) => return BlockType::F32,
        Role::Unquantised => return if stock == StockType::F32 { BlockType::F32 } else { BlockType::F16 },
        Role::Vision | Role::Audio => return BlockType::F16,
        _ if stock.is_float() => return stock.base(),
        _ => {}
    }
    let table = matches!(tensor.role, Role::TokenEmbedding | Role::PleTable);
    let wanted = if part == Some(Part::Head) || (table && shape.tied) {
        output_type(stock, tensor.row_length)
    } else {
        part.and_then(|part| mixed(stock, part, index, shape)).unwrap_or(stock.base())
    };
    fallback(wanted, tensor.row_length)
}

/// Small matrices that the converter writes in f32 whatever it is asked for (`convert_hf_to_gguf.py`), and that the
/// runtime's kernels insist on.
fn stays_f32(name: &str) -> bool {
    const PARTS: [&str; 4] = ["ssm_conv1d", "shortconv.conv", "altup_correct_coef", "altup_predict_coef"];
    let stem = name.strip_suffix(".weight").unwrap_or(name);
    PARTS.iter().any(|part| stem.ends_with(part))
}

/// Output heads, and embedding tables that serve as one.
fn output_type(stock: StockType, row_length: u64) -> BlockType {
    if stock == StockType::Q8_0 || !row_length.is_multiple_of(stock.base().elements()) {
        BlockType::Q8_0
    } else {
        BlockType::Q6K
    }
}

/// Types that differ from the mix's base; `None` where it applies.
fn mixed(stock: StockType, part: Part, index: usize, shape: &Shape) -> Option<BlockType> {
    use BlockType::{Q3K, Q4K, Q5K, Q6K, Q8_0};
    use StockType as S;
    let grouped = shape.query_heads_per_kv_head >= 4;
    let eight_experts = shape.experts == 8;
    match part {
        Part::Value | Part::Key if eight_experts => Some(Q8_0),
        Part::Value => match stock {
            S::Q2K => Some(if grouped { Q4K } else { Q3K }),
            S::Q3KM => Some(if index < 2 { Q5K } else { Q4K }),
            S::Q3KL => Some(Q5K),
            S::Iq4Nl | S::Iq4Xs if grouped => Some(Q5K),
            S::Q4KM | S::Q5KM if more_bits(index, shape.values) => Some(Q6K),
            S::Q4KS if index < 4 => Some(Q5K),
            _ => None,
        },
        Part::Down => match stock {
            S::Q2K => Some(Q3K),
            S::Q3KM => Some(if index < shape.layers / 16 { Q5K } else { Q4K }),
            S::Q3KL => Some(Q5K),
            S::Q4KM | S::Q5KM if more_bits(index, shape.layers) => Some(Q6K),
            S::Iq4Nl | S::Iq4Xs | S::Q4KS if index < shape.layers / 8 => Some(Q5K),
            _ => None,
        },
        Part::Output if eight_experts => match stock {
            S::Q2K | S::Q3KS | S::Q3KM | S::Iq4Nl | S::Iq4Xs | S::Q4KS | S::Q4KM => Some(Q5K),
            _ => None,
        },
        Part::Output => match stock {
            S::Q2K => Some(Q3K),
            S::Q3KM => Some(Q4K),
            S::Q3KL => Some(Q5K),
            _ => None,
        },
        Part::Qkv => match stock {
            S::Q3KM | S::Q3KL => Some(Q4K),
            S::Q4KM => Some(Q5K),
            S::Q5KM => Some(Q6K),
            _ => None,
        },
        Part::Key | Part::Head => None,
    }
}

/// The first and last eighth of the layers, and every third between.
fn more_bits(index: usize, count: usize) -> bool {
    let eighth = count / 8;
    index < eighth || index >= 7 * count / 8 || (index - eighth) % 3 == 2
}

/// What a row that does not divide into blocks gets instead.
fn fallback(block: BlockType, row_length: u64) -> BlockType {
    use BlockType as B;
    if row_length.is_multiple_of(block.elements()) {
        return block;
    }
    let second = match block {
        B::Q2K | B::Q3K => B::Q4_0,
        B::Q4K => B::Q5_0,
        B::Q5K => B::Q5_1,
        B::Q6K => B::Q8_0,
        B::Iq4Xs => B::Iq4Nl,
        _ => B::F16,
    };
    if row_length.is_multiple_of(second.elements()) { second } else { B::F16 }
}
