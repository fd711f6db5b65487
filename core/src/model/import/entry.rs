//! A model of the catalogue: its names, what was published about it, and the fields of its `config.json`.

use super::{ImportError, hf_config};
use crate::format::document::{Fields, Node, parse_yaml};
use crate::model::{Model, Origin};

/// Most parameters that a publisher states.
const MOST_PARAMETERS: u64 = 1 << 53;

/// The document `text`, if it is one of a catalogue's models: a map with a `config`.
pub(crate) fn find(source: &str, text: &str) -> Option<Node> {
    let node = parse_yaml(source, text).ok()?;
    let is_entry = Fields::of(source, &node).is_ok_and(|fields| fields.has("config"));
    is_entry.then_some(node)
}

/// The model of such a document; `source` names the file in messages.
pub(crate) fn model(source: &str, node: &Node, origin: Origin) -> Result<Model, ImportError> {
    let fields = Fields::of(source, node).map_err(ImportError::Profile)?;
    let read = || {
        let name = fields.require_text("name")?.to_owned();
        let title = fields.text("title")?.unwrap_or(&name).to_owned();
        let parameters = fields.integer("published_parameters", 1..=MOST_PARAMETERS)?;
        let note = fields.text("published_parameters_note")?.unwrap_or_default().to_owned();
        let sources = fields.texts("sources")?;
        let config =
            fields.node("config").ok_or_else(|| fields.missing("config", "fields of a config.json"))?;
        fields.finish()?;
        Ok((name, title, parameters, note, sources, config))
    };
    let (name, title, parameters, note, sources, config) = read().map_err(ImportError::Profile)?;
    let mut model = hf_config::of(source, config)?;
    (model.origin, model.profile) = (origin, None);
    let architecture = &mut model.architecture;
    (architecture.name, architecture.title, architecture.sources) = (name, title, sources);
    (architecture.published.parameters, architecture.published.parameters_note) = (parameters, note);
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name: mine\ntitle: Mine\npublished_parameters: 12\nsources: [\"a file\"]\nconfig:\n  model_type: llama\n  \
                        hidden_size: 64\n  num_hidden_layers: 2\n  num_attention_heads: 4\n  intermediate_size: 128\n  \
                        vocab_size: 100\n  max_position_embeddings: 2048\n";

    #[test]
    fn names_and_sources_stand_beside_the_config() {
        let node = find("a.yaml", TEXT).unwrap();
        let model = model("a.yaml", &node, Origin::Profile).unwrap();
        assert_eq!((model.architecture.name.as_str(), model.architecture.layers.len()), ("mine", 2));
        assert_eq!(model.architecture.published.parameters, Some(12));
        assert_eq!(model.architecture.sources, ["a file"]);
    }

    #[test]
    fn what_is_wrong_in_the_config_or_around_it_is_named_with_its_line() {
        for (from, to, words) in [
            ("hidden_size: 64", "hidden_size: none", "a.yaml:7"),
            ("title: Mine", "titel: Mine", "`titel`"),
            ("name: mine\n", "", "`name`"),
        ] {
            let text = TEXT.replace(from, to);
            let node = find("a.yaml", &text).unwrap();
            let error = model("a.yaml", &node, Origin::Profile).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert!(find("a.yaml", "name: mine").is_none());
    }
}
