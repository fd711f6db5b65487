//! Ways in from bytes: profiles, configs, GGUF and safetensors, told apart by content.
//!
//! The command line and the page call [`import`] with the first bytes of a file and read on when it asks for
//! more; nothing here reads files.

mod draft;
pub(crate) mod entry;
pub mod gguf;
pub mod hf_config;
mod kind;
mod names;
pub mod safetensors;
mod towers;

pub(in crate::model) use draft::slug;

pub use draft::Unbelievable;
pub use kind::{GIT_LFS_POINTER, Kind, detect};

use super::{Model, Profile};
use crate::format::document::{DocumentError, utf8};
use crate::format::litertlm::{self, Bundle, BundleError};
use crate::leaf::number::grouped;
use gguf::{Gguf, GgufError, GgufModelError};
use hf_config::ConfigError;
use safetensors::{SafetensorsError, SafetensorsModelError};

/// How much of a file to read at first, in bytes: enough for most headers.
pub const FIRST_READ: u64 = 1 << 20;
/// Largest text document accepted, in bytes.
const MAX_TEXT: u64 = 32 << 20;

/// Why a file gives no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Read more of the file and call again.
    #[error("the header continues beyond the bytes at hand; at least {at_least} are needed")]
    NeedMore {
        /// Length of the shortest prefix that can get further, in bytes; always more than was given.
        at_least: u64,
    },
    /// A profile that does not fit.
    #[error(transparent)]
    Profile(DocumentError),
    /// A config that does not fit.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A GGUF file that does not fit.
    #[error("{source_name}: {error}")]
    Gguf {
        /// File name.
        source_name: String,
        /// What is wrong.
        error: GgufModelError,
    },
    /// A safetensors file or index that does not fit.
    #[error(transparent)]
    Safetensors(SafetensorsModelError),
    /// The same, where the error itself does not say which.
    #[error("{source_name}: {error}")]
    SafetensorsFile {
        /// File name.
        source_name: String,
        /// What is wrong.
        error: SafetensorsError,
    },
    /// Another kind of file.
    #[error(
        "{source_name}: {what}, which is not read here; expected a YAML profile, a config.json, or a GGUF or safetensors file"
    )]
    Foreign {
        /// File name.
        source_name: String,
        /// What it seems to be.
        what: &'static str,
    },
    /// A LiteRT-LM bundle: its models are compiled, so that no tensor can be told.
    #[error(
        "{source_name}: {}; its compiled models are not read here; expected the model by its name, or its config.json, with LiteRT-LM as the runtime",
        bundle_words(bundle)
    )]
    Bundle {
        /// File name.
        source_name: String,
        /// What its header says.
        bundle: Bundle,
    },
    /// A LiteRT-LM bundle whose header does not fit.
    #[error("{source_name}: a LiteRT-LM bundle, and {error}")]
    BrokenBundle {
        /// File name.
        source_name: String,
        /// What is wrong.
        error: BundleError,
    },
    /// A text document too large to be one.
    #[error("{source_name}: {found} bytes long; a text document has at most {MAX_TEXT}")]
    TooLarge {
        /// File name.
        source_name: String,
        /// Length of the file.
        found: u64,
    },
}

impl ImportError {
    /// Bytes to read before calling again, if that is all that is wrong.
    pub fn at_least(&self) -> Option<u64> {
        match self {
            Self::NeedMore { at_least } => Some(*at_least),
            _ => None,
        }
    }
}

fn in_safetensors(name: &str, error: impl Into<SafetensorsModelError>) -> ImportError {
    match error.into() {
        SafetensorsModelError::File(SafetensorsError::NeedMore { at_least }) => {
            ImportError::NeedMore { at_least }
        }
        SafetensorsModelError::File(error) if !matches!(error, SafetensorsError::Header { .. }) => {
            ImportError::SafetensorsFile { source_name: name.to_owned(), error }
        }
        other => ImportError::Safetensors(other),
    }
}

