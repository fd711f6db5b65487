//! What one token and one prompt ask of a processor: bytes, products, layers.

use crate::leaf::BlockType;
use crate::leaf::number::within;
use crate::memory::{Scenario, kv_cache};
use crate::model::Model;
use crate::model::tensor::{Active, Role, Tensor};
use crate::weights::WeightPlan;

/// Groups of weight formats that processors decode at different rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatGroup {
    /// Half and single precision.
    Float,
    /// Eight bits.
    Eight,
    /// Four and five bits in blocks of 32 with one scale.
    Simple,
    /// Blocks with scales of scales, and tables of values, from four bits.
    Nested,
    /// The same below four bits.
    Low,
}

impl FormatGroup {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// Its name in the law's table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nested => "k",
            Self::Float => "f16",
            Self::Eight => "q8",
            Self::Simple => "q4",
            Self::Low => "low",
        }
    }

    /// Of a block type.
    pub fn of(block: BlockType) -> Self {
        let name = block.name();
        match block {
            BlockType::Q8_0 | BlockType::Q8_1 | BlockType::Q8K => Self::Eight,
            BlockType::Q4_0 | BlockType::Q4_1 | BlockType::Q5_0 | BlockType::Q5_1 | BlockType::Iq4Nl => {
                Self::Simple
            }
            BlockType::F32 | BlockType::F16 => Self::Float,
            _ if name.starts_with("mxfp4") => Self::Simple,
            _ if name.starts_with("bf") || name.starts_with('f') => Self::Float,
            _ if block.bytes() * 8 < 4 * block.elements() => Self::Low,
            _ => Self::Nested,
        }
    }

    /// Of weights without a block type, by their bits.
    pub fn of_bits(bits: f64) -> Self {
        match bits {
            bits if bits >= 15.0 => Self::Float,
            bits if bits >= 7.0 => Self::Eight,
            bits if bits >= 3.9 => Self::Simple,
            _ => Self::Low,
        }
    }
}

/// Every group.
pub(super) fn groups() -> impl Iterator<Item = FormatGroup> {
    [FormatGroup::Float, FormatGroup::Eight, FormatGroup::Simple, FormatGroup::Nested, FormatGroup::Low]
        .into_iter()
}

/// One decoded token on one processor.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TokenWork {
    /// Layers run, every pass counted.
    pub layers: f64,
    /// Some of them choose among experts.
    pub mixture: bool,
    /// Bytes of weights read.
    pub weight_bytes: f64,
    /// Bytes of keys and values read.
    pub cache_bytes: f64,
    /// Bytes of recurrent state read and written.
    pub state_bytes: f64,
    /// Weights multiplied, by [`FormatGroup`].
    pub multiplied: [f64; FormatGroup::COUNT],
}

/// A prompt on one processor.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PromptWork {
    /// Tokens of it.
    pub tokens: f64,
    /// Layers run, every pass counted.
    pub layers: f64,
    /// Some of them choose among experts.
    pub mixture: bool,
    /// Weights multiplied for each token, the output head apart, by [`FormatGroup`].
    pub multiplied: [f64; FormatGroup::COUNT],
    /// Operations of attention over the prompt and what was there before.
    pub attention_flops: f64,
    /// Bytes of weights that the tokens read at once: of experts, those that any of them chooses.
    pub weight_bytes: f64,
    /// Readings of the weights beyond those of usual micro-batches (512 tokens).
    pub more_readings: f64,
}

/// Tokens of a micro-batch in the published rows, llama.cpp's default: what the law of prompts is fitted to.
pub(super) const USUAL_UBATCH: u64 = 512;

impl TokenWork {
    /// This share of it.
    #[must_use]
    pub fn times(self, share: f64) -> Self {
        Self {
            layers: self.layers * share,
            mixture: self.mixture,
            weight_bytes: self.weight_bytes * share,
            cache_bytes: self.cache_bytes * share,
            state_bytes: self.state_bytes * share,
            multiplied: self.multiplied.map(|weights| weights * share),
        }
    }
}

/// Of a model's tensors, those of the text that are multiplied: everything but tables that are looked up.
fn products<'a>(
    model: &'a Model,
    plan: &'a WeightPlan,
) -> impl Iterator<Item = (&'a Tensor, u64, FormatGroup)> {
    let pairs = model.tensors.iter().zip(&plan.tensors);
    pairs.filter(|(tensor, _)| is_product(tensor)).map(|(tensor, planned)| {
        let group = planned.block.map_or_else(
            || FormatGroup::of_bits(planned.bytes as f64 * 8.0 / tensor.elements().max(1) as f64),
            FormatGroup::of,
        );
        (tensor, planned.bytes, group)
    })
}

