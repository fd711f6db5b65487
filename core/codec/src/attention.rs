//! What coded keys and values do to attention: weights, winners and outputs for given queries.

use serde::{Deserialize, Serialize};

use super::CodecError;
use dhurandhar_leaf::wire::wire_struct;

/// One head's tensors, each `tokens` or `queries` rows of `dim` channels.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Channels.
    pub dim: usize,
    /// Queries, any number of rows.
    pub queries: &'a [f32],
    /// Keys, one row a token.
    pub keys: &'a [f32],
    /// Values, one row a token.
    pub values: &'a [f32],
}

/// Every so many positions a query of a layer is compared.
const QUERY_STRIDE: usize = 16;
/// Heaviest tokens compared.
const TOP: usize = 5;

/// One layer's tensors, `[heads, tokens, dim]`; query heads share KV heads in groups.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Channels.
    pub dim: usize,
    /// Tokens of a head.
    pub tokens: usize,
    /// Queries of all heads.
    pub queries: &'a [f32],
    /// Keys of all KV heads.
    pub keys: &'a [f32],
    /// Values of all KV heads.
    pub values: &'a [f32],
}

impl Layer<'_> {
    /// Query heads.
    pub fn query_heads(&self) -> usize {
        self.queries.len() / (self.tokens * self.dim).max(1)
    }

    /// Refuse what cannot be one layer: values as the keys, a whole number of query heads to each KV head, two tokens or more.
    pub fn check(&self) -> Result<(), CodecError> {
        let wrong = |field: &'static str, value: usize, expected: String| {
            Err(CodecError::Parameter { field, value: value.to_string(), expected })
        };
        CodecError::check_dim(self.dim)?;
        if self.tokens < 2 {
            return wrong(
                "tokens",
                self.tokens,
                "at least 2, so that there is something to attend to".to_owned(),
            );
        }
        let head = self.tokens * self.dim;
        if self.keys.is_empty()
            || !self.keys.len().is_multiple_of(head)
            || self.values.len() != self.keys.len()
        {
            return wrong(
                "values",
                self.values.len(),
                format!("{} numbers, as the keys have", self.keys.len()),
            );
        }
        if self.queries.is_empty() || !self.queries.len().is_multiple_of(self.keys.len()) {
            return wrong(
                "queries",
                self.queries.len(),
                format!("a multiple of {}, the keys' numbers", self.keys.len()),
            );
        }
        Ok(())
    }

    /// How one query head's attention differs with coded keys and values of the layer's shapes.
    pub fn of_head(
        &self,
        head: usize,
        coded_keys: &[f32],
        coded_values: &[f32],
    ) -> Result<AttentionError, CodecError> {
        let length = self.tokens * self.dim;
        let group = (self.query_heads() / (self.keys.len() / length.max(1)).max(1)).max(1);
        let own = head * length..(head + 1) * length;
        let kv = head / group;
        let shared = kv * length..(kv + 1) * length;
        let exact = Head {
            dim: self.dim,
            queries: &self.queries[own],
            keys: &self.keys[shared.clone()],
            values: &self.values[shared.clone()],
        };
        causal_attention_error(exact, &coded_keys[shared.clone()], &coded_values[shared], QUERY_STRIDE, TOP)
    }

    /// The average over query heads and positions.
    pub fn compare(&self, coded_keys: &[f32], coded_values: &[f32]) -> Result<AttentionError, CodecError> {
        let heads = (0..self.query_heads()).map(|head| self.of_head(head, coded_keys, coded_values));
        Ok(AttentionError::mean(&heads.collect::<Result<Vec<_>, _>>()?))
    }
}

/// Averages over queries of how coded attention differs from the exact one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttentionError {
    /// Kullback–Leibler divergence of the coded weights from the exact ones, nats.
    pub kl: f64,
    /// Share of queries whose heaviest token stays the heaviest.
    pub top1: f64,
    /// Mean share of the k heaviest tokens that stay among the k heaviest.
    pub top_k: f64,
    /// Mean of |o - o'|² / |o|² over outputs.
    pub output_relative_error: f64,
    /// Mean cosine of outputs.
    pub output_cosine: f64,
}

wire_struct!(AttentionError { kl, top1, top_k, output_relative_error, output_cosine });

