//! Which layers slide. Newer files say so in `attention.sliding_window_pattern`; for older ones the runtime's
//! own rule per architecture applies (llama.cpp, `load_arch_hparams` of each model).

use super::super::super::profile::LayerKind;
use super::super::draft::MAX_CONTEXT;
use super::GgufError;
use super::keys::Keys;
use super::metadata::Value;

/// Architectures that slide without saying which layers do: period, and whether the full layer comes first.
const PERIODS: &[(&str, u64, bool)] = &[
    ("cohere2", 4, false),
    ("exaone4", 4, false),
    ("gemma2", 2, false),
    ("gemma3", 6, false),
    ("gemma3n", 5, false),
    ("gpt-oss", 2, false),
    ("laguna", 4, true),
    ("llama4", 4, false),
    ("olmo2", 4, false),
    ("plamo3", 8, false),
    ("smallthinker", 4, true),
];

/// Kinds of the attention layers and their window in tokens.
pub(super) struct Windows {
    pub(super) kinds: Vec<LayerKind>,
    pub(super) window: u64,
    pub(super) assumption: Option<String>,
}

pub(super) fn read(
    keys: &Keys<'_>,
    architecture: &str,
    layers: usize,
    context: u64,
) -> Result<Windows, GgufError> {
    const PATTERN: &str = "attention.sliding_window_pattern";
    let window = keys.integer("attention.sliding_window", 0..=MAX_CONTEXT)?.unwrap_or(0);
    let habit = PERIODS.iter().find(|(name, ..)| *name == architecture);
    let full = |assumption| Windows { kinds: vec![LayerKind::Full; layers], window: 0, assumption };
    // A window that no context outgrows is none.
    if window == 0 || window >= context {
        return Ok(full(None));
    }
    let dense_first = habit.is_some_and(|(.., dense_first)| *dense_first);
    let listed = match keys.get(PATTERN) {
        Some(Value::Integers(_)) => keys.per_layer(PATTERN, &(0..=1), layers)?,
        _ => None,
    };
    if let Some(flags) = listed {
        let kind = |flag: &u64| if *flag == 1 { LayerKind::Sliding } else { LayerKind::Full };
        return Ok(Windows { kinds: flags.iter().map(kind).collect(), window, assumption: None });
    }
    let stated = keys.integer(PATTERN, 0..=4_096)?;
    let assumption = (stated.is_none() && habit.is_some())
        .then(|| format!("`{architecture}.{PATTERN}` not given: llama.cpp's rule for {architecture}"));
    match stated.or(habit.map(|(_, period, _)| *period)) {
        Some(period) => Ok(Windows { kinds: by_period(layers, period, dense_first), window, assumption }),
        None => Ok(full(Some(format!(
            "`{architecture}.attention.sliding_window` {window} left out of account: llama.cpp keeps full-length caches for {architecture}"
        )))),
    }
}

/// Every `period`-th layer is full; a period of 0 leaves none (llama.cpp, `set_swa_pattern`).
fn by_period(layers: usize, period: u64, dense_first: bool) -> Vec<LayerKind> {
    let full = |index: u64| match (period, dense_first) {
        (0, _) => false,
        (_, true) => index.is_multiple_of(period),
        (_, false) => (index + 1).is_multiple_of(period),
    };
    (0..layers as u64).map(|index| if full(index) { LayerKind::Full } else { LayerKind::Sliding }).collect()
}