fn is_product(tensor: &Tensor) -> bool {
    !matches!(tensor.active, Active::Row | Active::Nothing)
        && !matches!(tensor.role, Role::Vision | Role::Audio | Role::Unused | Role::Vector | Role::Buffer)
}

fn is_head(tensor: &Tensor) -> bool {
    matches!(tensor.role, Role::OutputHead | Role::TokenEmbedding)
}

fn is_mixture(model: &Model) -> bool {
    model.tensors.iter().any(|tensor| matches!(tensor.active, Active::Experts { .. }))
}

/// Passes over a tensor: layers of looped models run again, the head does not.
fn passes(model: &Model, tensor: &Tensor) -> f64 {
    if tensor.layer.is_some() { model.architecture.passes.max(1) as f64 } else { 1.0 }
}

/// Weights multiplied for a token, by format; the output head where it is `wanted`.
fn multiplied(model: &Model, plan: &WeightPlan, head: bool) -> [f64; FormatGroup::COUNT] {
    let mut sums = [0.0; FormatGroup::COUNT];
    for (tensor, _, group) in products(model, plan).filter(|(tensor, ..)| head || !is_head(tensor)) {
        sums[group as usize] += tensor.read_per_token(tensor.elements()) as f64 * passes(model, tensor);
    }
    sums
}

fn layers(model: &Model) -> f64 {
    (model.architecture.layers.len() as u64).saturating_mul(model.architecture.passes.max(1)) as f64
}

/// Tokens of a prompt that share one reading of the weights, as far as that is fewer than is usual.
pub(super) fn micro_batch(scenario: &Scenario) -> u64 {
    let asked = if scenario.runtime.is_llama_cpp() { scenario.ubatch } else { USUAL_UBATCH };
    asked.clamp(1, USUAL_UBATCH)
}

/// The share of a tensor that so many tokens read at once: of experts, those that any of them chooses.
fn chosen(tensor: &Tensor, tokens: f64) -> f64 {
    match tensor.active {
        Active::Experts { active, experts } => {
            1.0 - libm::pow(1.0 - active as f64 / experts.max(1) as f64, tokens)
        }
        _ => 1.0,
    }
}

/// Weights that so many tokens read at once, over those that one reads: they choose experts independently.
pub(super) fn batch_share(model: &Model, plan: &WeightPlan, tokens: u64) -> f64 {
    let read = |tokens: f64| -> f64 {
        let bytes = products(model, plan)
            .map(|(tensor, bytes, _)| bytes as f64 * chosen(tensor, tokens) * passes(model, tensor));
        bytes.sum()
    };
    read(tokens as f64) / read(1.0).max(1.0)
}

impl TokenWork {
    /// One token of a model, read as `reads` says.
    pub fn of(model: &Model, plan: &WeightPlan, reads: &super::Reads) -> Self {
        Self {
            layers: layers(model),
            mixture: is_mixture(model),
            weight_bytes: reads.weight_bytes as f64,
            cache_bytes: reads.kv_bytes as f64,
            state_bytes: reads.state_bytes as f64,
            multiplied: multiplied(model, plan, true),
        }
    }

    /// The same at another depth.
    #[must_use]
    pub fn at(self, model: &Model, scenario: &Scenario, depth_tokens: u64) -> Self {
        let there = Scenario { context_tokens: depth_tokens, ..scenario.clone() };
        Self { cache_bytes: kv_cache::read_per_token(&model.architecture, &there) as f64, ..self }
    }
}

impl PromptWork {
    /// `tokens` of a prompt behind `cached_tokens` that are in the cache.
    pub fn of(
        model: &Model,
        plan: &WeightPlan,
        scenario: &Scenario,
        cached_tokens: u64,
        tokens: u64,
    ) -> Self {
        let architecture = &model.architecture;
        let attention: f64 = architecture
            .attention_layers()
            .map(|(_, attention)| {
                let window = kv_cache::window(architecture, attention, scenario.runtime);
                let seen = match attention.cross_tokens {
                    Some(there) => tokens as f64 * there as f64,
                    None => pairs(tokens, cached_tokens, window),
                };
                let channels = attention.query_heads as f64
                    * (attention.k_head_dim as f64 + attention.v_head_dim as f64);
                2.0 * seen * channels
            })
            .sum();
        let passes_of = architecture.passes.max(1) as f64;
        let together = micro_batch(scenario);
        Self {
            tokens: tokens as f64,
            layers: layers(model),
            mixture: is_mixture(model),
            multiplied: multiplied(model, plan, false),
            attention_flops: attention * passes_of,
            weight_bytes: products(model, plan)
                .filter(|(tensor, ..)| !is_head(tensor))
                .map(|(tensor, bytes, _)| {
                    let together = if together < USUAL_UBATCH { tokens.min(together) } else { tokens };
                    bytes as f64 * chosen(tensor, together as f64) * passes(model, tensor)
                })
                .sum(),
            more_readings: (tokens.div_ceil(together) - tokens.div_ceil(USUAL_UBATCH)) as f64,
        }
    }

