//! Which layers attend to everything, which slide, which recur; and over what window.

use super::super::draft::{MAX_CONTEXT, MAX_LAYERS};
use super::facts::{Facts, Mixes};
use super::reader::Reader;
use crate::format::document::{DocumentError, Node, Value};
use crate::model::family::Windows;

const KINDS: &[(&str, Mixes)] = &[
    ("full_attention", Mixes::Full),
    ("full", Mixes::Full),
    ("attention", Mixes::Full),
    ("global", Mixes::Full),
    ("global_attention", Mixes::Full),
    ("sliding_attention", Mixes::Sliding),
    ("sliding", Mixes::Sliding),
    ("sliding_window", Mixes::Sliding),
    ("local", Mixes::Sliding),
    ("local_attention", Mixes::Sliding),
    ("chunked_attention", Mixes::Sliding),
    ("linear_attention", Mixes::Recurrent),
    ("conv", Mixes::Recurrent),
    ("short_conv", Mixes::Recurrent),
    ("mamba", Mixes::Recurrent),
    ("mamba2", Mixes::Recurrent),
    ("indexed_attention", Mixes::Full),
    ("deepseek_sparse_attention", Mixes::Full),
    ("minimax_m3_sparse", Mixes::Full),
    ("hybrid", Mixes::Both),
    ("moe", Mixes::Nothing),
    ("mlp", Mixes::Nothing),
];

/// Fill in what mixes tokens in every layer, and the window.
pub(super) fn read(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    const WINDOWS: [&str; 4] =
        ["sliding_window", "sliding_window_size", "attention_window_size", "attention_chunk_size"];
    let window = match reader.integer(&WINDOWS, 0..=MAX_CONTEXT)? {
        Some(window) => window,
        // An explicit null says that there is none, whatever the class fills in.
        None if reader.states("sliding_window") => 0,
        None => reader
            .stated_or_default(&["sliding_window", "attention_chunk_size"], 0..=MAX_CONTEXT)?
            .unwrap_or(0),
    };
    let asked = reader.flag("use_sliding_window")?;
    let opted_out = match reader.family.windows {
        Windows::OptIn | Windows::WithoutPositions => asked != Some(true),
        _ => asked == Some(false),
    };
    facts.window = window;
    if !listed(reader, facts)? && !placed(reader, facts)? {
        windowed(reader, facts, opted_out)?;
    }
    if let Some(last) = facts.layers.last_mut().filter(|_| reader.family.last_full) {
        last.mixes = Mixes::Full;
    }
    Ok(())
}

/// A window that no context outgrows is none (Phi's 262144); sliding layers need one, and `use_sliding_window` may take it
/// away.
pub(super) fn settle(reader: &mut Reader<'_>, facts: &mut Facts, context: u64) -> Result<(), DocumentError> {
    let opted_out = match reader.family.windows {
        Windows::OptIn => reader.flag("use_sliding_window")? != Some(true),
        // The kinds of layers decide there, where they are listed (transformers, `SmolLM3Model`).
        Windows::WithoutPositions => {
            reader.flag("use_sliding_window")? != Some(true) && !reader.has("layer_types")
        }
        _ => reader.flag("use_sliding_window")? == Some(false),
    };
    if !facts.layers.iter().any(|slot| slot.mixes == Mixes::Sliding) {
        return Ok(());
    }
    if facts.window == 0 && !opted_out {
        return Err(reader.missing("sliding_window", "the window of the sliding layers, in tokens"));
    }
    if opted_out {
        reader.assume("`use_sliding_window` is not true: the sliding layers attend to everything".into());
    }
    if opted_out || facts.window >= context {
        // Sliding heads of their own stay what they are; only the window goes.
        facts.window = 0;
        if facts.sliding.is_none() {
            for slot in facts.layers.iter_mut().filter(|slot| slot.mixes == Mixes::Sliding) {
                slot.mixes = Mixes::Full;
            }
        }
    }
    Ok(())
}

/// `layer_types`, which wins over everything, and lists of zeros and ones in which one slides.
fn listed(reader: &Reader<'_>, facts: &mut Facts) -> Result<bool, DocumentError> {
    const NAMES: [&str; 5] =
        ["layer_types", "layers_block_type", "block_types", "attention_types", "mixer_types"];
    const FLAGS: [&str; 3] =
        ["hybrid_layer_pattern", "sliding_window_layout", "sliding_window_attention_layers"];
    let layers = facts.layers.len();
    if let Some(name) = FLAGS.into_iter().find(|name| reader.has(name)) {
        let Some(flags) = reader.layered(&[name], 0..=1, layers)? else { return Ok(false) };
        for (layer, slot) in facts.layers.iter_mut().enumerate() {
            slot.mixes = if flags.at(layer) == 1 { Mixes::Sliding } else { Mixes::Full };
        }
        return Ok(true);
    }
    let Some(name) = NAMES.into_iter().find(|name| reader.has(name)) else { return Ok(false) };
    let words = match reader.text.node(name) {
        // Small numbers for kinds, or lists with how often they are repeated: the family says what they mean.
        Some(Node { value: Value::List(items), .. })
            if items.first().is_some_and(|item| matches!(item.value, Value::Integer(_) | Value::List(_))) =>
        {
            return Ok(false);
        }
        _ => reader.texts(name)?,
    };
    if name == "block_types" && words.len() < layers {
        // A pattern that is repeated: the family says what its words mean.
        return Ok(false);
    }
    reader.check_length(name, words.len(), layers)?;
    for (index, (word, slot)) in words.iter().zip(&mut facts.layers).enumerate() {
        let found = KINDS.iter().find(|(key, _)| key == word).map(|(_, kind)| *kind);
        slot.mixes = found.ok_or_else(|| {
            let found = format!("{word:?} at layer {index}");
            let expected =
                "full_attention, sliding_attention, chunked_attention, linear_attention, conv or mamba";
            reader.wrong(name, &found, expected)
        })?;
    }
    Ok(true)
}

