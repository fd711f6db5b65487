//! Models: per-layer architectures, their tensors, and the ways in (profiles, configs, checkpoint headers).

pub mod architecture;
mod compact;
mod expand;
pub mod family;
pub mod hub;
pub mod import;
pub mod inventory;
mod kv_geometry;
mod parameters;
pub mod profile;
pub mod recurrent;
pub mod registry;
pub mod tensor;

pub use architecture::Architecture;
pub use parameters::ParameterCounts;
pub use profile::Profile;
pub use tensor::{Role, Tensor};

use crate::format::document::DocumentError;
use crate::leaf::wire::{Wire, wire_enum};

/// A model ready for prediction: its architecture and its tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Layer by layer.
    pub architecture: Architecture,
    /// From the architecture's inventory, or from the file's own table.
    pub tensors: Vec<Tensor>,
    /// Where the weights' bytes come from.
    pub origin: Origin,
    /// The compact form, where one was read (the seed's arithmetic needs it).
    pub profile: Option<Profile>,
}

/// What a model was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A built-in profile.
    BuiltIn,
    /// A YAML profile.
    Profile,
    /// A Hugging Face `config.json`.
    Config,
    /// A GGUF header: exact stored types and bytes.
    Gguf {
        /// Size of the whole file according to its tensor table, in bytes.
        file_bytes: u64,
    },
    /// A safetensors header: exact stored types and bytes.
    Safetensors {
        /// Size of the weights according to the header, in bytes.
        file_bytes: u64,
    },
}

impl Model {
    /// A model whose tensors follow from its architecture.
    pub fn new(architecture: Architecture, origin: Origin, profile: Option<Profile>) -> Self {
        let tensors = inventory::tensors(&architecture);
        Self { architecture, tensors, origin, profile }
    }

    /// Parse a YAML profile in the compact form.
    ///
    /// `source` names the file in messages.
    pub fn from_yaml(source: &str, text: &str) -> Result<Self, DocumentError> {
        let profile = Profile::parse(source, text)?;
        Ok(Self::new(profile.expand(), Origin::Profile, Some(profile)))
    }

    /// The same under another title, where the files themselves state none.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        self.architecture.name = import::slug(title);
        title.clone_into(&mut self.architecture.title);
        self
    }

    /// Exact parameter counts by group.
    pub fn parameters(&self) -> ParameterCounts {
        ParameterCounts::of(&self.tensors)
    }

    /// Whether stored bytes are known from a file.
    pub fn is_stored(&self) -> bool {
        matches!(self.origin, Origin::Gguf { .. } | Origin::Safetensors { .. })
    }
}

wire_enum!(Origin { 0 BuiltIn, 1 Profile, 2 Config, 3 Gguf { file_bytes }, 4 Safetensors { file_bytes } });

/// Tensors that follow from the architecture stay at home, and so does the compact form, which nothing at the
/// other end reads.
impl Wire for Model {
    fn put(&self, out: &mut Vec<u8>) {
        self.architecture.put(out);
        self.origin.put(out);
        let listed = inventory::tensors(&self.architecture) != self.tensors;
        listed.put(out);
        if listed {
            self.tensors.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let architecture = Architecture::take(from)?;
        let origin = Origin::take(from)?;
        let tensors = if bool::take(from)? { Vec::take(from)? } else { inventory::tensors(&architecture) };
        Some(Self { architecture, tensors, origin, profile: None })
    }
}