/// Import the model in a file called `name` from its first `bytes`; `file_len` is the whole file's length.
///
/// Returns [`ImportError::NeedMore`] when the prefix is too short; only headers are ever asked for.
pub fn import(name: &str, bytes: &[u8], file_len: Option<u64>) -> Result<Model, ImportError> {
    if bytes.is_empty() && file_len.unwrap_or(0) == 0 {
        return Err(ImportError::Foreign { source_name: name.to_owned(), what: "an empty file" });
    }
    let wrong = |error: SafetensorsError| in_safetensors(name, error);
    match detect(name, bytes) {
        Kind::Gguf => gguf(name, bytes, file_len),
        Kind::Bundle => Err(bundle(name, bytes, file_len)),
        Kind::Safetensors => {
            let header = safetensors::parse_header(name, bytes, file_len).map_err(wrong)?;
            header.model().map_err(|error| in_safetensors(name, error))
        }
        Kind::SafetensorsIndex => {
            let text = whole(name, bytes, file_len)?;
            let index = safetensors::parse_index(name, text).map_err(|error| in_safetensors(name, error))?;
            Err(in_safetensors(name, index.needs_config()))
        }
        Kind::Config => Ok(hf_config::parse(name, whole(name, bytes, file_len)?)?),
        Kind::Yaml => {
            let text = utf8(whole(name, bytes, file_len)?);
            let text = std::str::from_utf8(&text);
            let text =
                text.map_err(|_| ImportError::Foreign { source_name: name.to_owned(), what: "no text" })?;
            profile(name, text)
        }
        Kind::Foreign(what) => Err(ImportError::Foreign { source_name: name.to_owned(), what }),
    }
}

/// Import a safetensors file or index together with its config, whose whole text is `config`.
pub fn import_with_config(
    name: &str,
    bytes: &[u8],
    file_len: Option<u64>,
    config: &[u8],
) -> Result<Model, ImportError> {
    const CONFIG: &str = "config.json";
    match detect(name, bytes) {
        Kind::Safetensors => {
            let header = safetensors::parse_header(name, bytes, file_len)
                .map_err(|error| in_safetensors(name, error))?;
            let bits = hf_config::stored_bits(CONFIG, config)?;
            let model = hf_config::parse(CONFIG, config)?;
            header.with_config(model, &bits).map_err(|error| in_safetensors(name, error))
        }
        Kind::SafetensorsIndex => {
            let text = whole(name, bytes, file_len)?;
            let index = safetensors::parse_index(name, text).map_err(|error| in_safetensors(name, error))?;
            let bits = hf_config::stored_bits(CONFIG, config)?.plain;
            let model = hf_config::parse(CONFIG, config)?;
            index.with_config(model, bits).map_err(|error| in_safetensors(name, error))
        }
        _ => import(name, bytes, file_len),
    }
}

fn gguf(name: &str, bytes: &[u8], file_len: Option<u64>) -> Result<Model, ImportError> {
    gguf_part(name, bytes, file_len)?.model(name).map_err(|error| in_gguf(name, error))
}

/// The header of one part of a split GGUF file, or of a whole one.
pub fn gguf_part(name: &str, bytes: &[u8], file_len: Option<u64>) -> Result<Gguf, ImportError> {
    gguf::parse_gguf(bytes, file_len).map_err(|error| in_gguf(name, error))
}

/// The model in all parts of a split GGUF file, in any order; `name` is that of one of them.
pub fn gguf_joined(name: &str, parts: Vec<Gguf>) -> Result<Model, ImportError> {
    let whole = Gguf::join(parts).map_err(|error| in_gguf(name, error))?;
    whole.model(name).map_err(|error| in_gguf(name, error))
}

/// What a bundle's header says, as the reason why it gives no model.
fn bundle(name: &str, bytes: &[u8], file_len: Option<u64>) -> ImportError {
    let source_name = name.to_owned();
    match litertlm::read(bytes, file_len) {
        Ok(bundle) => ImportError::Bundle { source_name, bundle },
        Err(BundleError::NeedMore { at_least }) => ImportError::NeedMore { at_least },
        Err(error) => ImportError::BrokenBundle { source_name, error },
    }
}

