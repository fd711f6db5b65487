//! The order in which the Vulkan back end runs operations: what is independent of each other comes together
//! (`ggml_vk_graph_optimize`).

use super::tensors::{Graph, Op};

/// How far it looks ahead.
const AHEAD: usize = 20;

/// How far it looks for what goes with an operation.
const NEAR: usize = 15;

/// A router's operations, which stay as they are.
const ROUTERS: [&[Op]; 2] = [
    &[
        Op::Softmax,
        Op::Reshape,
        Op::Sort,
        Op::View,
        Op::GetRows,
        Op::Reshape,
        Op::Sum,
        Op::Clamp,
        Op::Divide,
        Op::Reshape,
    ],
    &[Op::Softmax, Op::Reshape, Op::Sort, Op::View, Op::GetRows],
];

/// Operations of a run, reordered.
pub(super) fn reorder(graph: &Graph, given: &[usize]) -> Vec<usize> {
    let mut run = Reordered {
        graph,
        given,
        needs: needs(graph, given),
        used: vec![false; given.len()],
        ran: vec![false; graph.tensors.len()],
        order: Vec::with_capacity(given.len()),
    };
    let mut first = 0;
    while first < given.len() {
        if run.used[first] {
            first += 1;
            continue;
        }
        match ROUTERS.iter().find(|router| run.is_router(router, first)) {
            Some(router) => run.take(&(first..first + router.len()).collect::<Vec<_>>()),
            None => run.take_together(first),
        }
    }
    run.order
}

/// Which of the `AHEAD` operations before it each one needs, or shows the same bytes as: bit `n` for the one `n + 1` before it.
fn needs(graph: &Graph, given: &[usize]) -> Vec<u32> {
    let needs_of = |(at, &index): (usize, &usize)| {
        let needs = |before: usize| {
            graph.tensors[index].sources.contains(&before) || graph.base(index) == graph.base(before)
        };
        let window = given[..at].iter().rev().take(AHEAD);
        window.enumerate().fold(0, |bits, (back, &before)| bits | u32::from(needs(before)) << back)
    };
    given.iter().enumerate().map(needs_of).collect()
}

struct Reordered<'a> {
    graph: &'a Graph,
    given: &'a [usize],
    needs: Vec<u32>,
    used: Vec<bool>,
    /// Of each tensor, whether it is in `order`.
    ran: Vec<bool>,
    order: Vec<usize>,
}

impl Reordered<'_> {
    fn op(&self, at: usize) -> Op {
        self.graph.tensors[self.given[at]].op
    }

    fn is_router(&self, router: &[Op], at: usize) -> bool {
        at + router.len() <= self.given.len()
            && router
                .iter()
                .enumerate()
                .all(|(offset, op)| self.op(at + offset) == *op && !self.used[at + offset])
    }

    fn take(&mut self, set: &[usize]) {
        for &at in set {
            self.used[at] = true;
            self.ran[self.given[at]] = true;
            self.order.push(self.given[at]);
        }
    }

    /// What `at` needs from `first` on and has not been taken.
    fn missing(&self, at: usize, first: usize) -> impl Iterator<Item = usize> {
        let needed =
            move |before: &usize| (self.needs[at] >> (at - 1 - before)) & 1 == 1 && !self.used[*before];
        (first..at).filter(needed)
    }

    fn reads(&self, at: usize, source: usize) -> bool {
        self.graph.tensors[self.given[at]].sources.first() == Some(&self.given[source])
    }

    /// Two operations that run as one.
    fn is_pair(&self, at: usize) -> bool {
        matches!(
            (self.op(at), self.op(at + 1)),
            (Op::Norm | Op::ExpertProduct, Op::Multiply) | (Op::Product | Op::Add, Op::Add)
        )
    }

    /// The first operation with all that do not depend on what has not run; then their views.
    fn take_together(&mut self, first: usize) {
        let end = (first + AHEAD).min(self.given.len());
        let mut set = vec![first];
        for at in first + 1..end {
            if self.used[at]
                || self.op(at).is_view()
                || ROUTERS.iter().any(|router| self.is_router(router, at))
            {
                continue;
            }
            let last = set.last().copied();
            let is_pair = |before: usize| before + 1 == at && last == Some(before) && self.is_pair(before);
            if self.missing(at, first).any(|before| !is_pair(before)) {
                continue;
            }
            set.push(at);
            self.take_along(at, &mut set);
        }
        if set.last().is_some_and(|last| self.op(*last) != Op::Add) {
            for at in first + 1..end {
                if !self.used[at]
                    && self.op(at).is_view()
                    && self.missing(at, first).all(|before| set.contains(&before))
                {
                    set.push(at);
                }
            }
        }
        self.take(&set);
    }

    /// What runs as one with an operation: a norm's rotation, a rotation's way into the cache, a second sum.
    fn take_along(&mut self, at: usize, set: &mut Vec<usize>) {
        let follows = |op: Op| self.op(at - 1) == op;
        let near = |from: usize| from + 1..(from + NEAR).min(self.given.len());
        let mut along = Vec::new();
        let mut rotation = at;
        if self.op(at) == Op::Multiply && follows(Op::Norm) {
            let found = near(at).find(|next| self.op(*next) == Op::Rope && self.reads(*next, at));
            rotation = found.unwrap_or(at);
            along.extend(found);
        }
        if self.op(rotation) == Op::Rope {
            let mut close = rotation + 1..(rotation + 10).min(self.given.len());
            let view = close.find(|next| self.op(*next) == Op::View && self.reads(*next, rotation));
            let write = view
                .and_then(|view| close.find(|next| self.op(*next) == Op::SetRows && self.reads(*next, view)));
            along.extend(view.filter(|_| write.is_some()).into_iter().chain(write));
        }
        if self.op(at) == Op::Add && follows(Op::Product) {
            along.extend(near(at).find(|next| {
                let other = self.graph.tensors[self.given[*next]].sources.get(1);
                let is_ready = |other: &usize| self.graph.tensors[*other].op == Op::Leaf || self.ran[*other];
                self.op(*next) == Op::Add && self.reads(*next, at) && other.is_some_and(is_ready)
            }));
        }
        for next in along {
            self.used[next] = true;
            set.push(next);
        }
    }
}
