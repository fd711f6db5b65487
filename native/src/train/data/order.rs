//! The order of examples: shuffled by seed and epoch, packed into rows, rows into passes, passes into steps.
//!
//! Everything follows from the seed and the step's number, so a run that resumes needs no record of what it has seen.

use super::example::Example;
use crate::train::gradients::Batch;
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::leaf::mix64;

/// Rows that stay open for a later example that fits.
const OPEN: usize = 32;

/// How examples become steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) seed: u64,
    /// Rows of a pass.
    pub(crate) batch: usize,
    /// Passes of a step.
    pub(crate) accumulation: usize,
    /// Longest row when several examples share one; `None` gives each its own.
    pub(crate) packing: Option<usize>,
}

/// Where a step lies in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Epoch, from 0.
    pub(crate) epoch: u64,
    /// Step within it, from 0.
    pub(crate) step: usize,
}

impl Order {
    /// Steps of an epoch, each a list of passes, each a list of example numbers.
    pub(crate) fn steps(&self, examples: &[Example], epoch: u64) -> Vec<Vec<Vec<usize>>> {
        let order = shuffled(examples.len(), mix64(self.seed) ^ mix64(epoch.wrapping_add(1)));
        let rows = match self.packing {
            Some(limit) => packed(&order, |index| examples[index].ids.len(), limit),
            None => order.into_iter().map(|index| vec![index]).collect(),
        };
        let passes: Vec<Vec<usize>> = rows.chunks(self.batch.max(1)).map(<[Vec<usize>]>::concat).collect();
        passes.chunks(self.accumulation.max(1)).map(<[Vec<usize>]>::to_vec).collect()
    }

    /// Steps of so many epochs; a part of an epoch counts by its share, rounded up.
    pub(crate) fn total(&self, examples: &[Example], epochs: f64) -> u64 {
        let whole = to_u64(epochs.floor());
        let of = |epoch| self.steps(examples, epoch).len() as u64;
        let rest = epochs - whole as f64;
        let part = if rest > 0.0 { to_u64((of(whole) as f64 * rest).ceil()) } else { 0 };
        (0..whole).map(of).sum::<u64>() + part
    }

    /// Where a step, counted from 1, lies.
    pub(crate) fn cursor(&self, examples: &[Example], step: u64) -> Cursor {
        let mut left = usize::try_from(step.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut epoch = 0;
        loop {
            let steps = self.steps(examples, epoch).len().max(1);
            if left < steps {
                return Cursor { epoch, step: left };
            }
            left -= steps;
            epoch += 1;
        }
    }
}

/// The sequences of one pass.
pub(crate) fn batch(examples: &[Example], indices: &[usize]) -> Batch {
    let mut batch = Batch::default();
    for example in indices.iter().filter_map(|index| examples.get(*index)) {
        batch.push(&example.ids, &example.trained);
    }
    batch
}

/// `0..count` in an order that follows from the seed.
pub(super) fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|index| mix64(seed ^ mix64(*index as u64)));
    order
}

/// First fit into rows of at most `limit` tokens, in the order given.
fn packed(order: &[usize], length: impl Fn(usize) -> usize, limit: usize) -> Vec<Vec<usize>> {
    let mut rows: Vec<(Vec<usize>, usize)> = Vec::new();
    for index in order {
        let need = length(*index);
        let from = rows.len().saturating_sub(OPEN);
        match rows[from..].iter_mut().find(|(_, used)| used + need <= limit) {
            Some((row, used)) => {
                row.push(*index);
                *used += need;
            }
            None => rows.push((vec![*index], need)),
        }
    }
    rows.into_iter().map(|(row, _)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(lengths: &[usize]) -> Vec<Example> {
        let one = |(line, length): (usize, &usize)| Example {
            ids: vec![7; *length],
            trained: vec![true; *length],
            line,
        };
        lengths.iter().enumerate().map(one).collect()
    }

    #[test]
    fn every_example_comes_once_an_epoch_in_another_order() {
        let examples = examples(&[3, 9, 5, 5, 2, 8, 4, 4, 6, 7]);
        let order = Order { seed: 1, batch: 2, accumulation: 2, packing: Some(10) };
        let flat = |epoch| order.steps(&examples, epoch).concat().concat();
        let (first, second) = (flat(0), flat(1));
        assert_ne!(first, second);
        for mut list in [first, second] {
            list.sort_unstable();
            assert_eq!(list, (0..10).collect::<Vec<_>>());
        }
        let rows = packed(&(0..10).collect::<Vec<_>>(), |index| examples[index].ids.len(), 10);
        assert!(
            rows.iter().all(|row| row.iter().map(|index| examples[*index].ids.len()).sum::<usize>() <= 10)
        );
        assert!(rows.len() < 8, "{rows:?}");
    }

    #[test]
    fn steps_are_found_again_by_number() {
        let examples = examples(&[4; 10]);
        let order = Order { seed: 3, batch: 2, accumulation: 2, packing: None };
        // Ten rows are five passes, three steps.
        assert_eq!(order.total(&examples, 1.0), 3);
        assert_eq!(order.total(&examples, 2.5), 8);
        assert_eq!(order.cursor(&examples, 1), Cursor { epoch: 0, step: 0 });
        assert_eq!(order.cursor(&examples, 5), Cursor { epoch: 1, step: 1 });
    }

    #[test]
    fn a_pass_predicts_within_each_sequence_only() {
        let mut examples = examples(&[3, 2]);
        examples[0].ids = vec![1, 2, 3];
        examples[1].ids = vec![4, 5];
        examples[0].trained = vec![true, false, true];
        let batch = batch(&examples, &[0, 1]);
        assert_eq!((batch.tokens, batch.lengths), (vec![1, 2, 3, 4, 5], vec![3, 2]));
        assert_eq!((batch.positions, batch.targets), (vec![1, 3], vec![3, 5]));
    }
}