fn bundle_words(bundle: &Bundle) -> String {
    let [major, minor, patch] = bundle.version;
    let sections: Vec<String> = bundle
        .sections
        .iter()
        .map(|section| {
            let model = section.model.as_deref().map(|model| format!(" {model}")).unwrap_or_default();
            format!("{}{model} of {} bytes", section.kind, grouped(section.bytes))
        })
        .collect();
    format!("a LiteRT-LM bundle of version {major}.{minor}.{patch} with {}", sections.join(", "))
}

fn in_gguf(name: &str, error: impl Into<GgufModelError>) -> ImportError {
    match error.into() {
        GgufModelError::File(GgufError::NeedMore { at_least }) => ImportError::NeedMore { at_least },
        error => ImportError::Gguf { source_name: name.to_owned(), error },
    }
}

fn profile(name: &str, text: &str) -> Result<Model, ImportError> {
    if let Some(node) = entry::find(name, text) {
        return entry::model(name, &node, super::Origin::Profile);
    }
    let profile = Profile::parse(name, text).map_err(ImportError::Profile)?;
    let model = Model::new(profile.expand(), super::Origin::Profile, Some(profile));
    draft::believable(&model.architecture, &model.tensors)
        .map_err(|problem| ConfigError::Unbelievable { source_name: name.to_owned(), problem })?;
    Ok(model)
}

