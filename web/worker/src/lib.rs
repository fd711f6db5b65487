//! The compute worker: what takes long runs here, off the page's thread.
//!
//! Jobs and answers are plain JavaScript values; a file's bytes come beside them.

use dhurandhar_core::codec::job::{Answer, Job, run};
use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Does the job and calls `tell` with every answer as soon as there is one.
///
/// # Errors
/// The job or an answer cannot be carried over, or `tell` itself fails; everything else is an answer.
#[wasm_bindgen]
pub fn work(job: JsValue, file: &[u8], tell: &Function) -> Result<(), JsValue> {
    let job: Job = serde_wasm_bindgen::from_value(job)?;
    let mut told = Ok(());
    run(&job, file, &mut |answer: Answer| {
        if told.is_ok() {
            told = serde_wasm_bindgen::to_value(&answer)
                .map_err(JsValue::from)
                .and_then(|value| tell.call1(&JsValue::NULL, &value).map(drop));
        }
    });
    told
}
