//! Where operations run, and what is copied for them (`ggml-backend.cpp`).

use super::tensors::{Graph, Op, Side};

/// Fewer tokens are not worth a copy of the host's weights.
const WORTH_A_COPY: u64 = 32;

/// Operations that run in one go, after what they need from the other side was copied.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) side: Side,
    /// What is copied, and the copy.
    pub(super) copies: Vec<(usize, usize)>,
    pub(super) order: Vec<usize>,
}

/// Runs of a graph; operations then read the copies. Returns the side of each tensor, too.
pub(super) fn schedule(graph: &mut Graph) -> (Vec<Run>, Vec<Option<Side>>) {
    let mut sides = sides(graph);
    let mut runs: Vec<Run> = Vec::new();
    let mut copied: [Vec<Option<usize>>; 2] = [(); 2].map(|()| vec![None; graph.tensors.len()]);
    for index in std::mem::take(&mut graph.order) {
        let side = sides[index].unwrap_or(Side::Host);
        let is_view = graph.tensors[index].op.is_view();
        // A weight from the other side begins a run, so that the place of the one before is free again.
        let continues = runs.last().is_some_and(|run| {
            let brings = |source: &usize| {
                let source = &graph.tensors[*source];
                source.is_weight && source.lies != Some(side)
            };
            is_view
                || run.side == side
                    && (run.copies.is_empty() || !graph.tensors[index].sources.iter().any(brings))
        });
        if !continues {
            runs.push(Run { side, copies: Vec::new(), order: Vec::new() });
        }
        let Some(run) = runs.last_mut() else { continue };
        run.order.push(index);
        if is_view {
            continue;
        }
        for at in 0..graph.tensors[index].sources.len() {
            let source = graph.tensors[index].sources[at];
            let from = sides[source].unwrap_or(Side::Host);
            if from == side {
                continue;
            }
            let known = copied[side as usize].get(source).copied().flatten();
            let copy = known.unwrap_or_else(|| {
                let copy = graph.leaf(graph.tensors[source].bytes, None);
                sides.push(Some(side));
                copied[side as usize][source] = Some(copy);
                run.copies.push((source, copy));
                copy
            });
            graph.tensors[index].sources[at] = copy;
        }
    }
    (runs, sides)
}

/// The side of each tensor: of what it is written to, of its weight, or of its neighbours.
fn sides(graph: &Graph) -> Vec<Option<Side>> {
    let lies = |index: usize| graph.tensors[index].lies;
    let mut sides: Vec<Option<Side>> =
        (0..graph.tensors.len()).map(|index| lies(graph.base(index))).collect();
    for &index in &graph.order {
        let tensor = &graph.tensors[index];
        if sides[index].is_some() || tensor.op == Op::Rope {
            continue;
        }
        let weight = tensor.sources.iter().find(|source| graph.tensors[**source].is_weight);
        sides[index] = weight.and_then(|weight| lies(*weight)).map(|side| {
            let is_copied = tensor.tokens >= WORTH_A_COPY && tensor.op != Op::GetRows;
            if is_copied { Side::Card } else { side }
        });
    }
    // The card takes what stands beside its operations; the host what is left.
    for card_only in [true, false] {
        let mut spread = |order: &mut dyn Iterator<Item = &usize>| {
            let mut current = None;
            for &index in order {
                match sides[index] {
                    _ if graph.tensors[index].op.is_view() => {}
                    Some(Side::Host) if card_only => current = None,
                    Some(side) => current = Some(side),
                    None => sides[index] = current,
                }
            }
        };
        spread(&mut graph.order.iter());
        spread(&mut graph.order.iter().rev());
    }
    for &index in &graph.order {
        sides[index] = sides[index].or(sides[graph.base(index)]);
    }
    sides
}