impl AttentionError {
    /// The average of several, each counted once; zero of none.
    pub fn mean(errors: &[Self]) -> Self {
        let average =
            |part: fn(&Self) -> f64| errors.iter().map(part).sum::<f64>() / errors.len().max(1) as f64;
        Self {
            kl: average(|error| error.kl),
            top1: average(|error| error.top1),
            top_k: average(|error| error.top_k),
            output_relative_error: average(|error| error.output_relative_error),
            output_cosine: average(|error| error.output_cosine),
        }
    }
}

/// Causal attention: the query of token t sees keys and values up to t. Compares every `stride`-th token from the
/// `stride`-th on, so that there is always something to choose from; as many queries as keys.
pub fn causal_attention_error(
    exact: Head<'_>,
    coded_keys: &[f32],
    coded_values: &[f32],
    stride: usize,
    k: usize,
) -> Result<AttentionError, CodecError> {
    let dim = exact.dim;
    CodecError::check_dim(dim)?;
    let tokens = check_shapes(&exact, coded_keys, coded_values)?;
    super::check_length("queries", exact.queries.len(), tokens, dim)?;
    let stride = stride.clamp(1, tokens.saturating_sub(1).max(1));
    let errors: Result<Vec<AttentionError>, CodecError> = (stride..tokens)
        .step_by(stride)
        .map(|at| {
            let seen = (at + 1) * dim;
            let query = &exact.queries[at * dim..seen];
            let head = Head { dim, queries: query, keys: &exact.keys[..seen], values: &exact.values[..seen] };
            attention_error(head, &coded_keys[..seen], &coded_values[..seen], k)
        })
        .collect();
    Ok(AttentionError::mean(&errors?))
}

/// Compares softmax(q K^T / sqrt(d)) V with the same from coded keys and values of the same shapes.
pub fn attention_error(
    exact: Head<'_>,
    coded_keys: &[f32],
    coded_values: &[f32],
    k: usize,
) -> Result<AttentionError, CodecError> {
    let dim = exact.dim;
    CodecError::check_dim(dim)?;
    check_shapes(&exact, coded_keys, coded_values)?;
    let queries = exact.queries.len() / dim;
    super::check_length("queries", exact.queries.len(), queries.max(1), dim)?;
    let mut sums = [0.0; 5];
    for query in exact.queries.chunks_exact(dim) {
        let weights = softmax(query, exact.keys);
        let coded = softmax(query, coded_keys);
        let output = mix(&weights, exact.values, dim);
        let coded_output = mix(&coded, coded_values, dim);
        let (order, coded_order) = (heaviest(&weights, k), heaviest(&coded, k));
        let kept = order.iter().filter(|token| coded_order.contains(token)).count();
        let same_first = order.first() == coded_order.first();
        let [relative, cosine] = output_errors(&output, &coded_output);
        for (sum, value) in sums.iter_mut().zip([
            divergence(&weights, &coded),
            f64::from(u8::from(same_first)),
            kept as f64 / order.len().max(1) as f64,
            relative,
            cosine,
        ]) {
            *sum += value;
        }
    }
    let [kl, top1, top_k, output_relative_error, output_cosine] = sums.map(|sum| sum / queries as f64);
    Ok(AttentionError { kl, top1, top_k, output_relative_error, output_cosine })
}

/// The tokens, if keys, values and what they are coded to agree on them; at least one.
fn check_shapes(exact: &Head<'_>, coded_keys: &[f32], coded_values: &[f32]) -> Result<usize, CodecError> {
    let tokens = (exact.keys.len() / exact.dim).max(1);
    for (what, got) in [
        ("keys", exact.keys.len()),
        ("values", exact.values.len()),
        ("coded keys", coded_keys.len()),
        ("coded values", coded_values.len()),
    ] {
        super::check_length(what, got, tokens, exact.dim)?;
    }
    Ok(tokens)
}

fn softmax(query: &[f32], keys: &[f32]) -> Vec<f64> {
    let root = libm::sqrt(query.len() as f64);
    let logit = |key: &[f32]| -> f64 {
        key.iter().zip(query).map(|(&k, &q)| f64::from(k) * f64::from(q)).sum::<f64>() / root
    };
    let logits: Vec<f64> = keys.chunks_exact(query.len()).map(logit).collect();
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|logit| libm::exp(logit - largest)).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

