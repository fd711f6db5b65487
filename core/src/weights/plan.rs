//! Bytes of every tensor of a model under a weight format.

use super::stock::{self, StockType};
use super::{UniformFormat, WeightFormat};
use crate::leaf::BlockType;
use crate::leaf::Provenance;
use crate::leaf::cast::to_u64;
use crate::model::architecture::{Architecture, Attention, Mixer, OwnBits, RecurrentKind};
use crate::model::{Model, Origin, Role, Tensor};

/// Alignment of tensors in a GGUF file, in bytes.
const GGUF_ALIGNMENT: u64 = 32;

/// The weights of a model in one format.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightPlan {
    /// The format.
    pub format: WeightFormat,
    /// One entry for each of the model's tensors, in their order.
    pub tensors: Vec<PlannedTensor>,
    /// How the bytes are known.
    pub provenance: Provenance,
}

/// A tensor's type, where it is a block type, and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedTensor {
    /// Block type, if the format has them.
    pub block: Option<BlockType>,
    /// Bytes, without padding between tensors.
    pub bytes: u64,
}

/// Why a format does not apply to a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The model was not read from a checkpoint.
    #[error("weight format `as_stored` needs a GGUF or safetensors file; `{model}` was not read from one")]
    NotStored {
        /// The model.
        model: String,
    },
    /// The publisher states no sizes.
    #[error("weight format `published` needs sizes stated by the publisher; `{model}` has none")]
    NotPublished {
        /// The model.
        model: String,
    },
}

impl WeightPlan {
    /// Lay out `model` in `format`.
    pub fn new(model: &Model, format: WeightFormat) -> Result<Self, PlanError> {
        let name = || model.architecture.name.clone();
        let (tensors, provenance) = match format {
            WeightFormat::AsStored if !model.is_stored() => {
                return Err(PlanError::NotStored { model: name() });
            }
            WeightFormat::AsStored => (model.tensors.iter().map(as_stored).collect(), Provenance::Exact),
            WeightFormat::Published => {
                let planned = published(model).ok_or_else(|| PlanError::NotPublished { model: name() })?;
                (planned, Provenance::Published)
            }
            WeightFormat::Stock(stock) => (stock_plan(model, stock), Provenance::Exact),
            WeightFormat::Uniform(uniform) => {
                let own = own_bits(model, uniform);
                let planned = model.tensors.iter().map(|t| uniform_size(uniform, t, own)).collect();
                (planned, if guesses(model, uniform) { Provenance::Estimated } else { Provenance::Exact })
            }
            WeightFormat::Bits(bits) => {
                let planned = |t: &Tensor| PlannedTensor {
                    block: None,
                    bytes: bits_size(t.elements(), f64::from(bits)),
                };
                (model.tensors.iter().map(planned).collect(), Provenance::Exact)
            }
        };
        Ok(Self { format, tensors, provenance })
    }

    /// The format to assume when none is asked for: as stored for a file, as published where that is MXFP4, `q4_k_m` otherwise.
    pub fn default_format(model: &Model) -> WeightFormat {
        match model.origin {
            Origin::Gguf { .. } | Origin::Safetensors { .. } => WeightFormat::AsStored,
            _ if model.architecture.conduct.published_in_mxfp4 => WeightFormat::Stock(StockType::Mxfp4Moe),
            _ => WeightFormat::Stock(StockType::Q4KM),
        }
    }

    /// Bytes of the tensors of `model` that `wanted` picks.
    pub fn bytes_where(&self, model: &Model, wanted: impl Fn(&Tensor) -> bool) -> u64 {
        model
            .tensors
            .iter()
            .zip(&self.tensors)
            .filter(|(t, _)| wanted(t))
            .map(|(_, planned)| planned.bytes)
            .sum()
    }

    /// Bytes of all text tensors (towers apart).
    pub fn text_bytes(&self, model: &Model) -> u64 {
        self.bytes_where(model, |tensor| !tensor.role.is_tower())
    }

