//! The types that stock `llama-quantize` gives each tensor (llama.cpp, `llama-quant.cpp`).
//!
//! A "Q4_K_M" file holds four or five types; which tensor gets which decides its size. These rules are those of version
//! 0.5 without an importance matrix, held to the quantiser itself by `validate-sizes`; two published files come out to the
//! byte as well (see the tests).

use crate::leaf::BlockType;
use crate::model::tensor::{Active, Role, Tensor};

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
    Mxfp4Moe "mxfp4_moe" Mxfp4;
    Q3KS "q3_k_s" Q3K;
    Iq3M "iq3_m" Iq3S;
    Iq3S "iq3_s" Iq3S;
    Iq3Xs "iq3_xs" Iq3S;
    Iq3Xxs "iq3_xxs" Iq3Xxs;
    Q2K "q2_k" Q2K;
    Q2KS "q2_k_s" Q2K;
    Iq2M "iq2_m" Iq2S;
    Iq2S "iq2_s" Iq2Xs;
    Iq2Xs "iq2_xs" Iq2Xs;
    Tq2_0 "tq2_0" Tq2_0;
    Iq2Xxs "iq2_xxs" Iq2Xxs;
    Iq1M "iq1_m" Iq1M;
    Tq1_0 "tq1_0" Tq1_0;
    Iq1S "iq1_s" Iq1S;
}

impl StockType {
    /// A mix by its lower-case name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stock| stock.name() == name)
    }

    /// Whether it can be offered for a model that was not trained for it: ternary types and gpt-oss' own cannot.
    pub const fn suits_any_model(self) -> bool {
        !matches!(self, Self::Tq1_0 | Self::Tq2_0 | Self::Mxfp4Moe)
    }

    const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Its code in llama.cpp's `enum llama_ftype`.
    pub const fn llama_code(self) -> i32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 7,
            Self::Q5_0 => 8,
            Self::Q5_1 => 9,
            Self::Q2K => 10,
            Self::Q3KS => 11,
            Self::Q3KM => 12,
            Self::Q3KL => 13,
            Self::Q4KS => 14,
            Self::Q4KM => 15,
            Self::Q5KS => 16,
            Self::Q5KM => 17,
            Self::Q6K => 18,
            Self::Iq2Xxs => 19,
            Self::Iq2Xs => 20,
            Self::Q2KS => 21,
            Self::Iq3Xs => 22,
            Self::Iq3Xxs => 23,
            Self::Iq1S => 24,
            Self::Iq4Nl => 25,
            Self::Iq3S => 26,
            Self::Iq3M => 27,
            Self::Iq2S => 28,
            Self::Iq2M => 29,
            Self::Iq4Xs => 30,
            Self::Iq1M => 31,
            Self::Bf16 => 32,
            Self::Tq1_0 => 36,
            Self::Tq2_0 => 37,
            Self::Mxfp4Moe => 38,
        }
    }

    /// Mixes of 1 and 2 bits that have rules of their own.
    const fn is_tiny(self) -> bool {
        matches!(self, Self::Iq2Xxs | Self::Iq2Xs | Self::Iq1S | Self::Iq2S | Self::Iq2M | Self::Iq1M)
    }
}

/// What the rules need to know of the whole model (`llama-model.cpp`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Query heads per KV head of the first layer; 0 where that layer has no KV heads.
    pub(super) query_heads_per_kv_head: u64,
    /// llama.cpp takes it for a model of 70 billion parameters: 80 layers, fewer KV heads, of llama's or Qwen 2's kind.
    pub(super) seventy: bool,
    /// Falcon has exceptions of its own.
    pub(super) falcon: bool,
}

struct Shape {
    rules: Rules,
    layers: usize,
    values: usize,
    experts: u64,
    tied: bool,
}

/// The type of every tensor, in the order given.
pub(super) fn assign(stock: StockType, tensors: &[Tensor], rules: Rules) -> Vec<BlockType> {
    let experts = tensors.iter().find_map(|t| match t.active {
        Active::Experts { experts, .. } => Some(experts),
        _ => None,
    });
    let shape = Shape {
        rules,
        layers: tensors.iter().filter_map(|t| t.layer).max().map_or(0, |last| last + 1),
        values: tensors.iter().filter(|t| part(t) == Some(Part::Value)).count(),
        experts: experts.unwrap_or(0),
        tied: !tensors.iter().any(|t| t.role == Role::OutputHead),
    };
    let mut seen_values = 0;
    let mut seen = [0; 3];
    let mut types = vec![BlockType::F32; tensors.len()];
    // Layer by layer, as the quantiser's map is sorted.
    let mut order = vec![Vec::new(); shape.layers + 1];
    for (at, tensor) in tensors.iter().enumerate() {
        order[tensor.layer.map_or(0, |layer| layer + 1)].push(at);
    }
    for at in order.into_iter().flatten() {
        let tensor = &tensors[at];
        let part = part(tensor);
        let mut next = |kind: usize| {
            seen[kind] += 1;
            if shape.experts > 1 { tensor.layer.unwrap_or(0) } else { seen[kind] - 1 }
        };
        let index = match part {
            Some(Part::Value) => {
                seen_values += 1;
                seen_values - 1
            }
            Some(Part::Down) => next(0),
            Some(Part::Gate) => next(1),
            Some(Part::Up) => next(2),
            _ => 0,
        };
        types[at] = one(stock, tensor, part, index, &shape);
    }
    types
}

