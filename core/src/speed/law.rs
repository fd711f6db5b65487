//! The law of speed: a token's time, and a prompt token's, as sums of terms, each one known quantity over one peak.
//!
//! Decoding: weights and cache over a share of the bandwidth, a time for each layer, on processors the products over a share of the
//! vector peak and the unpacking of the weights, on GPUs the products too and a time for each token. Prompts: products and
//! attention over a share of the peak of arithmetic, and one reading of all weights for each batch, or for each micro-batch where it is made small. Terms add up since runtimes rarely overlap them; a maximum or a mean of them fitted
//! worse. Published rows are what it is held to (`profiles/speed`).

use super::class::{Class, program, quant, shared};
use super::work::{FormatGroup, PromptWork, TokenWork};
use super::{Estimate, work};

const MS: f64 = 1e-3;
const GIGA: f64 = 1e9;
const TERA: f64 = 1e12;
/// The 95 % point of a normal distribution, for the interval of a peak that is only usual.
const NORMAL_95: f64 = 1.645;

/// What computes: a class and the peaks of one chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// Its class.
    pub class: Class,
    /// Peak bandwidth of the memory it reads, bytes a second.
    pub bytes_per_s: f64,
    /// That bandwidth is no peak of a data sheet but what reads were measured to reach.
    pub reached: bool,
    /// That memory is HBM.
    pub hbm: bool,
    /// Peak of its vector units, FLOP/s: single precision on processors, half on GPUs; where known.
    pub vector_flops: Option<f64>,
    /// Peak of its matrix units, FLOP/s, half precision; where it has them.
    pub matrix_flops: Option<f64>,
    /// Peak of 8-bit products, OP/s; of NPUs and processors.
    pub integer_ops: Option<f64>,
    /// It is a phone's.
    pub phone: bool,
    /// The program by the name of the law's table; llama.cpp where it is in none.
    pub program: &'static str,
}

/// A time with the factors of its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// Expected, seconds.
    pub seconds: f64,
    /// Logarithms of the factors on the speed, low and high.
    pub log: (f64, f64),
}

impl Timed {
    /// As an estimate of seconds.
    pub fn estimate(self) -> Estimate {
        Estimate {
            low: self.seconds * libm::exp(-self.log.1),
            expected: self.seconds,
            high: self.seconds * libm::exp(-self.log.0),
        }
    }
}

/// Terms of one decoded token, seconds each.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TokenTerms {
    /// Reading weights and recurrent state.
    pub weights: f64,
    /// Reading keys and values.
    pub cache: f64,
    /// Starting layers.
    pub layers: f64,
    /// Products.
    pub products: f64,
    /// Unpacking weights.
    pub unpacking: f64,
    /// The connection of an NPU.
    pub fabric: f64,
    /// Handing the token to a GPU and choosing the next.
    pub handing: f64,
}

impl TokenTerms {
    /// All of them.
    pub fn sum(&self) -> f64 {
        self.weights + self.cache + self.layers + self.products + self.unpacking + self.fabric + self.handing
    }
}

/// Terms of a prompt, seconds each.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PromptTerms {
    /// Products with weights.
    pub products: f64,
    /// Attention.
    pub attention: f64,
    /// Reading the weights for each batch, and starting its layers.
    pub floor: f64,
}

impl PromptTerms {
    /// All of them.
    pub fn sum(&self) -> f64 {
        self.products + self.attention + self.floor
    }
}

/// A peak, and the standard deviation of its logarithm where it is only usual for the kind.
#[derive(Clone, Copy)]
struct Peak {
    flops: f64,
    log_sigma: f64,
}

impl Unit {
    /// A stated peak, or the usual one for its bandwidth.
    fn peak(&self, stated: Option<f64>, wanted: &str) -> Peak {
        if let Some(flops) = stated {
            return Peak { flops, log_sigma: 0.0 };
        }
        let usual = self.class.fallback(self.phone);
        // A kind of chip has one usual peak; the vector peak of a card is a quarter of its matrix peak.
        let share = if usual.peak.contains("matrix") && wanted == "vector" { 0.25 } else { 1.0 };
        let flops = usual.tera_per_gbs * share * TERA * self.bytes_per_s / GIGA;
        Peak { flops, log_sigma: usual.log_sigma }
    }

    fn vector(&self) -> Peak {
        self.peak(self.vector_flops, "vector")
    }

    /// The peak that prompts are read with.
    fn prefill_peak(&self, multiplied: &[f64; FormatGroup::COUNT]) -> Peak {
        let floats = multiplied[FormatGroup::Float as usize] * 2.0 > multiplied.iter().sum();
        match (self.class.prefill().peak, self.vector_flops.zip(self.integer_ops)) {
            // Quantised weights use the 8-bit products in part; four times the vector peak are usual.
            ("vector_and_int8", Some((vector, integer))) if !floats => {
                Peak { flops: libm::sqrt(vector * integer / 4.0), log_sigma: 0.0 }
            }
            ("vector_and_int8", _) => self.vector(),
            (peak, _) => self.other_prefill_peak(peak),
        }
    }

    fn other_prefill_peak(&self, peak: &str) -> Peak {
        match peak {
            "int8_tops" => self.peak(self.integer_ops, "integer"),
            "vector_tflops" => self.vector(),
            _ => self.peak(self.matrix_flops.or(self.vector_flops), "matrix"),
        }
    }