    /// Tensor data of a GGUF file: every tensor padded to 32 bytes, towers apart.
    pub fn gguf_data_bytes(&self, model: &Model) -> u64 {
        let text = model.tensors.iter().zip(&self.tensors);
        text.filter(|(t, _)| !t.role.is_tower())
            .map(|(_, planned)| planned.bytes.next_multiple_of(GGUF_ALIGNMENT))
            .sum()
    }

    /// Effective bits per text parameter.
    pub fn bits_per_weight(&self, model: &Model) -> f64 {
        let text = |t: &Tensor| !t.role.is_tower();
        let elements: u64 = model.tensors.iter().filter(|t| text(t)).map(Tensor::elements).sum();
        if elements == 0 { 0.0 } else { self.text_bytes(model) as f64 * 8.0 / elements as f64 }
    }

    /// Bytes of weights read from memory for one decoded token (lookups apart).
    pub fn read_per_token(&self, model: &Model) -> u64 {
        model
            .tensors
            .iter()
            .zip(&self.tensors)
            .map(|(tensor, planned)| tensor.read_per_token(planned.bytes))
            .sum()
    }

    /// Bytes of one row of the per-layer embedding table; 0 without one.
    pub fn ple_row_bytes(&self, model: &Model) -> u64 {
        let mut tables = model.tensors.iter().zip(&self.tensors).filter(|(t, _)| t.role == Role::PleTable);
        tables.next().map_or(0, |(tensor, planned)| match planned.block {
            Some(block) => block.size(1, tensor.row_length),
            None => planned.bytes.checked_div(tensor.rows).unwrap_or(0),
        })
    }
}

fn as_stored(tensor: &Tensor) -> PlannedTensor {
    match tensor.stored {
        Some(stored) => PlannedTensor { block: Some(stored.block), bytes: stored.bytes },
        None => PlannedTensor { block: None, bytes: 0 },
    }
}

fn stock_plan(model: &Model, stock: StockType) -> Vec<PlannedTensor> {
    let types = stock::assign(stock, &model.tensors, rules(&model.architecture));
    let size = |(tensor, block): (&Tensor, BlockType)| PlannedTensor {
        block: Some(block),
        bytes: block.size(file_rows(model, tensor), tensor.row_length),
    };
    model.tensors.iter().zip(types).map(size).collect()
}

/// Rows in a GGUF file: Gemma 3n's converter pads the per-layer table to the token table (`conversion/gemma.py`).
fn file_rows(model: &Model, tensor: &Tensor) -> u64 {
    match tensor.role {
        Role::PleTable if model.architecture.conduct.padded_ple => {
            tensor.rows.max(model.architecture.embeddings.vocab_size)
        }
        _ => tensor.rows,
    }
}

/// What llama.cpp reads of the model before it picks types.
fn rules(shape: &Architecture) -> stock::Rules {
    let ratio = |attention: &Attention| attention.query_heads.checked_div(attention.kv_heads).unwrap_or(0);
    let first = shape.layers.first().map_or(0, |layer| match &layer.mixer {
        Mixer::Attention(attention) | Mixer::Both(attention, _) => ratio(attention),
        // Qwen's hybrids state one number of KV heads for all layers, the others none for a layer that recurs.
        Mixer::Recurrent(recurrent) if recurrent.kind == RecurrentKind::GatedDeltaNet => {
            shape.attention_layers().next().map_or(0, |(_, attention)| ratio(attention))
        }
        Mixer::Recurrent(_) | Mixer::None => 0,
    });
    stock::Rules {
        query_heads_per_kv_head: first,
        seventy: shape.layers.len() == 80 && first > 1 && shape.conduct.quantised_as_70b,
        falcon: shape.conduct.quantised_as_falcon,
    }
}

