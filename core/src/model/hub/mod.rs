//! Models on the Hugging Face hub: names, which files of a repository are a model's, and what refusals mean. Whoever asks the hub
//! does so elsewhere.

mod name;
mod offers;
mod range;
mod refusal;
mod search;

pub use name::{HUB, HubName, OLLAMA, OllamaName, Reference, beside, encode, file_name, parse};
pub use offers::{Listed, Offer, is_model, label, listed};
pub use range::{Range, is_web_page};
pub use refusal::Refusal;
pub use search::{Answer, Ask, Files, Next, Search};

use super::{Model, Origin};

impl HubName {
    /// Address of one of its files.
    pub fn file_url(&self, endpoint: &str, path: &str) -> String {
        format!("{endpoint}/{}/resolve/{}/{}", self.repository, self.escaped_revision(), encode(path))
    }

    /// Addresses of the list of its files: the newer, and the one that is asked when that is not there.
    pub fn list_urls(&self, endpoint: &str) -> [String; 2] {
        let (base, revision) =
            (format!("{endpoint}/api/models/{}", self.repository), self.escaped_revision());
        [format!("{base}/revision/{revision}?blobs=true"), format!("{base}/tree/{revision}?recursive=true")]
    }

    fn escaped_revision(&self) -> String {
        encode(self.revision()).replace('/', "%2F")
    }
}

/// A model from elsewhere with the title that its place gives it: a config names its kind of model at best, and a GGUF file usually has
/// a name of its own.
pub fn titled(model: Model, title: &str) -> Model {
    match model.origin {
        Origin::Gguf { .. } => model,
        _ => model.titled(title),
    }
}
