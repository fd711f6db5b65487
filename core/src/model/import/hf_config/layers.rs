//! Which layers attend to everything, which slide, which recur; and over what window.

use super::super::super::profile::LayerKind;
use super::super::draft::{MAX_CONTEXT, MAX_LAYERS};
use super::dialect::Windows;
use super::reader::Reader;
use crate::document::DocumentError;

const KINDS: &[(&str, LayerKind)] = &[
    ("full_attention", LayerKind::Full),
    ("full", LayerKind::Full),
    ("attention", LayerKind::Full),
    ("global", LayerKind::Full),
    ("sliding_attention", LayerKind::Sliding),
    ("sliding", LayerKind::Sliding),
    ("local", LayerKind::Sliding),
    ("chunked_attention", LayerKind::Sliding),
    ("linear_attention", LayerKind::Recurrent),
    ("conv", LayerKind::Recurrent),
    ("short_conv", LayerKind::Recurrent),
    ("mamba", LayerKind::Recurrent),
    ("mamba2", LayerKind::Recurrent),
];

/// Kinds of all layers, and the window of the sliding ones.
pub(super) struct Pattern {
    pub(super) kinds: Vec<LayerKind>,
    pub(super) window: u64,
}

/// Read the pattern of `layers` layers.
pub(super) fn pattern(reader: &mut Reader<'_>, layers: u64) -> Result<Pattern, DocumentError> {
    let window = reader
        .integer(
            &["sliding_window", "sliding_window_size", "attention_chunk_size", "attention_window_size"],
            0..=MAX_CONTEXT,
        )?
        .unwrap_or(0);
    let asked = reader.flag("use_sliding_window")?;
    let opted_out = match reader.dialect.windows {
        Windows::OptIn | Windows::WithoutPositions => asked != Some(true),
        _ => asked == Some(false),
    };
    let mut kinds = match listed(reader, layers)? {
        Some(kinds) => kinds,
        None => match placed(reader, layers)? {
            Some(kinds) => kinds,
            None => windowed(reader, layers, window, opted_out)?,
        },
    };
    if let Some(last) = kinds.last_mut().filter(|_| reader.dialect.last_full) {
        *last = LayerKind::Full;
    }
    if kinds.contains(&LayerKind::Sliding) && (opted_out || window == 0) {
        if window == 0 && !opted_out {
            return Err(reader.text.missing("sliding_window", "the window of the sliding layers, in tokens"));
        }
        for kind in &mut kinds {
            *kind = if *kind == LayerKind::Sliding { LayerKind::Full } else { *kind };
        }
        reader.assume("`use_sliding_window` is not true: the sliding layers attend to everything".into());
    }
    Ok(Pattern { kinds, window })
}

/// `layer_types`, which wins over everything.
fn listed(reader: &Reader<'_>, layers: u64) -> Result<Option<Vec<LayerKind>>, DocumentError> {
    const NAMES: [&str; 4] = ["layer_types", "layers_block_type", "block_types", "attention_types"];
    let Some(name) = NAMES.into_iter().find(|name| reader.text.has(name)) else { return Ok(None) };
    let names = reader.text.texts(name)?;
    if names.len() as u64 != layers {
        let found = format!("a list of {}", names.len());
        let expected = format!("one entry for each of {layers} layers");
        return Err(reader.text.wrong_value(name, &found, &expected));
    }
    let kinds = names.iter().enumerate().map(|(index, kind)| {
        let found = KINDS.iter().find(|(key, _)| key == kind).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            let found = format!("{kind:?} at layer {index}");
            reader.text.wrong_value(
                name,
                &found,
                "full_attention, sliding_attention, chunked_attention, linear_attention, conv or mamba",
            )
        })
    });
    kinds.collect::<Result<_, _>>().map(Some)
}