/// Matrices with bits of their own, where the format is that of the checkpoint that has them.
fn own_bits(model: &Model, format: UniformFormat) -> &[OwnBits] {
    let published = &model.architecture.published;
    let own = published.checkpoint_own.as_slice();
    if own.is_empty() || published.checkpoint.as_deref() != Some(&format.to_string()) { &[] } else { own }
}

/// Whether the format stands for a quantised checkpoint's own form, whose scales and exceptions only its header says; MLX's
/// config lists them.
fn guesses(model: &Model, format: UniformFormat) -> bool {
    let listed = matches!(format, UniformFormat::Mlx { .. } | UniformFormat::MlxFloat(_));
    !listed && model.architecture.published.checkpoint.as_deref() == Some(&format.to_string())
}

fn uniform_size(format: UniformFormat, tensor: &Tensor, own: &[OwnBits]) -> PlannedTensor {
    if let Some(own) = own.iter().find(|own| (own.layer, own.role) == (tensor.layer, tensor.role)) {
        let packed = f64::from(own.bits) + 32.0 / f64::from(own.group.max(1));
        let bits = if own.bits == 16 { 16.0 } else { packed };
        return PlannedTensor { block: None, bytes: bits_size(tensor.elements(), bits) };
    }
    let table = matches!(tensor.role, Role::TokenEmbedding | Role::OutputHead | Role::PleTable);
    let kept = match tensor.role {
        Role::Vector | Role::Buffer | Role::Router | Role::Unquantised | Role::Vision | Role::Audio => true,
        _ => tensor.rows == 1 || (table && !format.quantises_embeddings()),
    };
    let bits = if kept { 16.0 } else { format.bits_per_weight() };
    let scales = if !kept && format == UniformFormat::Int8PerRow { tensor.rows * 4 } else { 0 };
    PlannedTensor { block: None, bytes: bits_size(tensor.elements(), bits) + scales }
}

/// Spread the two published sizes over their tensors in proportion to elements.
fn published(model: &Model) -> Option<Vec<PlannedTensor>> {
    let stated = &model.architecture.published;
    let (decoder, embedding) = (stated.decoder_bytes?, stated.embedding_bytes?);
    let table = |t: &Tensor| matches!(t.role, Role::TokenEmbedding | Role::PleTable | Role::OutputHead);
    let tower = |t: &Tensor| t.role.is_tower();
    let count = |wanted: &dyn Fn(&Tensor) -> bool| -> u64 {
        model.tensors.iter().filter(|t| wanted(t)).map(Tensor::elements).sum()
    };
    let tables = count(&table).max(1);
    let rest = count(&|t| !table(t) && !tower(t)).max(1);
    let share = |bytes: u64, part: u64, whole: u64| {
        u64::try_from(u128::from(bytes) * u128::from(part) / u128::from(whole)).unwrap_or(u64::MAX)
    };
    let planned = |t: &Tensor| {
        let bytes = match t {
            t if tower(t) => t.elements() * 2,
            t if table(t) => share(embedding, t.elements(), tables),
            t => share(decoder, t.elements(), rest),
        };
        PlannedTensor { block: None, bytes }
    };
    Some(model.tensors.iter().map(planned).collect())
}

