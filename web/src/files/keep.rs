//! The last model from a file, kept in this browser so that a reload finds it again. It leaves the browser as little as
//! the file does.

use std::cell::RefCell;

use dhurandhar_core::Model;
use dhurandhar_core::leaf::wire;
use web_sys::Storage;

const KEY: &str = "dhurandhar-model";

thread_local! {
    /// What names this build: another one may read a model's bytes differently.
    static BUILD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Takes the name of this build; the model that it kept, if there is one.
pub(crate) fn install(build: &str) -> Option<Model> {
    BUILD.set(build.to_owned());
    let text = storage()?.get_item(KEY).ok()??;
    let found = read(&text, build);
    if found.is_none() {
        forget();
    }
    found
}

/// Keeps a model in place of any other; false where the browser has no room or no storage.
pub(crate) fn keep(model: &Model) -> bool {
    let text = BUILD.with_borrow(|build| write(model, build));
    storage().is_some_and(|storage| storage.set_item(KEY, &text).is_ok())
}

/// Keeps none any longer.
pub(crate) fn forget() {
    if let Some(storage) = storage() {
        // What cannot be removed is of no use to another build.
        let _ = storage.remove_item(KEY);
    }
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}

/// The build, a line's end, and a character for each byte.
fn write(model: &Model, build: &str) -> String {
    let mut text = [build, "\n"].concat();
    text.extend(wire::encode(model).into_iter().map(char::from));
    text
}

fn read(text: &str, build: &str) -> Option<Model> {
    let (made_by, bytes) = text.split_once('\n')?;
    let bytes: Option<Vec<u8>> = bytes.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    wire::decode(&bytes.filter(|_| made_by == build)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::catalogue::Loaded;

    #[test]
    fn the_same_build_reads_what_it_wrote() {
        let model = Loaded::built_in("llama-3.2-1b").unwrap();
        let text = write(&model, "worker-1.js");
        assert_eq!(read(&text, "worker-1.js"), Some(Model::clone(&model)));
        assert_eq!(read(&text, "worker-2.js"), None);
        assert_eq!(read("rubbish", "worker-1.js"), None);
    }
}
