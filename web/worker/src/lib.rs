//! The compute worker: what takes long runs here, off the page's thread.
//!
//! Jobs and answers are JSON, which both sides know already; a file's bytes come beside them.

use dhurandhar_core::codec::job::{Answer, Job, run};
use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Does the job and calls `tell` with the text of every answer as soon as there is one.
///
/// # Errors
/// `tell` itself fails; everything else is an answer.
#[wasm_bindgen]
pub fn work(job: &str, file: &[u8], tell: &Function) -> Result<(), JsValue> {
    let mut told = Ok(JsValue::UNDEFINED);
    let mut answer = |answer: Answer| {
        let text = serde_json::to_string(&answer);
        let text = text.unwrap_or_else(|error| format!(r#"{{"Failed":"{error}"}}"#));
        if told.is_ok() {
            told = tell.call1(&JsValue::NULL, &text.into());
        }
    };
    match serde_json::from_str::<Job>(job) {
        Ok(job) => run(&job, file, &mut answer),
        Err(error) => answer(Answer::Failed(format!("the job cannot be read: {error}"))),
    }
    told.map(drop)
}