    /// The share of the peak bandwidth at which it reads weights.
    pub fn bandwidth_share(&self) -> f64 {
        let slower = if self.hbm { shared().hbm_time_factor } else { 1.0 };
        let share = self.class.decode().bandwidth_share;
        // A class's share is of a peak: what reads lose of it is not lost twice.
        let share = if self.reached { share.max(1.0) } else { share };
        share / slower
    }

    /// The terms of one decoded token.
    pub fn token_terms(&self, token: &TokenWork) -> TokenTerms {
        let (class, shared) = (self.class.decode(), shared());
        let reading = self.bandwidth_share() * self.bytes_per_s;
        let processor = self.class.is_processor();
        let (program, _) = if processor { program(self.program) } else { (1.0, 1.0) };
        let total: f64 = token.multiplied.iter().sum();
        // The mean over the formats, by the weights in each.
        let mixed = |factor: fn(&super::class::Quant) -> f64| {
            if total <= 0.0 {
                return 1.0;
            }
            work::groups().map(|group| token.multiplied[group as usize] * factor(quant(group))).sum::<f64>()
                / total
        };
        let weight_factor = if processor { 1.0 } else { mixed(|quant| quant.weight_time_factor) };
        let choosing = if token.mixture { shared.moe_layer_ms } else { 0.0 };
        let mut terms = TokenTerms {
            weights: (token.weight_bytes * weight_factor + token.state_bytes) / reading,
            cache: class.kv_factor * token.cache_bytes / reading,
            layers: token.layers * (class.layer_ms + choosing) * MS,
            ..TokenTerms::default()
        };
        let without_matrix = class.vector_share > 0.0 && (processor || self.matrix_flops.is_none());
        let vector_share = if without_matrix { class.vector_share } else { class.vector_share_with_matrix };
        if vector_share > 0.0 {
            let share = |group: FormatGroup| {
                vector_share * if processor { quant(group).cpu_vector_share_factor } else { 1.0 }
            };
            terms.products = work::groups()
                .map(|group| 2.0 * token.multiplied[group as usize] / (share(group) * self.vector().flops))
                .sum();
        }
        if class.load_bytes_per_flop > 0.0 {
            terms.unpacking = token.weight_bytes / (class.load_bytes_per_flop * self.vector().flops);
        }
        if class.fabric_gbs > 0.0 {
            terms.fabric = token.weight_bytes / (class.fabric_gbs * GIGA);
        }
        TokenTerms {
            weights: terms.weights * program,
            cache: terms.cache * program,
            layers: terms.layers * program,
            products: terms.products * program,
            unpacking: terms.unpacking * program,
            fabric: terms.fabric * program,
            handing: class.token_ms * MS,
        }
    }

    /// The time of one decoded token.
    pub fn token(&self, token: &TokenWork) -> Timed {
        let (class, terms) = (self.class.decode(), self.token_terms(token));
        let seconds = terms.sum();
        let arithmetic = if seconds > 0.0 { (terms.products + terms.unpacking) / seconds } else { 0.0 };
        Timed { seconds, log: widened((class.log_low, class.log_high), self.vector().log_sigma * arithmetic) }
    }

    /// The terms of a prompt.
    pub fn prompt_terms(&self, prompt: &PromptWork) -> PromptTerms {
        let (class, shared) = (self.class.prefill(), shared());
        let processor = self.class.is_processor();
        let (_, program) = if processor { program(self.program) } else { (1.0, 1.0) };
        let peak = self.prefill_peak(&prompt.multiplied).flops / TERA;
        let usable = class.peak_share * 100.0 * power(peak / 100.0, class.peak_exponent) * TERA;
        // ik_llama.cpp has one rate for all formats.
        let alike = !processor || self.program == "ik_llama";
        let factor = |group| if alike { 1.0 } else { quant(group).cpu_prefill_time_factor };
        let products: f64 =
            work::groups().map(|group| 2.0 * prompt.multiplied[group as usize] * factor(group)).sum();
        let mixture = if prompt.mixture { shared.moe_prefill_factor } else { 1.0 };
        // A short prompt is one batch; of longer ones the law counts parts of batches, as it was fitted.
        let batches = if prompt.tokens > 0.0 { (prompt.tokens / shared.batch_tokens).max(1.0) } else { 0.0 };
        let batches = batches + prompt.more_readings;
        let reading = prompt.weight_bytes / (shared.floor_bandwidth_share * self.bytes_per_s);
        PromptTerms {
            products: prompt.tokens * products / usable * mixture * program,
            attention: prompt.attention_flops * class.attention_factor / usable,
            floor: batches * (reading + shared.floor_layer_ms * MS * prompt.layers) * program,
        }
    }

    /// The time of a prompt.
    pub fn prompt(&self, prompt: &PromptWork) -> Timed {
        let (class, terms) = (self.class.prefill(), self.prompt_terms(prompt));
        let seconds = terms.sum();
        let arithmetic = if seconds > 0.0 { (terms.products + terms.attention) / seconds } else { 0.0 };
        let log = widened(
            (class.log_low, class.log_high),
            self.prefill_peak(&prompt.multiplied).log_sigma * arithmetic,
        );
        Timed { seconds, log }
    }
}

/// A power of a positive number; smaller than the library's, which minds other cases.
fn power(base: f64, exponent: f64) -> f64 {
    libm::exp(exponent * libm::log(base))
}

/// An interval with another source of error, independent of the first: deviations add as squares.
fn widened((low, high): (f64, f64), log_sigma: f64) -> (f64, f64) {
    let more = NORMAL_95 * log_sigma;
    (-libm::sqrt(low * low + more * more), libm::sqrt(high * high + more * more))
}