/// Attention layers placed by index or interval among recurrent ones (LFM2, Qwen 3.5), or by position use (Llama 4).
fn placed(reader: &mut Reader<'_>, layers: u64) -> Result<Option<Vec<LayerKind>>, DocumentError> {
    if let Some(full) = reader.text.integers("full_attn_idxs", 0..=MAX_LAYERS)? {
        let kind = |index| if full.contains(&index) { LayerKind::Full } else { LayerKind::Recurrent };
        return Ok(Some((0..layers).map(kind).collect()));
    }
    if reader.is("qwen3_5") || reader.is("qwen3_next") {
        let interval = match reader.integer(&["full_attention_interval"], 1..=MAX_LAYERS)? {
            Some(interval) => interval,
            None => reader.class_default("full_attention_interval", 4),
        };
        return Ok(Some(every(layers, interval, LayerKind::Recurrent)));
    }
    if reader.is("llama4") {
        if let Some(positions) =
            reader.text.integers("no_rope_layers", 0..=1)?.filter(|list| !list.is_empty())
        {
            let kind = |flag: &u64| if *flag == 1 { LayerKind::Sliding } else { LayerKind::Full };
            return Ok(Some(
                positions
                    .iter()
                    .map(kind)
                    .chain((positions.len() as u64..layers).map(|_| LayerKind::Full))
                    .collect(),
            ));
        }
        return Ok(Some(every(
            layers,
            reader.class_default("no_rope_layer_interval", 4),
            LayerKind::Sliding,
        )));
    }
    Ok(None)
}

/// Every `interval`-th layer full, the others `between`.
fn every(layers: u64, interval: u64, between: LayerKind) -> Vec<LayerKind> {
    (1..=layers).map(|n| if n.is_multiple_of(interval) { LayerKind::Full } else { between }).collect()
}

/// No list of kinds: a period, the family's habit, or everything full.
fn windowed(
    reader: &mut Reader<'_>,
    layers: u64,
    window: u64,
    opted_out: bool,
) -> Result<Vec<LayerKind>, DocumentError> {
    let all = |kind| vec![kind; usize::try_from(layers).unwrap_or(0)];
    if opted_out || window == 0 && !matches!(reader.dialect.windows, Windows::AllBut(_)) {
        return Ok(all(LayerKind::Full));
    }
    if let Some(kinds) = stated_period(reader, layers)? {
        return Ok(kinds);
    }
    match reader.dialect.windows {
        Windows::AllBut(period) => {
            reader.class_default("sliding_window_pattern", period);
            Ok(every(layers, period, LayerKind::Sliding))
        }
        Windows::Everywhere => Ok(all(LayerKind::Sliding)),
        Windows::OptIn => {
            let first = match reader.integer(&["max_window_layers"], 0..=MAX_LAYERS)? {
                Some(first) => first,
                None => reader.class_default("max_window_layers", 28),
            };
            Ok((0..layers)
                .map(|index| if index >= first { LayerKind::Sliding } else { LayerKind::Full })
                .collect())
        }
        Windows::WithoutPositions => {
            let interval = reader.integer(&["no_rope_layer_interval"], 1..=MAX_LAYERS)?.unwrap_or(4);
            let kind = |n: u64| if n.is_multiple_of(interval) { LayerKind::Sliding } else { LayerKind::Full };
            Ok((1..=layers).map(kind).collect())
        }
        Windows::Ignored => {
            reader.assume(format!(
                "`sliding_window` {window} left out of account: no pattern says which layers slide, so all are counted as full"
            ));
            Ok(all(LayerKind::Full))
        }
    }
}

/// `sliding_window_pattern`: a number, or letters such as LLLG.
fn stated_period(reader: &Reader<'_>, layers: u64) -> Result<Option<Vec<LayerKind>>, DocumentError> {
    const NAMES: [&str; 2] = ["sliding_window_pattern", "_sliding_window_pattern"];
    let Some(name) = NAMES.into_iter().find(|name| reader.text.has(name)) else { return Ok(None) };
    if let Ok(Some(letters)) = reader.text.text(name) {
        let known = !letters.is_empty() && letters.chars().all(|letter| matches!(letter, 'L' | 'G'));
        if !known {
            return Err(reader.text.wrong_value(
                name,
                &format!("{letters:?}"),
                "a number, or letters L and G",
            ));
        }
        let kind = |letter| if letter == 'G' { LayerKind::Full } else { LayerKind::Sliding };
        let count = usize::try_from(layers).unwrap_or(0);
        return Ok(Some(letters.chars().cycle().take(count).map(kind).collect()));
    }
    let period = reader.text.integer(name, 1..=MAX_LAYERS)?;
    Ok(period.map(|period| every(layers, period, LayerKind::Sliding)))
}
