//! Families of models: one value each, and a file for a family or a close group.
//!
//! A [`Family`] says what Hugging Face and GGUF call it, whose tensors it has where a description does not say, what its
//! config class fills in, which layers attend to what under which runtime, and, by two functions, what its configs say in
//! their own way and which tensors it adds. Nothing outside this room names a family.
//!
//! Class defaults are those of Hugging Face transformers' config classes; rules of llama.cpp are those of
//! `load_arch_hparams` of its models.

#![expect(clippy::unnecessary_wraps, reason = "functions of families have one form")]

mod deepseek;
mod filled;
mod foreign;
mod gemma;
mod glm;
mod hunyuan;
mod hybrid;
mod linear;
mod llama;
mod mamba;
mod marks;
mod mixture;
mod names;
mod older;
mod others;
mod qwen;
mod research;
mod small;
mod step;
mod towers;

pub(in crate::model) use filled::{filled, wrapper_ties};
pub(super) use foreign::{
    DRAFT_FIELDS, DRAFT_HEADS, ENCODER_DECODERS, ENCODER_HEADS, ENCODERS, GGUF_OTHERS, GGUF_UNDESCRIBED,
    MAY_BE_EMPTY, OF_OTHER_THINGS, PARTS, SCORING_HEADS, TERNARY, UNDESCRIBED,
};
pub(super) use marks::{beyond_shapes, by_parts, no_decoder};
pub use names::Renames;
pub(crate) use names::rename;
pub(super) use older::ffn_biases;
pub(super) use towers::{audio, patches, vision};

use super::architecture::{Architecture, Conduct, ExtraTensor, Order, Tokenizer};
use super::import::hf_config::{Facts, Reader};
use super::tensor::{Active, Role};
use crate::format::document::DocumentError;
use crate::leaf::BlockType;

/// What a family has where a description does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conventions {
    /// Bias on query, key and value projections.
    pub qkv_bias: bool,
    /// RMS norm on queries and keys, of a head's width.
    pub qk_norm: bool,
    /// Norms of full width per layer.
    pub norms: u64,
    /// Gate, up and down in the FFN rather than up and down.
    pub gated_ffn: bool,
    /// Query, key and value in one GGUF tensor, gate and up in another.
    pub fused: bool,
    /// One learned scalar per layer.
    pub layer_scalar: bool,
    /// A projection to one gate per query head scales the attention output.
    pub head_gate: bool,
    /// The checkpoint carries key and value weights for layers that read another's cache.
    pub unused_kv_weights: bool,
}

/// When a window in a config means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    /// Never: the family's implementations attend to everything.
    Ignored,
    /// When `use_sliding_window` is true, from layer `max_window_layers` on.
    OptIn,
    /// In every layer.
    Everywhere,
    /// In all but every n-th layer, unless the config gives its own pattern.
    AllBut(u64),
    /// In the layers that the family's own reading finds.
    Own,
    /// In all but the first of every n layers, unless the config gives its own pattern.
    AllButFirst(u64),
    /// Every second layer when `use_sliding_window` is true and the layer has no positions (SmolLM3).
    WithoutPositions,
}

/// What llama.cpp does about windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LlamaCppWindows {
    /// It keeps full caches and attends to all of them.
    Ignored,
    /// The layers that the file lists slide.
    Listed,
    /// All but every `period`-th layer slide, unless the file says otherwise.
    Every {
        /// Period in layers.
        period: u64,
        /// The full layer comes first in its period, not last.
        full_first: bool,
        /// Window in tokens where the file states none; 0: then nothing slides.
        unstated: u64,
        /// The window is this, whatever the file states; 0: as stated.
        fixed: u64,
    },
    /// All but every `period`-th layer slide in the model of so many layers, and none in others.
    OfDepth {
        /// Layers of that model.
        layers: u64,
        /// Period in layers, the last of which is full.
        period: u64,
        /// Window in tokens where the file states none.
        unstated: u64,
    },
}

/// When the output projection of attention has a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputBias {
    /// When `attention_bias` or `use_bias` says so; this is the class default.
    Stated(bool),
    /// When `attention_out_bias` says so.
    Apart,
    /// Never: `attention_bias` is about queries, keys and values.
    Never,
}

/// Parameters of a router beyond its matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouterExtras {
    /// None.
    None,
    /// A bias for each expert.
    Bias,
    /// A gate of the shared expert.
    SharedGate,
    /// A scale of the input and one for each expert (Gemma 4).
    Scales,
}

