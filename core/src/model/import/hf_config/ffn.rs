//! Feed-forward widths and experts.

use super::super::draft::{MAX_LAYERS, MAX_WIDTH};
use super::facts::{Experts, Facts};
use super::reader::Reader;
use crate::format::document::{DocumentError, PerLayer};

/// Names of the dense width.
const WIDTH: [&str; 6] = ["intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "d_ff", "hidden_dim"];
const MAX_EXPERTS: u64 = 65_536;

/// Fill in the widths of the dense blocks, the experts, and which layers have experts.
pub(super) fn read(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let layers = facts.layers.len();
    let count = experts(reader, layers)?;
    let off = reader.flag("enable_moe_block")? == Some(false);
    let Some(count) = count.filter(|count| count.max() > 0 && !off) else {
        facts.dense = dense(reader, layers)?;
        // For families that read their experts themselves.
        if reader.has("mlp_layer_types") {
            facts.sparse = listed(reader, layers)?;
        }
        return Ok(());
    };
    let expected = || format!("a whole number from 1 to {}", count.max());
    const ACTIVE: [&str; 12] = [
        "num_experts_per_tok",
        "top_k_experts",
        "num_experts_per_token",
        "experts_per_token",
        "moe_topk",
        "moe_top_k",
        "num_selected_experts",
        "moe_k",
        "topk",
        "moe_num_active_primary_experts",
        "num_activated_experts",
        "expert_top_k",
    ];
    let active = match reader.layered(&ACTIVE, 1..=count.max(), layers)? {
        Some(active) => active,
        None => match reader.stated_or_default(&ACTIVE, 1..=count.max())? {
            Some(active) => PerLayer::Same(active),
            None => return Err(reader.missing(ACTIVE[0], &expected())),
        },
    };
    const EXPERT: [&str; 4] =
        ["moe_intermediate_size", "expert_dim", "moe_ffn_hidden_size", "expert_intermediate_size"];
    let width = match reader.layered(&EXPERT, 1..=MAX_WIDTH, layers)? {
        Some(width) => width,
        None => match reader.left_out(&EXPERT) {
            Some(width) => PerLayer::Same(width),
            None => as_dense(reader, layers)?,
        },
    };
    facts.sparse = sparse_layers(reader, layers)?;
    let shared = shared_width(reader, &width, layers)?;
    facts.dense = dense(reader, layers)?;
    facts.experts = Some(Experts { count, active, width, shared, gated: facts.conventions.gated_ffn });
    Ok(())
}

/// Experts without a width of their own are as wide as a dense block.
fn as_dense(reader: &mut Reader<'_>, layers: usize) -> Result<PerLayer, DocumentError> {
    if let Some(width) = reader.layered(&WIDTH, 1..=MAX_WIDTH, layers)? {
        return Ok(width);
    }
    match reader.stated_or_default(&WIDTH, 1..=MAX_WIDTH)? {
        Some(width) => Ok(PerLayer::Same(width)),
        None => Err(reader.missing(WIDTH[0], &format!("a whole number from 1 to {MAX_WIDTH}"))),
    }
}

/// Experts of each layer.
fn experts(reader: &mut Reader<'_>, layers: usize) -> Result<Option<PerLayer>, DocumentError> {
    const NAMES: [&str; 6] = [
        "num_experts",
        "num_local_experts",
        "n_routed_experts",
        "moe_num_experts",
        "moe_num_primary_experts",
        "num_routed_experts",
    ];
    // ERNIE-VL writes pairs here; its family reads them.
    for pair in ["moe_num_experts", "moe_intermediate_size"] {
        if reader.family.config.is_some()
            && reader.integers(pair, 0..=MAX_WIDTH)?.is_some_and(|values| values.len() == 2 && layers != 2)
        {
            return Ok(None);
        }
    }
    match reader.layered(&NAMES, 0..=MAX_EXPERTS, layers)? {
        Some(count) => Ok(Some(count)),
        None => Ok(reader.left_out(&NAMES).map(PerLayer::Same)),
    }
}

/// Dense widths; 0 where none is stated.
fn dense(reader: &mut Reader<'_>, layers: usize) -> Result<PerLayer, DocumentError> {
    // Without experts Granite's "shared" block is the layer's only one.
    const SHARED: [&str; 1] = ["shared_intermediate_size"];
    let alone = reader.family.shared_alone
        && reader.integer(&["num_local_experts"], 0..=MAX_EXPERTS)?.unwrap_or(0) == 0;
    if alone && let Some(width) = reader.integer(&SHARED, 1..=MAX_WIDTH)? {
        return Ok(PerLayer::Same(width));
    }
    match reader.layered(&WIDTH, 0..=MAX_WIDTH, layers)? {
        Some(width) => Ok(width),
        None => Ok(PerLayer::Same(reader.stated_or_default(&WIDTH, 1..=MAX_WIDTH)?.unwrap_or(0))),
    }
}

/// A dense width must be there, unless no layer has a dense block.
pub(super) fn check(reader: &Reader<'_>, facts: &Facts) -> Result<(), DocumentError> {
    let wanted = (0..facts.layers.len()).any(|layer| {
        let dense = facts.sparse.get(layer) != Some(&true) || facts.dense_beside;
        facts.layers[layer].ffn && dense
    });
    if facts.ffn_bias && facts.experts.is_some() {
        return Err(reader.wrong("mlp_bias", "true", "false: biases of experts are not described here"));
    }
    let listed = matches!(facts.dense, PerLayer::Each(_));
    if wanted && facts.dense.max() == 0 && !listed {
        return Err(reader.missing(WIDTH[0], &format!("a whole number from 1 to {MAX_WIDTH}")));
    }
    Ok(())
}

/// Which layers have experts rather than a dense block.
fn sparse_layers(reader: &mut Reader<'_>, layers: usize) -> Result<Vec<bool>, DocumentError> {
    // Newer transformers write every layer's kind out.
    if reader.has("mlp_layer_types") {
        return listed(reader, layers);
    }
    if reader.has("moe_layer_layout") {
        let flags = reader.layered(&["moe_layer_layout"], 0..=1, layers)?;
        return Ok((0..layers)
            .map(|layer| flags.as_ref().is_some_and(|flags| flags.at(layer) == 1))
            .collect());
    }
    let chosen = match reader.integers("moe_layers", 0..=MAX_LAYERS)? {
        Some(chosen) => Some(chosen),
        None => reader.integers("moe_layers_enum", 0..=MAX_LAYERS)?,
    };
    const LEADING: [&str; 4] =
        ["first_k_dense_replace", "num_dense_layers", "moe_layer_start_index", "moe_layer_num_skipped"];
    let leading = match reader.integers("moe_layer_start_index", 0..=MAX_LAYERS)? {
        Some(list) if list.len() > 1 => list.into_iter().min().unwrap_or(0),
        _ => match reader.integer(&LEADING, 0..=MAX_LAYERS)? {
            Some(stated) => stated,
            None if chosen.is_some() => 0,
            None => reader.left_out(&LEADING).unwrap_or(0),
        },
    };
    let dense = reader.integers("mlp_only_layers", 0..=MAX_LAYERS)?.unwrap_or_default();
    let step = reader
        .integer(&["decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval"], 1..=MAX_LAYERS)?
        .unwrap_or(1);
    // Some DeepSeek-likes write a period, others a flag for every layer.
    let frequency = reader.layered(&["moe_layer_freq"], 0..=MAX_LAYERS, layers)?;
    let frequent = |index: u64| match &frequency {
        Some(PerLayer::Same(period)) => *period <= 1 || index.is_multiple_of(*period),
        Some(each) => each.at(usize::try_from(index).unwrap_or(usize::MAX)) > 0,
        None => true,
    };
    Ok((0..layers as u64)
        .map(|index| match &chosen {
            Some(chosen) => chosen.contains(&index),
            None => index >= leading && !dense.contains(&index) && (index + 1) % step == 0 && frequent(index),
        })
        .collect())
}

/// `mlp_layer_types`: `sparse` has experts, `dense` has none.
fn listed(reader: &Reader<'_>, layers: usize) -> Result<Vec<bool>, DocumentError> {
    const NAME: &str = "mlp_layer_types";
    let kinds = reader.texts(NAME)?;
    reader.check_length(NAME, kinds.len(), layers)?;
    let wrong = kinds.iter().enumerate().find(|(_, kind)| !matches!(kind.as_str(), "dense" | "sparse"));
    match wrong {
        Some((layer, kind)) => {
            Err(reader.wrong(NAME, &format!("{kind:?} at layer {layer}"), "dense or sparse"))
        }
        None => Ok(kinds.iter().take(layers).map(|kind| kind == "sparse").collect()),
    }
}

/// Inner width of the block that every token uses.
fn shared_width(reader: &mut Reader<'_>, width: &PerLayer, layers: usize) -> Result<PerLayer, DocumentError> {
    const WIDTHS: [&str; 5] = [
        "shared_expert_intermediate_size",
        "shared_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "share_expert_dim",
        "shared_expert_dim",
    ];
    const COUNTS: [&str; 5] = [
        "n_shared_experts",
        "num_shared_experts",
        "moe_num_shared_experts",
        "num_shared_expert",
        "n_shared_expert",
    ];
    let counts =
        reader.layered(&COUNTS, 0..=1_024, layers)?.or_else(|| reader.left_out(&COUNTS).map(PerLayer::Same));
    let stated = reader
        .layered(&WIDTHS, 0..=MAX_WIDTH, layers)?
        .or_else(|| reader.left_out(&WIDTHS).map(PerLayer::Same));
    if let Some(stated) = stated {
        return Ok(match (&counts, &stated) {
            // Nemotron and Ling state the width of one of several.
            (Some(PerLayer::Same(count)), PerLayer::Same(one)) if *count > 1 => {
                PerLayer::Same(one.saturating_mul(*count).min(MAX_WIDTH))
            }
            _ => stated,
        });
    }
    let Some(counts) = counts else { return Ok(PerLayer::Same(0)) };
    Ok(match (counts, width) {
        (PerLayer::Same(count), PerLayer::Same(width)) => {
            PerLayer::Same(count.saturating_mul(*width).min(MAX_WIDTH))
        }
        (counts, width) => PerLayer::Each(
            (0..layers)
                .map(|layer| counts.at(layer).saturating_mul(width.at(layer)).min(MAX_WIDTH))
                .collect(),
        ),
    })
}
