//! Built-in models, embedded from `profiles/models`, and shapes for validation, from `profiles/validation`.

use super::import::{ImportError, entry};
use super::{Model, Origin, Profile};
use crate::format::built_in::{self, nearest_note};
use crate::format::document::nearest_names;

include!(concat!(env!("OUT_DIR"), "/models.rs"));
include!(concat!(env!("OUT_DIR"), "/validation.rs"));

/// A slug that names no built-in model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no built-in model `{slug}`{}", nearest_note(.nearest.as_deref()))]
pub struct UnknownModel {
    /// What was asked for.
    pub slug: String,
    /// Nearest built-in slugs, comma-separated.
    pub nearest: Option<String>,
}

/// Slugs of the built-in models, in alphabetical order.
pub fn slugs() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(slug, _)| *slug)
}

/// Slugs and names for people, in alphabetical order of the slugs, without reading whole profiles.
pub fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    built_in::titles(MODELS)
}

/// YAML text of a built-in profile.
pub fn yaml(slug: &str) -> Option<&'static str> {
    built_in::text(MODELS, slug)
}

/// Parameters that are published of a built-in model, without reading its whole profile.
pub fn published_parameters(slug: &str) -> Option<u64> {
    let line = yaml(slug)?.lines().find_map(|line| line.strip_prefix("published_parameters:"))?;
    line.trim().replace('_', "").parse().ok()
}

/// A built-in model by slug.
pub fn model(slug: &str) -> Result<Model, UnknownModel> {
    let found = yaml(slug).and_then(|text| load(slug, text).ok());
    found.ok_or_else(|| UnknownModel { slug: slug.to_owned(), nearest: nearest_names(slug, slugs()) })
}

/// A built-in model, or a shape that exists to be run under limits and is in no list.
pub fn model_for_validation(slug: &str) -> Result<Model, UnknownModel> {
    built_in::text(VALIDATION, slug).and_then(|text| load(slug, text).ok()).map_or_else(|| model(slug), Ok)
}

/// All built-in models.
pub fn models() -> impl Iterator<Item = Model> {
    MODELS.iter().filter_map(|(slug, text)| load(slug, text).ok())
}

fn load(slug: &str, text: &str) -> Result<Model, ImportError> {
    let source = format!("profiles/models/{slug}.yaml");
    if let Some(node) = entry::find(&source, text) {
        return entry::model(&source, &node, Origin::BuiltIn);
    }
    let profile = Profile::parse(&source, text).map_err(ImportError::Profile)?;
    Ok(Model::new(profile.expand(), Origin::BuiltIn, Some(profile)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_loads_under_its_own_name() {
        for (slug, text) in MODELS {
            let model = load(slug, text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(model.architecture.name, *slug);
            assert!(!model.architecture.sources.is_empty(), "{slug}: sources");
            // What a config leaves open is said with the model.
            let whole = model.profile.is_none() || model.architecture.assumptions.is_empty();
            assert!(whole, "{slug}: {:?}", model.architecture.assumptions);
            // A part that a note leaves out is named where the answer is, too.
            let note = &model.architecture.published.parameters_note;
            let named = !model.architecture.uncounted.is_empty();
            assert!(named || !note.contains("described here"), "{slug}: {note}");
        }
    }

    #[test]
    fn recomputed_parameters_equal_the_published_counts() {
        let mut wrong = Vec::new();
        for model in models() {
            let counts = model.parameters();
            match model.architecture.published.parameters {
                Some(published) if published == counts.text => {}
                // A rounded figure is held to one percent.
                None if model.profile.as_ref().is_some_and(|profile| {
                    (counts.text as f64 / (profile.param_count_b * 1e9) - 1.0).abs() < 0.01
                }) => {}
                published => wrong.push(format!(
                    "{}: {} computed, {published:?} published, {counts:?}",
                    model.architecture.name, counts.text
                )),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn titles_are_those_of_the_profiles() {
        for (slug, title) in titles() {
            assert_eq!(model(slug).unwrap().architecture.title, title);
        }
    }
}
