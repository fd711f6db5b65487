//! When the application stops on an error of its own: the browser's console gets the message, the reader what `boot.js` shows then.

use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};

use js_sys::Function;
use wasm_bindgen::JsValue;

thread_local! {
    static SHOW: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Calls `show` on every panic from now on.
pub(crate) fn install(show: Function) {
    SHOW.set(Some(show));
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        web_sys::console::error_1(&info.to_string().into());
        if let Some(show) = SHOW.take() {
            // Without a document there is nobody to tell.
            let _ = show.call0(&JsValue::NULL);
        }
    }));
}