/// What GGUF files of a family have beside the usual, for those that are written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileForm {
    /// Name of files without recurrent layers and experts, where it is another.
    pub without_state: Option<&'static str>,
    /// Factors that the loader demands.
    pub factors: &'static [&'static str],
    /// Sections of rotary channels.
    pub rope_sections: bool,
    /// One number of KV heads for all layers, the recurrent ones included.
    pub one_kv_number: bool,
    /// The rotated channels of a head are its channels divided by this.
    pub rotated_share: u64,
    /// The experts' gating function by its number.
    pub expert_gating: Option<u64>,
    /// The width of the per-layer table is stated even without one.
    pub states_table: bool,
    /// Widths of sliding layers' heads have keys of their own.
    pub sliding_widths: bool,
    /// A tensor of rotary factors for the full-attention layers.
    pub rope_factors: bool,
    /// The router's scales of input and experts are two tensors.
    pub scales_apart: bool,
    /// Mamba's scalars and grouped norm have a second dimension.
    pub mamba_columns: bool,
}

/// Nothing beside the usual.
const PLAIN_FILE: FileForm = FileForm {
    without_state: None,
    factors: &[],
    rope_sections: false,
    one_kv_number: false,
    rotated_share: 1,
    expert_gating: None,
    states_table: false,
    sliding_widths: false,
    rope_factors: false,
    scales_apart: false,
    mamba_columns: false,
};

/// Reads what a family's configs say in their own way.
pub(in crate::model) type ReadConfig = fn(&mut Reader<'_>, &mut Facts) -> Result<(), DocumentError>;

/// One family.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name here, and the usual `model_type`.
    pub name: &'static str,
    /// Other `model_type`s with the same tensors: nested text parts, multimodal wrappers, what people write in profiles.
    pub types: &'static [&'static str],
    /// Names in GGUF files; converters write the first.
    pub gguf: &'static [&'static str],
    /// What it has where a description does not say.
    pub conventions: Conventions,
    /// Class default of `tie_word_embeddings`.
    pub tied: bool,
    /// Class defaults of fields that shipped configs leave out.
    pub defaults: &'static [(&'static str, u64)],
    /// Class defaults of widths and counts, which nested text parts rely on.
    pub widths: &'static [(&'static str, u64)],
    /// Windows in configs.
    pub windows: Windows,
    /// The last layer attends to everything whatever `layer_types` says.
    pub last_full: bool,
    /// When the output projection of attention has a bias.
    pub output_bias: OutputBias,
    /// No layer attends.
    pub recurs_only: bool,
    /// Without experts the block that all tokens would share is a layer's only one.
    pub shared_alone: bool,
    /// Router parameters beyond the matrix.
    pub router: RouterExtras,
    /// Windows in llama.cpp.
    pub llama_cpp_windows: LlamaCppWindows,
    /// llama.cpp caches latent attention's expanded heads.
    pub llama_cpp_expands: bool,
    /// vLLM caches latent attention's expanded heads.
    pub vllm_expands: bool,
    /// llama.cpp's quantiser counts its models of 80 layers among the "70B" ones.
    pub quantised_as_70b: bool,
    /// Order of blocks in llama.cpp's graph.
    pub order: Order,
    /// Kind of vocabulary.
    pub tokenizer: Tokenizer,
    /// Small vocabularies are scored pieces, whatever `tokenizer` says.
    pub pieces_when_small: bool,
    /// Tensors that GGUF files call otherwise.
    pub renames: Renames,
    /// What its files have beside the usual; nothing for families whose files are not written here.
    pub file: Option<FileForm>,
    /// Reads what its configs say in their own way, after everything else.
    pub(in crate::model) config: Option<ReadConfig>,
    /// Adds the tensors that only it has.
    pub(in crate::model) own: Option<fn(&mut Architecture)>,
}