/// Attention layers placed by index or interval among recurrent ones.
fn placed(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<bool, DocumentError> {
    if let Some(full) = reader.integers("full_attn_idxs", 0..=MAX_LAYERS)? {
        for (index, slot) in (0..).zip(&mut facts.layers) {
            slot.mixes = if full.contains(&index) { Mixes::Full } else { Mixes::Recurrent };
        }
        return Ok(true);
    }
    if let Some(interval) = reader.stated_or_default(&["full_attention_interval"], 1..=MAX_LAYERS)? {
        facts.every(interval, Mixes::Recurrent);
        return Ok(true);
    }
    Ok(false)
}

/// No list of kinds: a period, the family's habit, or everything full.
fn windowed(reader: &mut Reader<'_>, facts: &mut Facts, opted_out: bool) -> Result<(), DocumentError> {
    let window = facts.window;
    if opted_out || window == 0 && !matches!(reader.family.windows, Windows::AllBut(_)) {
        return Ok(());
    }
    if stated_period(reader, facts)? {
        return Ok(());
    }
    match reader.family.windows {
        Windows::AllBut(period) => {
            reader.class_default("sliding_window_pattern", period);
            facts.every(period, Mixes::Sliding);
        }
        Windows::Own => {}
        Windows::AllButFirst(period) => {
            reader.class_default("layer_types", format!("all but the first of {period} layers slide"));
            for (index, slot) in (0_u64..).zip(&mut facts.layers) {
                slot.mixes = if index.is_multiple_of(period) { Mixes::Full } else { Mixes::Sliding };
            }
        }
        Windows::Everywhere => facts.layers.iter_mut().for_each(|slot| slot.mixes = Mixes::Sliding),
        Windows::OptIn => {
            let first = match reader.integer(&["max_window_layers"], 0..=MAX_LAYERS)? {
                Some(first) => first,
                None => reader.class_default("max_window_layers", 28),
            };
            for (index, slot) in (0..).zip(&mut facts.layers) {
                slot.mixes = if index >= first { Mixes::Sliding } else { Mixes::Full };
            }
        }
        Windows::WithoutPositions => {
            let interval = reader.integer(&["no_rope_layer_interval"], 1..=MAX_LAYERS)?.unwrap_or(4);
            let layers = facts.layers.len();
            let rotated = reader.layered(&["no_rope_layers"], 0..=1, layers)?;
            for (index, slot) in facts.layers.iter_mut().enumerate() {
                let unrotated = match &rotated {
                    Some(rotated) => rotated.at(index) == 0,
                    None => (index as u64 + 1).is_multiple_of(interval),
                };
                slot.mixes = if unrotated { Mixes::Sliding } else { Mixes::Full };
            }
        }
        Windows::Ignored => {
            facts.window = 0;
            reader.assume(format!(
                "`sliding_window` {window} left out of account: no pattern says which layers slide, so all are counted as full"
            ));
        }
    }
    Ok(())
}

/// `sliding_window_pattern`: a number, or letters such as LLLG.
fn stated_period(reader: &Reader<'_>, facts: &mut Facts) -> Result<bool, DocumentError> {
    const NAMES: [&str; 2] = ["sliding_window_pattern", "_sliding_window_pattern"];
    let Some(name) = NAMES.into_iter().find(|name| reader.has(name)) else { return Ok(false) };
    if let Ok(Some(letters)) = reader.text(name) {
        let known = !letters.is_empty() && letters.chars().all(|letter| matches!(letter, 'L' | 'G'));
        if !known {
            return Err(reader.wrong(name, &format!("{letters:?}"), "a number, or letters L and G"));
        }
        for (letter, slot) in letters.chars().cycle().zip(&mut facts.layers) {
            slot.mixes = if letter == 'G' { Mixes::Full } else { Mixes::Sliding };
        }
        return Ok(true);
    }
    match reader.integer(&[name], 1..=MAX_LAYERS)? {
        Some(period) => {
            facts.every(period, Mixes::Sliding);
            Ok(true)
        }
        None => Ok(false),
    }
}