    /// These shares of it: of the weights, of the attention, and of the layers.
    pub(super) fn part(self, weights: f64, kept: f64, layers: f64) -> Self {
        Self {
            layers: self.layers * layers,
            multiplied: self.multiplied.map(|multiplied| multiplied * weights),
            attention_flops: self.attention_flops * kept,
            weight_bytes: self.weight_bytes * weights,
            ..self
        }
    }

    /// Weights multiplied for each token, all formats.
    pub fn weights(&self) -> f64 {
        self.multiplied.iter().sum()
    }
}

/// Pairs of a query and a key over a prompt: each token sees what was there and what came before it, within the window.
fn pairs(tokens: u64, cached: u64, window: Option<u64>) -> f64 {
    let (n, d) = (tokens as f64, cached as f64);
    // The sum of d + 1 .. d + n.
    let all = |n: f64| n * d + n * (n + 1.0) / 2.0;
    match window.map(|window| window as f64) {
        Some(window) if d + n > window => {
            let growing = within(window - d, 0.0, n);
            all(growing) + (n - growing) * window
        }
        _ => all(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;
    use crate::weights::{StockType, WeightFormat};

    #[test]
    fn pairs_are_the_sum_over_queries() {
        for (tokens, cached, window) in
            [(5, 0, None), (5, 7, None), (5, 0, Some(3)), (9, 2, Some(4)), (3, 9, Some(4)), (0, 3, None)]
        {
            let counted: u64 =
                (1..=tokens).map(|i| window.map_or(cached + i, |w: u64| w.min(cached + i))).sum();
            assert!(
                (pairs(tokens, cached, window) - counted as f64).abs() < 1e-9,
                "{tokens} {cached} {window:?}"
            );
        }
    }

    #[test]
    fn products_are_the_parameters_without_looked_up_tables() {
        let model = registry::model("llama-3.1-8b").unwrap();
        let plan = WeightPlan::new(&model, WeightFormat::Stock(StockType::Q4KM)).unwrap();
        let scenario = Scenario::for_model(&model);
        let prompt = PromptWork::of(&model, &plan, &scenario, 0, 512);
        // 32 layers of 218,103,808 weights in matrices; the head of 128,256 x 4,096 is not run for a prompt's tokens.
        assert!((prompt.weights() - 32.0 * 218_103_808.0).abs() < 1.0, "{}", prompt.weights());
        let token = TokenWork::of(&model, &plan, &super::super::reads(&model, &plan, &scenario));
        let all: f64 = token.multiplied.iter().sum();
        assert!((all - prompt.weights() - 128_256.0 * 4096.0).abs() < 1.0);
        // Four operations for every pair, head and channel (keys and values), 32 heads of 128 channels, 32 layers.
        let flops = 4.0 * (512.0 * 513.0 / 2.0) * 32.0 * 128.0 * 32.0;
        assert!((prompt.attention_flops / flops - 1.0).abs() < 1e-12);
        assert_eq!((token.layers, token.mixture), (32.0, false));
        // q4_k_m has no simple blocks and no floats but vectors.
        assert!(token.multiplied[FormatGroup::Simple as usize] < 1.0);
    }

    #[test]
    fn a_mixture_multiplies_its_active_experts_and_reads_them_all_for_a_batch() {
        let model = registry::model("qwen3-30b-a3b").unwrap();
        let plan = WeightPlan::new(&model, WeightFormat::Stock(StockType::Q4KM)).unwrap();
        let prompt = PromptWork::of(&model, &plan, &Scenario::for_model(&model), 0, 512);
        assert!(prompt.mixture);
        assert!((2.4e9..3.1e9).contains(&prompt.weights()), "{}", prompt.weights());
        assert!(prompt.weight_bytes > 1.6e10);
    }
}