/// What a llama has, from which the others are told apart.
const LLAMA: Family = Family {
    name: "llama",
    types: &[
        "smollm2",
        "baichuan",
        "yi",
        "xverse",
        "aquila",
        "llava",
        "llava_next",
        "llava_next_video",
        "llava_llama",
        "vipllava",
        "video_llava",
        "idefics3",
        "smolvlm",
        "multi_modality",
        "solar",
        "vicuna",
        "emu3",
        "emu3_text_model",
    ],
    gguf: &["llama", "baichuan", "xverse"],
    conventions: Conventions {
        qkv_bias: false,
        qk_norm: false,
        norms: 2,
        gated_ffn: true,
        fused: false,
        layer_scalar: false,
        head_gate: false,
        unused_kv_weights: false,
    },
    tied: false,
    defaults: &[],
    widths: &[],
    windows: Windows::Ignored,
    last_full: false,
    output_bias: OutputBias::Stated(false),
    recurs_only: false,
    shared_alone: false,
    router: RouterExtras::None,
    llama_cpp_windows: LlamaCppWindows::Ignored,
    llama_cpp_expands: false,
    vllm_expands: false,
    quantised_as_70b: true,
    order: Order::Usual,
    tokenizer: Tokenizer::Bpe,
    pieces_when_small: true,
    renames: &[],
    file: None,
    config: None,
    own: None,
};

/// A family that goes its own way; what it shares with llama is said once.
const BASE: Family =
    Family { name: "", types: &[], gguf: &[], quantised_as_70b: false, pieces_when_small: false, ..LLAMA };

/// A two-matrix FFN without biases.
const UNGATED: Conventions = Conventions { gated_ffn: false, ..BASE.conventions };

/// What is assumed for a family that is not listed: llama's tensors.
pub const FALLBACK: &Family = &Family { llama_cpp_windows: LlamaCppWindows::Listed, ..BASE };

/// Every file's families.
const GROUPS: [&[Family]; 15] = [
    llama::FAMILIES,
    qwen::FAMILIES,
    gemma::FAMILIES,
    deepseek::FAMILIES,
    glm::FAMILIES,
    hunyuan::FAMILIES,
    hybrid::FAMILIES,
    linear::FAMILIES,
    mamba::FAMILIES,
    mixture::FAMILIES,
    older::FAMILIES,
    others::FAMILIES,
    research::FAMILIES,
    small::FAMILIES,
    step::FAMILIES,
];

/// All families.
pub fn families() -> impl Iterator<Item = &'static Family> {
    GROUPS.iter().flat_map(|group| group.iter())
}

/// The family of this `model_type`; `None` for one that is not listed.
pub fn family(model_type: &str) -> Option<&'static Family> {
    let by_name = families().find(|family| family.name == model_type);
    by_name.or_else(|| families().find(|family| family.types.contains(&model_type)))
}

/// The type of a wrapper that changed its language model from version to version (MiniCPM-V).
pub(in crate::model) fn of_version(model_type: &str, version: Option<f64>) -> &str {
    match (model_type, version) {
        ("minicpmv", Some(version)) if version < 2.5 => "minicpm",
        ("minicpmv", Some(version)) if version < 2.6 => "llama",
        ("minicpmv", Some(version)) if version < 4.0 => "qwen2",
        ("minicpmv", Some(version)) if version < 4.5 => "llama",
        ("minicpmv", Some(_)) => "qwen3",
        (other, _) => other,
    }
}

/// The type of a config that names none, by a field that only the makers' own format has.
pub(in crate::model) fn of_field(has: impl Fn(&'static str) -> bool) -> Option<&'static str> {
    has("ssm_cfg").then_some("mamba")
}

/// The family of a GGUF file's `general.architecture`; `None` for one that is not listed.
pub fn of_gguf(architecture: &str) -> Option<&'static Family> {
    families().find(|family| family.gguf.contains(&architecture))
}

/// Endings of class names, which say what a model is used for.
const ENDINGS: [&str; 6] =
    ["ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForImageTextToText", "TextModel", "Model"];

/// The family that a class of `architectures` names, such as `Qwen2ForCausalLM`.
pub fn of_class(class: &str) -> Option<&'static Family> {
    let stem = ENDINGS.iter().find_map(|ending| class.strip_suffix(ending))?;
    let plain = |name: &str| -> String { name.chars().filter(|sign| *sign != '_').collect() };
    let wanted = plain(&stem.to_ascii_lowercase());
    let names = |family: &&Family| {
        plain(family.name) == wanted || family.types.iter().any(|name| plain(name) == wanted)
    };
    families().find(names)
}

/// The block type of a code in a tensor table. Ollama's gpt-oss has MXFP4 under the code of a type that llama.cpp gave up.
pub fn block_of_code(architecture: &str, code: u32) -> Option<BlockType> {
    match (architecture, code) {
        ("gptoss", 4) => Some(BlockType::Mxfp4),
        // Codes of safetensors' own types are no file's.
        _ => BlockType::from_gguf_code(code).filter(|_| code < 1_000),
    }
}

