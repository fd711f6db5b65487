//! The built-in models and devices as one file, so that the page has neither profiles nor a reader of YAML.
//!
//! The site's builder writes it from the registries; the page opens single models when they are chosen.

use crate::Model;
use crate::device::{self, Device};
use crate::document::nearest_names;
use crate::model::registry::{self, UnknownModel};
use crate::wire::{self, wire_struct};

/// Every built-in model and device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    models: Vec<Entry>,
    devices: Vec<Device>,
}

/// A model that has not been opened yet.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    slug: String,
    title: String,
    packed: Vec<u8>,
}

wire_struct!(Catalogue { models, devices });
wire_struct!(Entry { slug, title, packed });

impl Catalogue {
    /// The registries' contents.
    pub fn built_in() -> Self {
        let entry = |model: Model| Entry {
            slug: model.architecture.name.clone(),
            title: model.architecture.title.clone(),
            packed: wire::encode(&model),
        };
        // Sorted here, since a sort costs the page more than two kilobytes.
        let mut devices: Vec<Device> = device::registry::devices().collect();
        devices.sort_by(|a, b| a.title.cmp(&b.title));
        Self { models: registry::models().map(entry).collect(), devices }
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Reads a file of the same build; `None` if it is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        wire::decode(bytes)
    }

    /// Slugs and names for people, in alphabetical order of the slugs.
    pub fn titles(&self) -> impl Iterator<Item = (&str, &str)> {
        self.models.iter().map(|entry| (entry.slug.as_str(), entry.title.as_str()))
    }

    /// A model by slug.
    pub fn model(&self, slug: &str) -> Result<Model, UnknownModel> {
        let entry = self.models.iter().find(|entry| entry.slug == slug);
        entry.and_then(|entry| wire::decode(&entry.packed)).ok_or_else(|| UnknownModel {
            slug: slug.to_owned(),
            nearest: nearest_names(slug, self.titles().map(|(slug, _)| slug)),
        })
    }

    /// Every device, in alphabetical order of the names for people.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// A device by slug.
    pub fn device(&self, slug: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name == slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_what_the_registries_hold() {
        let catalogue = Catalogue::from_bytes(&Catalogue::built_in().to_bytes()).unwrap();
        let titles: Vec<_> = catalogue.titles().collect();
        assert_eq!(titles, registry::titles().collect::<Vec<_>>());
        for slug in registry::slugs() {
            let model = registry::model(slug).unwrap();
            assert_eq!(catalogue.model(slug).unwrap(), Model { profile: None, ..model });
        }
        assert_eq!(catalogue.devices().len(), device::registry::devices().count());
        for device in device::registry::devices() {
            assert_eq!(catalogue.device(&device.name), Some(&device));
        }
        assert!(catalogue.devices().is_sorted_by(|a, b| a.title <= b.title));
        assert_eq!(catalogue.model("gemma9").unwrap_err(), registry::model("gemma9").unwrap_err());
    }

    #[test]
    fn a_truncated_file_is_none() {
        let bytes = Catalogue::built_in().to_bytes();
        assert!((0..64).all(|cut| Catalogue::from_bytes(&bytes[..bytes.len() * cut / 64]).is_none()));
    }
}
