//! Which layers slide. Newer files say so in `attention.sliding_window_pattern`; for older ones the runtime's own rule per
//! architecture applies, which the family knows.

use super::super::draft::MAX_CONTEXT;
use super::keys::Keys;
use crate::format::gguf::GgufError;
use crate::format::gguf::Value;
use crate::model::family::{Family, LlamaCppWindows};

/// Which layers slide, and their window in tokens.
pub(super) struct Windows {
    pub(super) slides: Vec<bool>,
    pub(super) window: u64,
    pub(super) assumption: Option<String>,
}

pub(super) fn read(
    keys: &Keys<'_>,
    family: &Family,
    layers: usize,
    context: u64,
) -> Result<Windows, GgufError> {
    const PATTERN: &str = "attention.sliding_window_pattern";
    const WINDOW: &str = "attention.sliding_window";
    let stated = keys.integer(WINDOW, 0..=MAX_CONTEXT)?;
    let rule = match family.llama_cpp_windows {
        LlamaCppWindows::OfDepth { layers: of, period, unstated } if of == layers as u64 => {
            LlamaCppWindows::Every { period, full_first: false, unstated, fixed: 0 }
        }
        LlamaCppWindows::OfDepth { .. } => LlamaCppWindows::Ignored,
        rule => rule,
    };
    let (mut window, mut assumption) = (stated.unwrap_or(0), None);
    if let LlamaCppWindows::Every { unstated, fixed, .. } = rule {
        // A stated window of 0 switches windows off.
        if stated.is_none() && unstated > 0 {
            window = unstated;
            assumption = Some(format!("`{}` not given: llama.cpp's {unstated} tokens", keys.full(WINDOW)));
        } else if window > 0 && fixed > 0 {
            window = fixed;
        }
    }
    let full = |assumption| Windows { slides: vec![false; layers], window: 0, assumption };
    // A window that no context outgrows is none.
    if window == 0 || window >= context {
        return Ok(full(None));
    }
    if rule == LlamaCppWindows::Ignored {
        return Ok(full(Some(ignored(keys, window))));
    }
    let listed = match keys.get(PATTERN) {
        Some(Value::Integers(_)) => keys.per_layer(PATTERN, &(0..=1), layers)?,
        _ => None,
    };
    if let Some(flags) = listed {
        return Ok(Windows { slides: flags.iter().map(|flag| *flag == 1).collect(), window, assumption });
    }
    let (habit, full_first) = match rule {
        LlamaCppWindows::Every { period, full_first, .. } => (Some(period), full_first),
        LlamaCppWindows::Listed | LlamaCppWindows::Ignored | LlamaCppWindows::OfDepth { .. } => (None, false),
    };
    let period = keys.integer(PATTERN, 0..=4_096)?;
    if period.is_none() && habit.is_some() && assumption.is_none() {
        assumption =
            Some(format!("`{}` not given: llama.cpp's rule for the architecture", keys.full(PATTERN)));
    }
    match period.or(habit) {
        Some(period) => Ok(Windows { slides: by_period(layers, period, full_first), window, assumption }),
        None => Ok(full(Some(ignored(keys, window)))),
    }
}

fn ignored(keys: &Keys<'_>, window: u64) -> String {
    let name = keys.full("attention.sliding_window");
    format!("`{name}` {window} left out of account: llama.cpp keeps full-length caches")
}

/// Every `period`-th layer is full; a period of 0 leaves none (llama.cpp, `set_swa_pattern`).
fn by_period(layers: usize, period: u64, full_first: bool) -> Vec<bool> {
    let full = |index: u64| match (period, full_first) {
        (0, _) => false,
        (_, true) => index.is_multiple_of(period),
        (_, false) => (index + 1).is_multiple_of(period),
    };
    (0..layers as u64).map(|index| !full(index)).collect()
}