/// Whether files of this architecture declare the context that they reach with the factor of their positions.
pub fn declares_scaled_context(architecture: &str) -> bool {
    architecture == "gemma3"
}

/// The name of a kind of vocabulary in a file's `tokenizer.ggml.model`.
pub const fn tokenizer_name(tokenizer: Tokenizer) -> &'static str {
    match tokenizer {
        Tokenizer::Bpe => "gpt2",
        Tokenizer::Spm => "llama",
        Tokenizer::Gemma4 => "gemma4",
    }
}

/// The kind of vocabulary that a file's `tokenizer.ggml.model` names.
pub fn tokenizer(kind: &str) -> Tokenizer {
    match kind {
        "llama" => Tokenizer::Spm,
        "gemma4" => Tokenizer::Gemma4,
        _ => Tokenizer::Bpe,
    }
}

impl Family {
    /// Its name, or that of the family whose tensors are assumed.
    pub(in crate::model) const fn class(&self) -> &'static str {
        if self.name.is_empty() { LLAMA.name } else { self.name }
    }

    /// What programs do with a model of this family that has `vocab_size` rows in its table and so many layers.
    pub fn conduct(&self, vocab_size: u64, layers: usize) -> Conduct {
        /// Vocabularies of the Llama kind that are smaller are scored pieces, larger ones byte pairs.
        const SCORED_PIECES: u64 = 33_000;
        let small = self.pieces_when_small && vocab_size < SCORED_PIECES;
        Conduct {
            llama_cpp_ignores_windows: match self.llama_cpp_windows {
                LlamaCppWindows::Ignored => true,
                LlamaCppWindows::OfDepth { layers: of, .. } => of != layers as u64,
                LlamaCppWindows::Listed | LlamaCppWindows::Every { .. } => false,
            },
            // Its newer form broadcasts them (`modeling_falcon.py`); the older one has a single head, which it does not.
            transformers_repeats_heads: self.gguf.contains(&"falcon"),
            order: self.order,
            tokenizer: if small { Tokenizer::Spm } else { self.tokenizer },
            quantised_as_70b: self.quantised_as_70b,
            quantised_as_falcon: self.gguf.contains(&"falcon"),
            published_in_mxfp4: self.gguf.contains(&"gpt-oss"),
            padded_ple: self.gguf.contains(&"gemma3n"),
        }
    }

    /// A per-layer embedding table comes with gates, projections and norms.
    pub fn gated_table(&self) -> bool {
        self.gguf.iter().any(|name| name.starts_with("gemma"))
    }

    /// A class default by its field's name.
    pub fn default_of(&self, field: &str) -> Option<u64> {
        self.defaults.iter().find(|(name, _)| *name == field).map(|(_, value)| *value)
    }

    /// A width that the class fills in, by its field's name.
    pub fn width_of(&self, field: &str) -> Option<u64> {
        self.widths.iter().find(|(name, _)| *name == field).map(|(_, value)| *value)
    }
}

/// A vector in a list of extra tensors.
fn vector(name: &str, length: u64) -> ExtraTensor {
    extra(name, Role::Vector, 1, length)
}

/// A matrix in a list of extra tensors.
fn extra(name: &str, role: Role, rows: u64, row_length: u64) -> ExtraTensor {
    ExtraTensor { name: name.to_owned(), role, rows, row_length, active: Active::All }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_are_unique() {
        let mut seen = std::collections::BTreeMap::new();
        for family in families() {
            for name in std::iter::once(&family.name).chain(family.types) {
                let before = seen.insert(*name, family.name);
                assert_eq!(before, None, "{name} of {}", family.name);
            }
        }
        let mut files = std::collections::BTreeMap::new();
        for family in families() {
            for name in family.gguf {
                // Several configs may become one kind of file; the first of them is taken.
                files.entry(*name).or_insert(family.name);
                assert!(of_gguf(name).is_some_and(|found| found.name == files[name]), "{name}");
            }
        }
    }

    #[test]
    fn a_family_is_found_by_type_class_and_file() {
        assert_eq!(family("gemma3_text").map(|family| family.name), Some("gemma3"));
        assert_eq!(of_class("Qwen3_5ForConditionalGeneration").map(|family| family.name), Some("qwen3_5"));
        assert_eq!(of_class("LlamaForCausalLM").map(|family| family.name), Some("llama"));
        assert_eq!(of_gguf("gptoss").map(|family| family.name), Some("gpt_oss"));
        assert!(family("zebra").is_none() && of_class("ZebraForCausalLM").is_none());
    }
}
