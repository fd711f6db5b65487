//! What the page offers: built-in models and devices, from the file that is loaded beside the application.

use std::cell::OnceCell;
use std::ops::Deref;
use std::rc::Rc;

use dhurandhar_core::Model;
use dhurandhar_core::catalogue::Catalogue;
use dhurandhar_core::model::registry::UnknownModel;

/// A model in use; equal only to itself, so that comparing states is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Loaded(Rc<Model>);

impl Loaded {
    /// Takes a model into use.
    pub(crate) fn new(model: Model) -> Self {
        Self(Rc::new(model))
    }

    /// A built-in model.
    pub(crate) fn built_in(slug: &str) -> Result<Self, UnknownModel> {
        catalogue().model(slug).map(Self::new)
    }

    /// Its slug or the name of its file.
    pub(crate) fn name(&self) -> &str {
        &self.0.architecture.name
    }

    /// Its name for people.
    pub(crate) fn title(&self) -> &str {
        &self.0.architecture.title
    }
}

impl PartialEq for Loaded {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Loaded {
    type Target = Model;

    fn deref(&self) -> &Model {
        &self.0
    }
}

thread_local! {
    static CATALOGUE: OnceCell<Rc<Catalogue>> = const { OnceCell::new() };
}

/// Takes the file's contents; false if the bytes are of another build.
pub(crate) fn install(bytes: &[u8]) -> bool {
    let catalogue = Catalogue::from_bytes(bytes);
    catalogue.is_some_and(|catalogue| CATALOGUE.with(|cell| cell.set(Rc::new(catalogue)).is_ok()))
}

/// Every built-in model and device.
pub(crate) fn catalogue() -> Rc<Catalogue> {
    #[cfg(test)]
    let without_file = Catalogue::built_in;
    #[cfg(not(test))]
    let without_file = Catalogue::default;
    CATALOGUE.with(|cell| Rc::clone(cell.get_or_init(|| Rc::new(without_file()))))
}
