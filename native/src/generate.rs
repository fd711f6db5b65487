//! Text from a model, token by token, and how surprised it is by a given text.

use crate::checkpoint::CheckpointError;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::decoder::{Adapters, Decoder, DecoderError, KvCache, KvHook, word};
use dhurandhar_core::codec::logits::log_likelihood;

/// Why there is no text or no figure.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// Tokenizer or files.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The forward pass.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// Nothing to start from.
    #[error("the prompt gives no tokens; expected at least one")]
    EmptyPrompt,
    /// A text that does not fill one window.
    #[error("the text has {found} tokens; expected at least {needed}, one window")]
    ShortText {
        /// Tokens in the text.
        found: usize,
        /// Tokens in a window.
        needed: usize,
    },
    /// A window with nothing to score.
    #[error("a window of {window} tokens of which {skipped} are not scored leaves none; expected a window of at least {}", skipped + 2)]
    Window {
        /// Tokens in a window.
        window: usize,
        /// Tokens at its beginning that are not scored.
        skipped: usize,
    },
    /// Weights or settings that overflow.
    #[error("the logits after token {0} are not finite: the weights or a setting of the config overflow")]
    NotFinite(usize),
}

/// What a greedy continuation gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuation {
    /// Ids after the prompt, without the end token.
    pub ids: Vec<u32>,
    /// Logit of each chosen id less that of the runner-up.
    pub margins: Vec<f32>,
    /// The model ended the text itself.
    pub ended: bool,
}

/// Continue `prompt` by at most `limit` tokens, always taking the likeliest.
///
/// `emit` sees each id as it is chosen.
pub fn greedy(
    decoder: &Decoder,
    tokenizer: Option<&Tokenizer>,
    prompt: &[u32],
    limit: usize,
    mut hook: Option<&mut dyn KvHook>,
    mut emit: impl FnMut(u32),
) -> Result<Continuation, GenerateError> {
    continued(tokenizer, prompt, limit, &mut emit, decoder.new_cache(), |next, cache| {
        // Reborrow by hand: the trait object outlives each pass, not the loop.
        let hook: Option<&mut dyn KvHook> = match hook {
            Some(ref mut hook) => Some(&mut **hook),
            None => None,
        };
        let hidden = decoder.forward(next, cache, hook)?;
        Ok(decoder.next_logits(&hidden)?)
    })
}

/// The same with adapters in place of those attached.
pub(crate) fn greedy_with(
    decoder: &Decoder,
    adapters: Option<&Adapters>,
    tokenizer: Option<&Tokenizer>,
    prompt: &[u32],
    limit: usize,
) -> Result<Continuation, GenerateError> {
    continued(tokenizer, prompt, limit, &mut |_| {}, decoder.new_cache(), |next, cache| {
        let hidden = decoder.forward_with(adapters, next, cache, None)?;
        Ok(decoder.next_logits(&hidden)?)
    })
}

fn continued(
    tokenizer: Option<&Tokenizer>,
    prompt: &[u32],
    limit: usize,
    emit: &mut dyn FnMut(u32),
    mut cache: KvCache,
    mut step: impl FnMut(&[u32], &mut KvCache) -> Result<Vec<f32>, GenerateError>,
) -> Result<Continuation, GenerateError> {
    if prompt.is_empty() {
        return Err(GenerateError::EmptyPrompt);
    }
    let mut continuation = Continuation { ids: Vec::new(), margins: Vec::new(), ended: false };
    let mut next = prompt.to_vec();
    while continuation.ids.len() < limit {
        let logits = step(&next, &mut cache)?;
        if logits.iter().any(|logit| logit.is_nan()) {
            return Err(GenerateError::NotFinite(cache.len()));
        }
        let (id, margin) = likeliest(&logits);
        if tokenizer.is_some_and(|tokenizer| tokenizer.is_end(id)) {
            continuation.ended = true;
            break;
        }
        emit(id);
        continuation.ids.push(id);
        continuation.margins.push(margin);
        next = vec![id];
    }
    Ok(continuation)
}

/// The largest logit's index, and its distance to the second.
fn likeliest(logits: &[f32]) -> (u32, f32) {
    let (mut best, mut first, mut second) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (id, logit) in (0u32..).zip(logits) {
        if *logit > first {
            (best, second, first) = (id, first, *logit);
        } else if *logit > second {
            second = *logit;
        }
    }
    (best, first - second)
}

/// Perplexity of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Perplexity {
    /// `exp` of the mean negative log likelihood.
    pub value: f64,
    /// Tokens that were scored.
    pub tokens: usize,
    /// Windows that were run.
    pub windows: usize,
}

/// Perplexity over consecutive windows of `window` tokens, scoring those from `skip` on in each.
///
/// llama.cpp's `perplexity` uses `skip = window / 2`. A last piece shorter than a window is left out. A `start`
/// token replaces the first of each window, as there.
pub fn perplexity(
    decoder: &Decoder,
    ids: &[u32],
    window: usize,
    skip: usize,
    start: Option<u32>,
    mut progress: impl FnMut(Perplexity),
) -> Result<Perplexity, GenerateError> {
    if window < 2 || skip + 1 >= window {
        return Err(GenerateError::Window { window, skipped: skip });
    }
    if ids.len() < window {
        return Err(GenerateError::ShortText { found: ids.len(), needed: window });
    }
    let (mut sum, mut tokens, mut windows) = (0.0, 0_usize, 0);
    let mut result = Perplexity { value: f64::NAN, tokens: 0, windows: 0 };
    for piece in ids.chunks_exact(window) {
        let mut input = piece.to_vec();
        if let Some(start) = start {
            input[0] = start;
        }
        let hidden = decoder.forward(&input, &mut decoder.new_cache(), None)?;
        for (at, targets) in rows(skip, window - 1) {
            let slice = hidden.clone().narrow(0, at, targets);
            let logits = decoder.backend().host(decoder.logits(&slice))?;
            for (row, target) in logits.chunks_exact(decoder.vocab()).zip(&piece[at + 1..]) {
                sum -= log_likelihood(row, word(u64::from(*target)));
                tokens += 1;
            }
        }
        if !sum.is_finite() {
            return Err(GenerateError::NotFinite(windows * window));
        }
        windows += 1;
        result = Perplexity { value: (sum / tokens as f64).exp(), tokens, windows };
        progress(result);
    }
    Ok(result)
}

/// Positions `from..to` in pieces small enough for their logits: `(first, count)`.
pub(crate) fn rows(from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> {
    const ROWS: usize = 128;
    (from..to).step_by(ROWS).map(move |at| (at, ROWS.min(to - at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_wins_and_says_by_how_much() {
        assert_eq!(likeliest(&[0.5, 2.0, -1.0, 1.25]), (1, 0.75));
        assert_eq!(likeliest(&[3.0, 3.0]).0, 0);
    }

    #[test]
    fn positions_come_in_pieces() {
        assert_eq!(rows(3, 260).collect::<Vec<_>>(), [(3, 128), (131, 128), (259, 1)]);
    }
}