/// Bytes of `elements` at `bits` each, rounded up.
fn bits_size(elements: u64, bits: f64) -> u64 {
    to_u64((elements as f64 * bits / 8.0).ceil())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;

    fn megabytes(slug: &str, stock: &str) -> f64 {
        let model = registry::model(slug).unwrap();
        let plan = WeightPlan::new(&model, WeightFormat::parse(stock).unwrap()).unwrap();
        plan.text_bytes(&model) as f64 / 1e6
    }

    /// Sizes of stock files in MB, as published or as the reimplemented quantiser gave them when it was checked
    /// against real files.
    #[test]
    fn stock_sizes_match_the_table() {
        let stocks = ["q2_k", "q3_k_m", "iq4_xs", "q4_0", "q4_k_s", "q4_k_m", "q5_k_m", "q6_k", "q8_0"];
        for (slug, sizes) in [
            ("gemma4-e2b", [2973.0, 3186.0, 3294.0, 3344.0, 3349.0, 3412.0, 3614.0, 3830.0, 4952.0]),
            ("gemma4-e4b", [4385.0, 4835.0, 5076.0, 5170.0, 5187.0, 5319.0, 5747.0, 6201.0, 8015.0]),
            ("qwen2.5-0.5b", [333.0, 350.0, 345.0, 346.0, 380.0, 392.0, 414.0, 500.0, 525.0]),
            ("qwen2.5-1.5b", [670.0, 818.0, 896.0, 929.0, 934.0, 980.0, 1119.0, 1267.0, 1641.0]),
            ("qwen2.5-3b", [1269.0, 1585.0, 1747.0, 1817.0, 1828.0, 1924.0, 2219.0, 2532.0, 3280.0]),
            ("granite-3.3-2b", [977.0, 1250.0, 1395.0, 1452.0, 1463.0, 1544.0, 1803.0, 2079.0, 2692.0]),
            ("llama-3.2-1b", [573.0, 683.0, 741.0, 763.0, 768.0, 800.0, 904.0, 1014.0, 1313.0]),
            ("llama-3.2-3b", [1356.0, 1679.0, 1833.0, 1909.0, 1920.0, 2012.0, 2314.0, 2636.0, 3414.0]),
            ("llama-3.1-8b", [3171.0, 4011.0, 4477.0, 4653.0, 4685.0, 4913.0, 5725.0, 6588.0, 8533.0]),
            ("gemma3-270m", [231.0, 235.0, 235.0, 235.0, 243.0, 247.0, 253.0, 276.0, 285.0]),
            ("gemma3-1b", [683.0, 716.0, 712.0, 714.0, 774.0, 800.0, 845.0, 1005.0, 1063.0]),
            ("qwen3-0.6b", [290.0, 341.0, 363.0, 376.0, 377.0, 391.0, 438.0, 489.0, 633.0]),
            ("qwen3-1.7b", [772.0, 934.0, 1010.0, 1048.0, 1054.0, 1101.0, 1252.0, 1412.0, 1828.0]),
            ("qwen3-4b", [1664.0, 2070.0, 2280.0, 2364.0, 2377.0, 2491.0, 2884.0, 3300.0, 4274.0]),
            ("smollm2-135m", [86.0, 92.0, 90.0, 90.0, 100.0, 104.0, 110.0, 137.0, 143.0]),
            ("smollm2-360m", [217.0, 233.0, 226.0, 227.0, 258.0, 269.0, 288.0, 366.0, 385.0]),
            ("smollm2-1.7b", [673.0, 858.0, 946.0, 989.0, 997.0, 1054.0, 1224.0, 1404.0, 1819.0]),
            ("smollm3-3b", [1245.0, 1563.0, 1730.0, 1798.0, 1810.0, 1907.0, 2206.0, 2523.0, 3268.0]),
            ("ministral-3-3b", [1451.0, 1788.0, 1965.0, 2033.0, 2045.0, 2139.0, 2466.0, 2813.0, 3644.0]),
        ] {
            for (stock, expected) in stocks.iter().zip(sizes) {
                let found = megabytes(slug, stock);
                assert!((found - expected).abs() <= 0.51, "{slug} {stock}: {found:.2} against {expected}");
            }
        }
    }

    /// Tensor data of two published files, to the byte.
    #[test]
    fn two_published_files_are_predicted_exactly() {
        for (slug, stock, bytes) in
            [("gemma3-270m", "q4_k_m", 246_587_904), ("smollm2-135m", "q4_1", 96_576_768)]
        {
            let model = registry::model(slug).unwrap();
            let plan = WeightPlan::new(&model, WeightFormat::parse(stock).unwrap()).unwrap();
            assert_eq!(plan.gguf_data_bytes(&model), bytes, "{slug} {stock}");
        }
    }
}
