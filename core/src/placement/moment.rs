//! Moments of a graph that may be its widest.

/// A moment of the graph that may be the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// A layer with flash attention over keys and values in f16.
    Flash,
    /// The same over quantised ones.
    Quantised,
    /// A layer without flash attention, its scores done with.
    Plain,
    /// What stands beside the scores while they are computed.
    Scores,
    /// Logits of every token of the micro-batch, which the C interface asks for unless told otherwise.
    Logits,
}

impl Moment {
    /// All, in the order of the table of measured channels.
    pub const ALL: [Self; 5] = [Self::Flash, Self::Quantised, Self::Plain, Self::Scores, Self::Logits];
}