/// Matrices that the rules treat apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    /// Values, and what holds values among others: fused projections, DeltaNet's too, and latent attention's `kv_b`.
    Value,
    Key,
    Query,
    Output,
    Down,
    Gate,
    Up,
}

/// The quantiser goes by names; where a checkpoint has other names, the role says the same.
fn part(tensor: &Tensor) -> Option<Part> {
    let stem = tensor.name.strip_suffix(".weight")?;
    if let Some((_, stem)) = stem.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) {
        return match stem {
            "attn_qkv" | "attn_kv_b" | "attn_v" => Some(Part::Value),
            "attn_k" => Some(Part::Key),
            "attn_q" => Some(Part::Query),
            "attn_output" => Some(Part::Output),
            _ if stem.starts_with("ffn_up") => Some(Part::Up),
            _ if stem.starts_with("ffn_gate") => Some(Part::Gate),
            _ if stem.starts_with("ffn_down") => Some(Part::Down),
            _ => None,
        };
    }
    match tensor.role {
        Role::OutputHead => Some(Part::Head),
        Role::AttentionV | Role::AttentionQkv => Some(Part::Value),
        Role::AttentionK => Some(Part::Key),
        Role::AttentionQ => Some(Part::Query),
        Role::AttentionOutput => Some(Part::Output),
        Role::FfnDown | Role::ExpertDown => Some(Part::Down),
        Role::FfnGate | Role::ExpertGate => Some(Part::Gate),
        Role::FfnUp | Role::FfnGateUp | Role::ExpertUp => Some(Part::Up),
        Role::Recurrent if stem.ends_with("in_proj_qkv") => Some(Part::Value),
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
    let table = tensor.role.is_table();
    let wanted = if part == Some(Part::Head) || tensor.role == Role::OutputHead || (table && shape.tied) {
        output_type(stock, tensor.row_length, shape.rules.falcon)
    } else if stock == StockType::Mxfp4Moe {
        // Matrices for each expert, and latent attention's for each head.
        let many = matches!(tensor.active, Active::Experts { .. }) || for_each_head(&tensor.name);
        if many { BlockType::Mxfp4 } else { BlockType::Q8_0 }
    } else if table {
        table_type(stock)
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

fn for_each_head(name: &str) -> bool {
    name.ends_with("attn_k_b.weight") || name.ends_with("attn_v_b.weight")
}

/// Output heads, and embedding tables that serve as one.
fn output_type(stock: StockType, row_length: u64, falcon: bool) -> BlockType {
    use StockType as S;
    let whole = row_length.is_multiple_of(stock.base().elements());
    match stock {
        S::Mxfp4Moe | S::Q8_0 => BlockType::Q8_0,
        _ if falcon || !whole => BlockType::Q8_0,
        S::Iq3Xxs => BlockType::Q5K,
        _ if stock.is_tiny() => BlockType::Q5K,
        _ => BlockType::Q6K,
    }
}

/// Embedding tables beside an output head of their own.
const fn table_type(stock: StockType) -> BlockType {
    use StockType as S;
    match stock {
        S::Iq2Xxs | S::Iq2Xs | S::Iq1S | S::Iq1M => BlockType::Q2K,
        S::Iq2S | S::Iq2M | S::Iq3Xxs => BlockType::Iq3S,
        S::Tq1_0 | S::Tq2_0 => BlockType::Q4K,
        _ => stock.base(),
    }
}

/// Types that differ from the mix's base; `None` where it applies.
fn mixed(stock: StockType, part: Part, index: usize, shape: &Shape) -> Option<BlockType> {
    use BlockType::{Iq2S, Iq3S, Iq3Xxs, Q3K, Q4K, Q5K, Q8_0};
    use StockType as S;
    let eight_experts = shape.experts == 8;
    if stock.is_tiny() {
        return tiny(stock, part, index, shape);
    }
    match part {
        Part::Value => {
            let mut wanted = value(stock, index, shape);
            if shape.rules.seventy && matches!(wanted.unwrap_or(stock.base()), Q3K | Q4K) {
                wanted = Some(Q5K);
            }
            if eight_experts { Some(Q8_0) } else { wanted }
        }
        Part::Key if eight_experts => Some(Q8_0),
        Part::Key | Part::Query => match stock {
            S::Iq3Xs => Some(Iq3Xxs),
            S::Iq3Xxs => Some(Iq2S),
            _ => None,
        },
        Part::Down => down(stock, index, shape),
        Part::Output if shape.rules.falcon => (stock == S::Q3KL).then_some(Q4K),
        Part::Output if eight_experts => match stock {
            S::Q2K
            | S::Q3KS
            | S::Q3KM
            | S::Iq4Nl
            | S::Iq4Xs
            | S::Q4KS
            | S::Q4KM
            | S::Iq3Xs
            | S::Iq3Xxs
            | S::Iq3S
            | S::Iq3M => Some(Q5K),
            _ => None,
        },
        Part::Output => match stock {
            S::Q2K => Some(Q3K),
            S::Iq3Xxs => Some(Iq3S),
            S::Q3KM | S::Iq3M => Some(Q4K),
            S::Q3KL => Some(Q5K),
            _ => None,
        },
        Part::Gate | Part::Up => {
            let middle = index >= shape.layers / 8 && index < 7 * shape.layers / 8;
            (stock == S::Iq3Xs && middle).then_some(Iq3Xxs)
        }
        Part::Head => None,
    }
}

fn value(stock: StockType, index: usize, shape: &Shape) -> Option<BlockType> {
    use BlockType::{Iq3S, Q3K, Q4K, Q5K, Q6K};
    use StockType as S;
    let grouped = shape.rules.query_heads_per_kv_head >= 4;
    match stock {
        S::Q2K => Some(if grouped { Q4K } else { Q3K }),
        S::Iq3Xxs => Some(if grouped { Q4K } else { Iq3S }),
        S::Q2KS | S::Iq3Xs | S::Iq3S if grouped => Some(Q4K),
        S::Iq3M => Some(Q4K),
        S::Q3KM => Some(if index < 2 { Q5K } else { Q4K }),
        S::Q3KL => Some(Q5K),
        S::Iq4Nl | S::Iq4Xs if grouped => Some(Q5K),
        S::Q4KM | S::Q5KM if more_bits(index, shape.values) => Some(Q6K),
        S::Q4KS if index < 4 => Some(Q5K),
        _ => None,
    }
}

fn down(stock: StockType, index: usize, shape: &Shape) -> Option<BlockType> {
    use BlockType::{Q3K, Q4K, Q5K, Q6K};
    use StockType as S;
    let (layers, falcon) = (shape.layers, shape.rules.falcon);
    let (early, more) = (index < layers / 8, more_bits(index, layers));
    match stock {
        S::Q2K => Some(Q3K),
        S::Q2KS if early => Some(Q4K),
        S::Iq3Xxs => Some(if early { Q4K } else { Q3K }),
        S::Q3KM if index < layers / 16 => Some(Q5K),
        S::Q3KM => (!falcon || more).then_some(Q4K),
        S::Iq3M if early || (shape.experts == 8 && more) => Some(Q4K),
        S::Q3KL => Some(if falcon { Q4K } else { Q5K }),
        S::Q4KM if falcon && index < layers / 16 => Some(Q6K),
        S::Q4KM if falcon => more.then_some(Q5K),
        S::Q4KM | S::Q5KM if more => Some(Q6K),
        S::Iq4Nl | S::Iq4Xs if early => Some(Q5K),
        S::Q4KS if early && !falcon => Some(Q5K),
        _ => None,
    }
}

/// Mixes of 1 and 2 bits.
fn tiny(stock: StockType, part: Part, index: usize, shape: &Shape) -> Option<BlockType> {
    use BlockType::{Iq2Xxs, Iq3S, Q2K, Q4K, Q5K};
    use StockType as S;
    let better = if matches!(stock, S::Iq2S | S::Iq2M) { Iq3S } else { Q2K };
    match part {
        Part::Value if shape.rules.query_heads_per_kv_head >= 4 || shape.experts >= 4 => Some(Q4K),
        Part::Value => Some(better),
        Part::Key if shape.experts == 8 => Some(Q4K),
        // Counted, not read off the name, even where there are experts; one such matrix a layer makes that the same.
        Part::Down if index < shape.layers / 8 => Some(better),
        Part::Output if shape.experts == 8 => Some(Q5K),
        Part::Output => match stock {
            S::Iq1S | S::Iq1M => Some(Iq2Xxs),
            S::Iq2S | S::Iq2M => Some(Iq3S),
            _ => None,
        },
        _ => None,
    }
}

/// The first and last eighth of the layers, and every third between.
fn more_bits(index: usize, count: usize) -> bool {
    let eighth = count / 8;
    index < eighth || index >= 7 * count / 8 || (index.saturating_sub(eighth)) % 3 == 2
}

/// What a row that does not divide into blocks gets instead.
fn fallback(block: BlockType, row_length: u64) -> BlockType {
    use BlockType as B;
    if row_length.is_multiple_of(block.elements()) {
        return block;
    }
    let second = match block {
        B::Q2K | B::Q3K | B::Tq1_0 | B::Tq2_0 => B::Q4_0,
        B::Q4K => B::Q5_0,
        B::Q5K => B::Q5_1,
        B::Q6K => B::Q8_0,
        B::Iq4Xs | B::Iq3S | B::Iq3Xxs | B::Iq2S | B::Iq2Xs | B::Iq2Xxs | B::Iq1S | B::Iq1M => B::Iq4Nl,
        _ => B::F16,
    };
    if row_length.is_multiple_of(second.elements()) { second } else { B::F16 }
}
