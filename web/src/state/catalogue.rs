//! What the page offers: built-in models and devices, from files that are loaded with the application
//! (what is shown first) and when another model, device or tab is first wanted (the rest).

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use dhurandhar_core::Model;
use dhurandhar_core::catalogue::Catalogue;
use dhurandhar_core::model::registry::UnknownModel;
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

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
    static CATALOGUE: RefCell<Rc<Catalogue>> = RefCell::new(Rc::new(without_file()));
    static LOAD: RefCell<Option<Function>> = const { RefCell::new(None) };
}

fn without_file() -> Catalogue {
    if cfg!(test) { Catalogue::built_in() } else { Catalogue::default() }
}

/// Takes a file's contents; false if the bytes are of another build.
pub(crate) fn install(bytes: &[u8]) -> bool {
    let catalogue = Catalogue::from_bytes(bytes);
    catalogue.is_some_and(|catalogue| {
        CATALOGUE.set(Rc::new(catalogue));
        true
    })
}

/// Takes the function that loads the whole file; it returns a promise of its bytes.
pub(crate) fn install_loader(load: Function) {
    LOAD.set(Some(load));
}

/// Every built-in model and device, or the first of each and the names of the other devices.
pub(crate) fn catalogue() -> Rc<Catalogue> {
    CATALOGUE.with_borrow(Rc::clone)
}

/// Loads the whole file; false when it cannot be had.
pub(crate) async fn complete() -> bool {
    let promise = LOAD.with_borrow(|load| load.as_ref().and_then(|load| load.call0(&JsValue::NULL).ok()));
    let Some(promise) = promise.and_then(|value| value.dyn_into::<Promise>().ok()) else { return false };
    let bytes = JsFuture::from(promise).await.ok().and_then(|bytes| bytes.dyn_into::<Uint8Array>().ok());
    bytes.is_some_and(|bytes| install(&bytes.to_vec()))
}