fn mix(weights: &[f64], values: &[f32], dim: usize) -> Vec<f64> {
    let mut output = vec![0.0; dim];
    for (weight, value) in weights.iter().zip(values.chunks_exact(dim)) {
        for (output, &value) in output.iter_mut().zip(value) {
            *output += weight * f64::from(value);
        }
    }
    output
}

fn heaviest(weights: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
    order.truncate(k.max(1));
    order
}

fn divergence(exact: &[f64], coded: &[f64]) -> f64 {
    let term =
        |(&p, &q): (&f64, &f64)| if p > 0.0 { p * libm::log(p / q.max(f64::MIN_POSITIVE)) } else { 0.0 };
    exact.iter().zip(coded).map(term).sum()
}

fn output_errors(exact: &[f64], coded: &[f64]) -> [f64; 2] {
    let sum = |f: &dyn Fn(f64, f64) -> f64| exact.iter().zip(coded).map(|(&a, &b)| f(a, b)).sum::<f64>();
    let (own, other) = (sum(&|a, _| a * a), sum(&|_, b| b * b));
    if own == 0.0 || other == 0.0 {
        let both = own == 0.0 && other == 0.0;
        return if both { [0.0, 1.0] } else { [1.0, 0.0] };
    }
    [sum(&|a, b| (a - b) * (a - b)) / own, sum(&|a, b| a * b) / libm::sqrt(own * other)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Random, ScaleMode, TurboQuant, TurboQuantConfig};

    fn head(random: &mut Random) -> [Vec<f32>; 3] {
        [random.normals(64 * 40), random.normals(64 * 300), random.normals(64 * 300)]
    }

    #[test]
    fn exact_attention_has_no_error_and_a_constant_shift_of_keys_none_either() {
        let [queries, keys, values] = head(&mut Random::new(3, 3));
        let exact = Head { dim: 64, queries: &queries, keys: &keys, values: &values };
        let same = attention_error(exact, &keys, &values, 5).unwrap();
        assert_eq!((same.kl, same.top1, same.top_k, same.output_relative_error), (0.0, 1.0, 1.0, 0.0));
        let shifted: Vec<f32> = keys.iter().map(|k| k + 0.5).collect();
        let moved = attention_error(exact, &shifted, &values, 5).unwrap();
        assert!(moved.kl.abs() < 1e-10 && moved.output_relative_error < 1e-10);
    }

    #[test]
    fn causal_attention_is_attention_up_to_each_token() {
        let [_, keys, values] = head(&mut Random::new(5, 5));
        let queries: Vec<f32> = keys.iter().map(|k| k * 0.3).collect();
        let coded: Vec<f32> = keys.iter().enumerate().map(|(at, k)| k + 0.1 * (at % 7) as f32).collect();
        let exact = Head { dim: 64, queries: &queries, keys: &keys, values: &values };
        let whole = causal_attention_error(exact, &coded, &values, 299, 5).unwrap();
        let last = Head { queries: &queries[64 * 299..], ..exact };
        assert_eq!(whole, attention_error(last, &coded, &values, 5).unwrap());
        let many = causal_attention_error(exact, &coded, &values, 16, 5).unwrap();
        assert!(many.kl > 0.0 && many != whole);
        assert!(causal_attention_error(exact, &keys, &values[64..], 16, 5).is_err());
        assert!(
            causal_attention_error(Head { queries: &queries[64..], ..exact }, &keys, &values, 16, 5).is_err()
        );
    }

    #[test]
    fn more_bits_are_better_and_shapes_are_checked() {
        let [queries, keys, values] = head(&mut Random::new(4, 4));
        let exact = Head { dim: 64, queries: &queries, keys: &keys, values: &values };
        let error = |bits: u32| {
            let codec =
                TurboQuant::new(64, TurboQuantConfig::new(bits).with_scale(ScaleMode::Unbiased)).unwrap();
            let coded = |x: &[f32]| codec.decode(&codec.encode(x).unwrap()).unwrap();
            attention_error(exact, &coded(&keys), &coded(&values), 8).unwrap()
        };
        let (three, five) = (error(3), error(5));
        assert!(five.kl < three.kl / 4.0 && five.output_relative_error < three.output_relative_error / 4.0);
        assert!(five.top1 >= three.top1 && five.top_k > three.top_k);
        assert!(attention_error(exact, &keys[64..], &values, 8).is_err());
        assert!(attention_error(Head { queries: &[], ..exact }, &keys, &values, 8).is_err());
    }
}