/// A text document must be there from first to last byte.
fn whole<'a>(name: &str, bytes: &'a [u8], file_len: Option<u64>) -> Result<&'a [u8], ImportError> {
    let have = bytes.len() as u64;
    let length = file_len.unwrap_or(have).max(have);
    if length > MAX_TEXT {
        return Err(ImportError::TooLarge { source_name: name.to_owned(), found: length });
    }
    if length > have { Err(ImportError::NeedMore { at_least: length }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;
    use proptest::prelude::*;

    fn fixture(name: &str) -> Vec<u8> {
        let path = format!("{}/../tests/fixtures/configs/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    }

    /// Read a file as a caller would: a little at first, then what is asked for.
    fn read_on(name: &str, file: &[u8]) -> Result<Model, ImportError> {
        let length = Some(file.len() as u64);
        let mut have = 16.min(file.len());
        loop {
            match import(name, &file[..have], length) {
                Err(ImportError::NeedMore { at_least }) => {
                    let more = usize::try_from(at_least).unwrap();
                    assert!(more > have && more <= file.len(), "{name}: {have} to {more} of {}", file.len());
                    have = more;
                }
                other => return other,
            }
        }
    }

    #[test]
    fn every_kind_comes_in_through_one_door() {
        let (mut gguf, length) = gguf::sample::small().finish();
        gguf.resize(usize::try_from(length).unwrap(), 0);
        assert!(matches!(read_on("a.bin", &gguf).unwrap().origin, Origin::Gguf { .. }));
        assert_eq!(read_on("config.json", &fixture("qwen3-0.6b")).unwrap().origin, Origin::Config);
        let yaml = crate::model::registry::yaml("llama-3.2-1b").unwrap();
        assert_eq!(read_on("my.yaml", yaml.as_bytes()).unwrap().origin, Origin::Profile);
        let json = br#"{"model.embed_tokens.weight":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}"#;
        let mut header = (json.len() as u64).to_le_bytes().to_vec();
        header.extend(json);
        header.extend([0; 8]);
        let error = read_on("model.safetensors", &header).unwrap_err();
        assert!(error.to_string().contains("no decoder layers found"), "{error}");
        let index =
            br#"{"metadata": {"total_size": 8}, "weight_map": {"model.layers.0.x": "a.safetensors"}}"#;
        let error = read_on("model.safetensors.index.json", index).unwrap_err();
        assert!(error.to_string().contains("together with its config.json"), "{error}");
    }

    #[test]
    fn an_index_comes_in_with_its_config() {
        let names: Vec<String> = (0..28).map(|layer| format!(r#""model.layers.{layer}.x": "a""#)).collect();
        let names = names.join(",");
        let index = format!(r#"{{"metadata": {{"total_size": 8}}, "weight_map": {{{names}}}}}"#);
        let config = fixture("qwen3-0.6b");
        let model =
            import_with_config("model.safetensors.index.json", index.as_bytes(), None, &config).unwrap();
        assert_eq!(model.architecture.layers.len(), 28);
        assert!(model.architecture.assumptions.iter().any(|a| a.contains("the index has 8 bytes")));
    }

    #[test]
    fn a_bundle_says_what_it_holds() {
        let header = include_bytes!("../../../../tests/fixtures/header.litertlm");
        let error = import("m.litertlm", header, Some(4_325_476)).unwrap_err().to_string();
        let start = "m.litertlm: a LiteRT-LM bundle of version 1.7.0 with TFLite model prefill_decode of 3,000,000 bytes, TFLite model embedder";
        assert!(error.starts_with(start), "{error}");
        let error = import("m.litertlm", header, Some(400)).unwrap_err().to_string();
        assert_eq!(error, "m.litertlm: a LiteRT-LM bundle, and a section lies beyond the file's end");
    }

    #[test]
    fn absurd_profiles_and_foreign_files_are_refused() {
        let error = import("weights.bin", b"PK\x03\x04rest", None).unwrap_err();
        assert!(error.to_string().contains("a ZIP archive, such as a PyTorch checkpoint"), "{error}");
        let error = import("a.yaml", &[0x80], Some(1 << 40)).unwrap_err();
        assert!(matches!(error, ImportError::TooLarge { .. } | ImportError::Foreign { .. }), "{error}");
        let yaml = crate::model::registry::yaml("llama-3.2-1b").unwrap();
        let absurd = yaml.replace("vocab_size: 128256", "vocab_size: 99999999").replace(
            "intermediate_size: 8192",
            "intermediate_size: 9999999\nexperts: {count: 65536, active: 1, width: 9999999}",
        );
        let error = import("a.yaml", absurd.as_bytes(), None).unwrap_err();
        assert!(error.to_string().contains("more than any model has"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(name in "[a-z]{0,8}(\\.json|\\.gguf|\\.safetensors|\\.yaml|\\.index\\.json)?", bytes in prop::collection::vec(any::<u8>(), 0..300), length in any::<Option<u64>>()) {
            if let Err(ImportError::NeedMore { at_least }) = import(&name, &bytes, length) {
                prop_assert!(at_least > bytes.len() as u64);
            }
        }

        #[test]
        fn damaged_configs_never_panic(at in any::<prop::sample::Index>(), value in any::<u8>(), name in prop::sample::select(vec!["gemma4-e2b", "qwen3.5-0.8b", "granite-4.0-h-tiny", "lfm2-350m", "gpt-oss-20b", "deepseek-v2-lite", "gemma3-4b"])) {
            let mut bytes = fixture(name);
            let at = at.index(bytes.len());
            bytes[at] = value;
            drop(import("config.json", &bytes, None));
        }

        #[test]
        fn any_number_in_a_config_gives_a_model_or_an_error(pick in any::<prop::sample::Index>(), value in prop_oneof![Just(0_u64), 1_u64..100_000, any::<u64>()], name in prop::sample::select(vec!["gemma4-e2b", "gemma3n-e2b", "qwen3.5-0.8b", "granite-4.0-h-tiny", "lfm2-350m", "gpt-oss-20b", "deepseek-v2-lite"])) {
            let text = String::from_utf8(fixture(name)).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            let numbers: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].trim_end_matches(',').ends_with(|c: char| c.is_ascii_digit())).collect();
            let line = *pick.get(&numbers);
            let head = lines[line].rsplit_once(' ').unwrap().0;
            let comma = if lines[line].ends_with(',') { "," } else { "" };
            let changed = format!("{head} {value}{comma}");
            let text: Vec<&str> = (0..lines.len()).map(|index| if index == line { changed.as_str() } else { lines[index] }).collect();
            if let Ok(model) = import("config.json", text.join("\n").as_bytes(), None) {
                prop_assert!(model.parameters().total <= 1 << 53);
                prop_assert!(model.architecture.state_bytes() <= 1 << 40);
            }
        }
    }
}
