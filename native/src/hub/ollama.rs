//! Ollama's registry: a manifest names the layers of a model, one of which is a GGUF file.

use super::client::Client;
use super::file::RemoteFile;
use super::settings::Settings;
use super::{Failure, Found, Remote};
use dhurandhar_core::model::hub::OllamaName;
use serde::Deserialize;
use std::path::PathBuf;

/// The kind of the layer that is the model.
const MODEL: &str = "application/vnd.ollama.image.model";

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
}

/// The digest of the model in a manifest.
fn digest(text: &[u8]) -> Result<String, String> {
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|error| format!("no manifest ({error})"))?;
    let layer = manifest.layers.into_iter().find(|layer| layer.media_type == MODEL);
    let digest = layer
        .ok_or("a manifest without a GGUF file (a model that runs elsewhere, or in another form)")?
        .digest;
    let is_digest =
        digest.strip_prefix("sha256:").is_some_and(|hex| hex.bytes().all(|sign| sign.is_ascii_hexdigit()));
    if is_digest { Ok(digest) } else { Err(format!("the digest `{digest}`; expected sha256:...")) }
}

/// The model's file in Ollama's own store.
pub(super) fn in_store(settings: &Settings, name: &OllamaName) -> Option<PathBuf> {
    let store = settings.ollama_models.as_ref()?;
    let manifest = ["manifests", "registry.ollama.ai", &name.owner, &name.name, &name.tag];
    let manifest = manifest.iter().fold(store.clone(), |path, part| path.join(part));
    let digest = digest(&std::fs::read(manifest).ok()?).ok()?;
    Some(store.join("blobs").join(digest.replace(':', "-"))).filter(|path| path.is_file())
}

pub(super) fn open(client: &Client, name: &OllamaName) -> Result<Found, Failure> {
    let registry = client.settings().ollama.clone()?;
    let base = format!("{registry}/v2/{}/{}", name.owner, name.name);
    let shown = name.shown();
    let manifest = RemoteFile::new(client, &format!("{base}/manifests/{}", name.tag), &shown).all().map_err(
        |failure| {
            if failure.is_absent() && !client.settings().offline {
                Failure::input(format!("{failure}; expected a name and a tag as on ollama.com/library"))
            } else {
                failure
            }
        },
    )?;
    let digest = digest(&manifest)
        .map_err(|problem| Failure::way(format!("{registry} gives {problem} for {shown}")))?;
    let file = RemoteFile::new(client, &format!("{base}/blobs/{digest}"), &shown).immutable();
    Ok(Found::Remote(Remote { title: name.name.clone(), parts: vec![file], config: None }))
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn a_manifest_names_one_model() {
        let text = |kind: &str, digest: &str| {
            format!(
                r#"{{"schemaVersion": 2, "layers": [{{"mediaType": "x", "digest": "sha256:1", "size": 1}}, {{"mediaType": "{kind}", "digest": "{digest}", "size": 5}}]}}"#
            )
        };
        assert_eq!(digest(text(super::MODEL, "sha256:0af").as_bytes()).unwrap(), "sha256:0af");
        assert!(digest(text("y", "sha256:0af").as_bytes()).unwrap_err().contains("without a GGUF file"));
        assert!(digest(text(super::MODEL, "../../x").as_bytes()).unwrap_err().contains("expected sha256"));
        assert!(digest(b"<html>").unwrap_err().contains("no manifest"));
    }
}
