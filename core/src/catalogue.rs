//! The built-in models and devices as one file, so that the page has neither profiles nor a reader of YAML.
//!
//! The site's builder writes it from the registries; the page opens single models when they are chosen. A first visit
//! reads a short form: the model and the device that are shown first, and the names of the other devices.

use crate::Model;
use crate::device::{self, Device};
use crate::format::document::nearest_names;
use crate::leaf::wire;
use crate::leaf::wire::wire_struct;
use crate::model::registry::{self, UnknownModel};

/// The model that the page shows first.
pub const FIRST_MODEL: &str = "gemma4-e2b";
/// The device that it is shown on.
pub const FIRST_DEVICE: &str = "pixel-9a";

/// Every built-in model and device, or one of each and the names of the other devices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    models: Vec<Entry>,
    devices: Vec<Entry>,
    whole: bool,
}

/// A model or device that has not been opened yet.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    slug: String,
    title: String,
    /// Nothing where only the name is held.
    packed: Vec<u8>,
}

wire_struct!(Catalogue { models, devices, whole });
wire_struct!(Entry { slug, title, packed });

impl Catalogue {
    /// The registries' contents.
    pub fn built_in() -> Self {
        let model = |model: Model| Entry {
            slug: model.architecture.name.clone(),
            title: model.architecture.title.clone(),
            packed: wire::encode(&model),
        };
        let device = |device: Device| Entry {
            slug: device.name.clone(),
            title: device.title.clone(),
            packed: wire::encode(&device),
        };
        // Sorted here, since a sort costs the page more than two kilobytes.
        let mut devices: Vec<Entry> = device::registry::devices().map(device).collect();
        devices.sort_by_cached_key(|device| device.title.to_lowercase());
        Self { models: registry::models().map(model).collect(), devices, whole: true }
    }

    /// The first model, the first device, and the names of the other devices, which a plain list shows before it is
    /// opened; the list of models comes with the file: 6 KB instead of 40.
    #[must_use]
    pub fn first(mut self) -> Self {
        self.models.retain(|entry| entry.slug == FIRST_MODEL);
        let others = self.devices.iter_mut().filter(|entry| entry.slug != FIRST_DEVICE);
        others.for_each(|entry| entry.packed.clear());
        self.whole = false;
        self
    }

    /// Does it hold the details of all?
    pub const fn is_whole(&self) -> bool {
        self.whole
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
        self.models.iter().map(Entry::names)
    }

    /// A model by slug.
    pub fn model(&self, slug: &str) -> Result<Model, UnknownModel> {
        let entry = self.models.iter().find(|entry| entry.slug == slug);
        entry.and_then(|entry| wire::decode(&entry.packed)).ok_or_else(|| UnknownModel {
            slug: slug.to_owned(),
            nearest: nearest_names(slug, self.titles().map(|(slug, _)| slug)),
        })
    }

    /// Slugs and names for people, in alphabetical order of the names.
    pub fn device_titles(&self) -> impl Iterator<Item = (&str, &str)> {
        self.devices.iter().map(Entry::names)
    }

    /// Every device whose details are held, in that order.
    pub fn devices(&self) -> impl Iterator<Item = Device> {
        self.devices.iter().filter_map(|entry| wire::decode(&entry.packed))
    }

    /// A device by slug.
    pub fn device(&self, slug: &str) -> Option<Device> {
        let entry = self.devices.iter().find(|entry| entry.slug == slug)?;
        wire::decode(&entry.packed)
    }
}

impl Entry {
    fn names(&self) -> (&str, &str) {
        (&self.slug, &self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_file_holds_what_the_registries_hold() {
        let catalogue = Catalogue::from_bytes(&Catalogue::built_in().to_bytes()).unwrap();
        let titles: Vec<_> = catalogue.titles().collect();
        assert_eq!(titles, registry::titles().collect::<Vec<_>>());
        for slug in registry::slugs() {
            let model = registry::model(slug).unwrap();
            assert_eq!(catalogue.model(slug).unwrap(), Model { profile: None, ..model });
        }
        assert_eq!(catalogue.devices().count(), device::registry::devices().count());
        for device in device::registry::devices() {
            assert_eq!(catalogue.device(&device.name), Some(device));
        }
        let devices: Vec<_> = catalogue.device_titles().map(|(_, title)| title).collect();
        assert!(devices.is_sorted_by_key(|title| title.to_lowercase()));
        assert_eq!(catalogue.model("gemma9").unwrap_err(), registry::model("gemma9").unwrap_err());
    }

    #[test]
    fn the_short_form_has_the_first_of_each_and_every_devices_name() {
        let whole = Catalogue::built_in();
        let first = Catalogue::from_bytes(&whole.clone().first().to_bytes()).unwrap();
        assert!(whole.is_whole() && !first.is_whole());
        assert!(first.titles().count() == 1 && first.device_titles().eq(whole.device_titles()));
        assert_eq!(first.model(FIRST_MODEL).unwrap(), whole.model(FIRST_MODEL).unwrap());
        assert_eq!(first.device(FIRST_DEVICE), whole.device(FIRST_DEVICE));
        assert!(first.model("gemma3-1b").is_err() && first.devices().count() == 1);
    }

    #[test]
    fn a_truncated_file_is_none() {
        let bytes = Catalogue::built_in().to_bytes();
        assert!((0..64).all(|cut| Catalogue::from_bytes(&bytes[..bytes.len() * cut / 64]).is_none()));
    }

    #[test]
    fn every_built_in_model_and_device_comes_back_bit_for_bit() {
        for model in registry::models() {
            let back: Model = wire::decode(&wire::encode(&model)).unwrap();
            assert_eq!(back, Model { profile: None, ..model });
        }
        for device in device::registry::devices() {
            let back: Device = wire::decode(&wire::encode(&device)).unwrap();
            assert_eq!(format!("{back:?}"), format!("{device:?}"));
            assert_eq!(back, device);
        }
    }

    #[test]
    fn a_table_of_tensors_from_a_file_comes_back() {
        let (bytes, length) = crate::model::import::gguf::sample::small().finish();
        let model = crate::model::import::import("a.gguf", &bytes, Some(length)).unwrap();
        assert!(model.tensors.iter().any(|tensor| tensor.stored.is_some()));
        assert_eq!(wire::decode::<Model>(&wire::encode(&model)).unwrap(), Model { profile: None, ..model });
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = wire::decode::<Device>(&bytes);
        }
    }
}
