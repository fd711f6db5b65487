//! What the page offers: built-in models and devices, read when they are first needed.

use std::cell::OnceCell;
use std::ops::Deref;
use std::rc::Rc;

use dhurandhar_core::Model;
use dhurandhar_core::device::{self, Device};
use dhurandhar_core::model::registry;

/// A model in use; equal only to itself, so that comparing states is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Loaded(Rc<Model>);

impl Loaded {
    /// Takes a model into use.
    pub(crate) fn new(model: Model) -> Self {
        Self(Rc::new(model))
    }

    /// A built-in model.
    pub(crate) fn built_in(slug: &str) -> Result<Self, registry::UnknownModel> {
        registry::model(slug).map(Self::new)
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
    static DEVICES: OnceCell<Rc<Vec<Device>>> = const { OnceCell::new() };
}

/// Every built-in device.
pub(crate) fn devices() -> Rc<Vec<Device>> {
    DEVICES.with(|cell| Rc::clone(cell.get_or_init(|| Rc::new(device::registry::devices().collect()))))
}
