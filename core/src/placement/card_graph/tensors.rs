//! Tensors of a graph and the operations that compute them, in the order in which llama.cpp lists them.

/// Where a tensor lies or an operation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Card,
    Host,
}

/// Operations as far as their order and their place depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// A weight, a cache, an input, or a copy of one.
    Leaf,
    View,
    Reshape,
    Permute,
    GetRows,
    SetRows,
    Norm,
    Multiply,
    Divide,
    Add,
    Scale,
    Activation,
    Copy,
    Rope,
    Product,
    ExpertProduct,
    Attention,
    GatedUnit,
    Softmax,
    Sort,
    Sum,
    Clamp,
}

impl Op {
    /// Another shape of the same bytes.
    pub(super) const fn is_view(self) -> bool {
        matches!(self, Self::View | Self::Reshape | Self::Permute)
    }

    /// Whether the result may take the place of an operand (`ggml_op_can_inplace`).
    pub(super) const fn is_in_place(self) -> bool {
        matches!(
            self,
            Self::Scale
                | Self::Activation
                | Self::Norm
                | Self::Multiply
                | Self::Divide
                | Self::Add
                | Self::Rope
                | Self::Softmax
        )
    }
}

/// A tensor.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) op: Op,
    pub(super) bytes: u64,
    /// Tokens it is computed for.
    pub(super) tokens: u64,
    pub(super) sources: Vec<usize>,
    /// Whose bytes a view shows.
    pub(super) base: Option<usize>,
    /// Where it lies before the graph runs: weights, caches, inputs.
    pub(super) lies: Option<Side>,
    pub(super) is_weight: bool,
}

/// All tensors, and the order of operations among them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) tensors: Vec<Tensor>,
    pub(super) order: Vec<usize>,
}

impl Graph {
    fn push(&mut self, tensor: Tensor) -> usize {
        self.tensors.push(tensor);
        self.tensors.len() - 1
    }

    /// A tensor without an operation.
    pub(super) fn leaf(&mut self, bytes: u64, lies: Option<Side>) -> usize {
        let sources = Vec::new();
        self.push(Tensor { op: Op::Leaf, bytes, tokens: 0, sources, base: None, lies, is_weight: false })
    }

    pub(super) fn weight(&mut self, bytes: u64, side: Side) -> usize {
        let leaf = self.leaf(bytes, Some(side));
        self.tensors[leaf].is_weight = true;
        leaf
    }

    /// The result of an operation: channels of f32 for each token.
    pub(super) fn compute(&mut self, op: Op, channels: u64, tokens: u64, sources: &[usize]) -> usize {
        let bytes = channels.saturating_mul(tokens).saturating_mul(4);
        let sources = sources.to_vec();
        let tensor = Tensor { op, bytes, tokens, sources, base: None, lies: None, is_weight: false };
        let index = self.push(tensor);
        self.order.push(index);
        index
    }

    /// A view of a tensor's bytes, or of some.
    pub(super) fn view(&mut self, op: Op, of: usize) -> usize {
        let base = Some(self.base(of));
        let tensor = Tensor { op, base, sources: vec![of], lies: None, is_weight: false, ..self.tensors[of] };
        let index = self.push(tensor);
        self.order.push(index);
        index
    }

    /// Rows written into a cache: a view of it.
    pub(super) fn write(&mut self, rows: usize, at: usize, cache: usize) {
        let index = self.compute(Op::SetRows, 0, 0, &[rows, at, cache]);
        self.tensors[index].base = Some(cache);
    }

    /// Whose bytes these are.
    pub(super) fn base(&self, tensor: usize) -> usize {
        self.tensors[tensor].base.unwrap_or(tensor)
    }
}
