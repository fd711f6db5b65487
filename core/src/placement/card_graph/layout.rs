//! The place of every tensor in a card's buffer (`ggml-alloc.c`).

use super::order::reorder;
use super::schedule::Run;
use super::tensors::{Graph, Side};

/// Places begin at multiples of it.
const ALIGNMENT: u64 = 16;

/// Bytes of the buffer; `reorders` as the Vulkan back end does.
pub(super) fn layout(graph: &Graph, runs: &[Run], sides: &[Option<Side>], reorders: bool) -> u64 {
    let mut steps = Vec::new();
    for run in runs {
        for &(source, copy) in &run.copies {
            steps.extend([Step::Copied(source), Step::Computed(copy)]);
        }
        let reordered =
            if reorders && run.side == Side::Card { reorder(graph, &run.order) } else { Vec::new() };
        let order = if reordered.is_empty() { &run.order } else { &reordered };
        steps.extend(order.iter().map(|index| Step::Computed(*index)));
    }
    let mut layout =
        Layout { graph, sides, uses: vec![Uses::default(); graph.tensors.len()], buffer: Buffer::default() };
    for step in &steps {
        if let Step::Computed(index) = step
            && let Some(base) = graph.tensors[*index].base
        {
            layout.uses[base].views += 1;
        }
        for source in step.sources(graph) {
            layout.uses[*source].readers += 1;
        }
    }
    for step in &steps {
        for source in step.sources(graph) {
            layout.place(*source);
        }
        if let Step::Computed(index) = step {
            layout.place(*index);
        }
        for source in step.sources(graph) {
            layout.read(*source);
        }
    }
    layout.buffer.size
}

enum Step {
    /// A tensor of one side was copied to the other.
    Copied(usize),
    Computed(usize),
}

impl Step {
    fn sources<'a>(&'a self, graph: &'a Graph) -> &'a [usize] {
        match self {
            Self::Copied(source) => std::slice::from_ref(source),
            Self::Computed(index) => &graph.tensors[*index].sources,
        }
    }
}

/// What still needs a tensor, and where it is.
#[derive(Debug, Clone, Copy, Default)]
struct Uses {
    readers: u64,
    views: u64,
    place: Option<u64>,
}

struct Layout<'a> {
    graph: &'a Graph,
    sides: &'a [Option<Side>],
    uses: Vec<Uses>,
    buffer: Buffer,
}

impl Layout<'_> {
    fn place(&mut self, index: usize) {
        let tensor = &self.graph.tensors[index];
        let is_elsewhere =
            tensor.lies.is_some() || tensor.base.is_some() || self.sides[index] != Some(Side::Card);
        if is_elsewhere || self.uses[index].place.is_some() {
            return;
        }
        // The place of an operand that nothing else needs; never that of a view.
        let is_free = |source: &&usize| {
            let (uses, source) = (self.uses[**source], &self.graph.tensors[**source]);
            uses.place.is_some() && uses.readers == 1 && uses.views == 0 && source.bytes == tensor.bytes
        };
        let taken = tensor.sources.iter().find(is_free).filter(|_| tensor.op.is_in_place());
        self.uses[index].place = match taken {
            Some(source) => self.uses[*source].place.take(),
            None => Some(self.buffer.take(tensor.bytes)),
        };
    }

    /// One reader less; the last frees the place.
    fn read(&mut self, index: usize) {
        let uses = &mut self.uses[index];
        uses.readers = uses.readers.saturating_sub(1);
        if uses.readers > 0 || uses.views > 0 {
            return;
        }
        let base = self.graph.base(index);
        if base != index {
            self.uses[base].views = self.uses[base].views.saturating_sub(1);
        }
        let uses = &mut self.uses[base];
        if uses.readers == 0
            && uses.views == 0
            && let Some(place) = uses.place.take()
        {
            self.buffer.free(place, self.graph.tensors[base].bytes);
        }
    }
}

/// A buffer that grows at its end.
#[derive(Debug, Default)]
struct Buffer {
    /// Holes, by their start: start and bytes.
    holes: Vec<(u64, u64)>,
    /// Where the last tensor ends.
    end: u64,
    /// The furthest end.
    size: u64,
}

impl Buffer {
    /// The smallest hole that is large enough, of equal ones the last; or the end.
    fn take(&mut self, bytes: u64) -> u64 {
        let bytes = padded(bytes);
        let fitting = self.holes.iter().enumerate().rev().filter(|(_, hole)| hole.1 >= bytes);
        let best = fitting.min_by_key(|(_, hole)| hole.1).map(|(at, _)| at);
        let Some(at) = best else {
            let start = self.end;
            self.end = self.end.saturating_add(bytes);
            self.size = self.size.max(self.end);
            return start;
        };
        let (start, room) = self.holes[at];
        if room == bytes {
            self.holes.remove(at);
        } else {
            self.holes[at] = (start.saturating_add(bytes), room - bytes);
        }
        start
    }

    fn free(&mut self, start: u64, bytes: u64) {
        let bytes = padded(bytes);
        let mut at = self.holes.partition_point(|hole| hole.0 < start);
        self.holes.insert(at, (start, bytes));
        let touches = |holes: &[(u64, u64)], at: usize| {
            holes.get(at + 1).is_some_and(|next| holes[at].0.saturating_add(holes[at].1) == next.0)
        };
        if at > 0 && touches(&self.holes, at - 1) {
            at -= 1;
            self.holes[at].1 = self.holes[at].1.saturating_add(self.holes.remove(at + 1).1);
        }
        if touches(&self.holes, at) {
            self.holes[at].1 = self.holes[at].1.saturating_add(self.holes.remove(at + 1).1);
        }
        if self.holes[at].0.saturating_add(self.holes[at].1) == self.end {
            self.end = self.holes.remove(at).0;
        }
    }
}

const fn padded(bytes: u64) -> u64 {
    bytes.saturating_add(ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[test]
    fn holes_are_filled_best_first_and_grow_together() {
        let mut buffer = Buffer::default();
        let [a, b, c, d] = [64, 32, 64, 16].map(|bytes| buffer.take(bytes));
        assert_eq!([a, b, c, d], [0, 64, 96, 160]);
        buffer.free(a, 64);
        buffer.free(c, 64);
        // Of two equal holes the last.
        assert_eq!(buffer.take(50), c);
        assert_eq!(buffer.take(16), a);
        buffer.free(b, 32);
        assert_eq!(buffer.holes, [(16, 80)]);
        buffer.free(c, 64);
        buffer.free(d, 16);
        assert_eq!((buffer.end, buffer.size), (16, 176));
        assert!(buffer.holes.is_empty());
        assert_eq!(buffer.take(u64::MAX), 16);
        assert_eq!(buffer.size, u64::MAX);
    }
}
