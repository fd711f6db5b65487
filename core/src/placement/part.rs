//! A part of what a model takes: how many bytes, in which pool, of which kind, and when they are touched.

use crate::leaf::named;
use crate::leaf::{Interval, Provenance};
use serde::Serialize;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Layers, norms, PLE projections.
    Decoder,
    /// Experts of a mixture.
    Experts,
    /// Token embedding table; the output head too when tied.
    TokenEmbedding,
    /// Output head of its own.
    OutputHead,
    /// Per-layer embedding table.
    PleTable,
    /// Weights that the file carries and nothing reads.
    UnusedWeights,
    /// Copies of weights in a layout for the processor.
    PackedWeights,
    /// Keys and values.
    KvCache,
    /// State of recurrent layers.
    RecurrentState,
    /// Vision tower.
    Vision,
    /// Audio tower.
    Audio,
    /// Buffers for activations.
    Compute,
    /// Vocabulary and merges in memory.
    Tokenizer,
    /// The process itself.
    Runtime,
    /// Code of the runtime's libraries.
    Libraries,
    /// The kernel's tables of the process's pages.
    PageTables,
    /// Snapshots of windows and recurrent states that a server keeps.
    Checkpoints,
    /// States of earlier prompts that a server keeps.
    PromptCache,
    /// Weights of a draft model, and its vocabulary.
    Draft,
    /// Its keys, values and states.
    DraftCache,
    /// Its buffers.
    DraftCompute,
}

impl Component {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Decoder => "Decoder weights",
            Self::Experts => "Experts",
            Self::TokenEmbedding => "Token embeddings",
            Self::OutputHead => "Output head",
            Self::PleTable => "PLE table",
            Self::UnusedWeights => "Unused K/V weights",
            Self::PackedWeights => "Packed weight copy",
            Self::KvCache => "KV cache",
            Self::RecurrentState => "Recurrent state",
            Self::Vision => "Vision tower",
            Self::Audio => "Audio tower",
            Self::Compute => "Compute buffers",
            Self::Tokenizer => "Tokenizer",
            Self::Runtime => "Runtime overhead",
            Self::Libraries => "Libraries",
            Self::PageTables => "Page tables",
            Self::Checkpoints => "Context checkpoints",
            Self::PromptCache => "Prompt cache",
            Self::Draft => "Draft model",
            Self::DraftCache => "Draft model's cache",
            Self::DraftCompute => "Draft model's buffers",
        }
    }

    /// Its place among a drawing's series: eight colours, then the same with a texture. A component looks alike in every
    /// drawing, and those that stand in one drawing differ.
    pub const fn series(self) -> usize {
        match self {
            Self::Decoder => 0,
            Self::KvCache => 1,
            Self::TokenEmbedding => 2,
            Self::PleTable => 3,
            Self::Experts => 4,
            Self::Vision => 5,
            Self::Compute => 6,
            Self::Runtime => 7,
            Self::PackedWeights => 8,
            Self::RecurrentState => 9,
            Self::OutputHead => 10,
            Self::Tokenizer => 11,
            Self::PromptCache => 12,
            Self::Audio => 13,
            Self::DraftCompute => 14,
            Self::Libraries => 15,
            Self::Draft => 16,
            Self::Checkpoints => 17,
            Self::UnusedWeights => 20,
            Self::DraftCache => 21,
            Self::PageTables => 23,
        }
    }
}

/// Whose memory it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// The processor's memory.
    Host,
    /// A GPU's share of the host's memory.
    Gpu,
    /// A graphics card's own memory.
    Vram,
    /// Nowhere: read from storage when it is needed.
    Storage,
}

named!(Pool { Host "host", Gpu "gpu", Vram "vram", Storage "storage" });

/// How the operating system holds it; decides which limits count it and what happens to it when memory is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Anonymous memory: counted by every limit, swapped or compressed parts too; cannot be dropped.
    Anonymous,
    /// Clean pages of a mapped file: can be dropped and read again.
    File,
    /// Pages of a mapped file that stay: locked, or wired for a GPU.
    Wired,
}

impl Kind {
    /// What it means, in a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous memory: every limit counts it, and it cannot be dropped.",
            Self::File => {
                "Clean pages of a mapped file: dropped when memory is short, and read again when needed."
            }
            Self::Wired => "Pages of a mapped file that stay in memory: locked, or wired for the GPU.",
        }
    }
}

named!(Kind { Anonymous "anonymous", File "file", Wired "wired" });

/// When it is read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "when", rename_all = "snake_case")]
pub enum Touch {
    /// Only while the model is loaded.
    Load,
    /// For every prompt.
    Prompt,
    /// For every token, all of it.
    Token,
    /// For every token, the experts that it is routed to.
    Experts {
        /// Experts that a token uses in a layer.
        active: u64,
        /// Experts of a layer.
        of: u64,
        /// Bytes of one expert's matrix: what one read fetches.
        matrix_bytes: u64,
    },
    /// For every token, one row.
    Rows {
        /// Bytes of a row.
        row_bytes: u64,
    },
    /// Never.
    Never,
}

impl Touch {
    /// In a few words.
    pub fn describe(self) -> String {
        match self {
            Self::Load => "at load only".to_owned(),
            Self::Prompt => "each prompt".to_owned(),
            Self::Token => "each token".to_owned(),
            Self::Experts { active, of, .. } => format!("{active} of {of} experts"),
            Self::Rows { .. } => "one row a token".to_owned(),
            Self::Never => "never".to_owned(),
        }
    }
}

/// A part with its bytes and where they lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Part {
    /// What it is.
    pub component: Component,
    /// Bytes that are touched at some time, with their interval.
    #[serde(flatten)]
    pub size: Interval,
    /// Bytes reserved, of which `bytes` are touched.
    pub reserved: u64,
    /// How the size is known.
    pub provenance: Provenance,
    /// Whose memory.
    pub pool: Pool,
    /// Which of several cards, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<usize>,
    /// How it is held.
    pub kind: Kind,
    /// When it is touched.
    pub touch: Touch,
    /// The rule with its numbers filled in.
    pub note: String,
}

impl Part {
    /// Kind of memory, and whose where it is not the host's.
    pub fn memory(&self) -> String {
        match (self.pool, self.card) {
            (Pool::Host, _) => self.kind.name().to_owned(),
            (Pool::Gpu, _) => "GPU".to_owned(),
            (Pool::Vram, None) => "card".to_owned(),
            (Pool::Vram, Some(card)) => format!("card {}", card + 1),
            (Pool::Storage, _) => "storage".to_owned(),
        }
    }

    /// A part known to the byte, in host memory.
    pub(super) const fn exact(
        component: Component,
        bytes: u64,
        kind: Kind,
        touch: Touch,
        note: String,
    ) -> Self {
        Self {
            component,
            size: Interval::exact(bytes),
            reserved: bytes,
            provenance: Provenance::Exact,
            pool: Pool::Host,
            card: None,
            kind,
            touch,
            note,
        }
    }

    /// A part of anonymous host memory known to an interval, touched for every token.
    pub(super) const fn uncertain(
        component: Component,
        size: Interval,
        provenance: Provenance,
        note: String,
    ) -> Self {
        Self {
            component,
            size,
            reserved: size.bytes,
            provenance,
            pool: Pool::Host,
            card: None,
            kind: Kind::Anonymous,
            touch: Touch::Token,
            note,
        }
    }
}
