//! The compute worker: what takes long runs here, off the page's thread.
//!
//! Jobs and answers come and go in the core's binary form; a file's bytes come beside them.

use dhurandhar_core::codec::job::{Answer, Job, run};
use dhurandhar_core::wire;
use js_sys::{Function, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Does the job and calls `tell` with the bytes of every answer as soon as there is one.
///
/// # Errors
/// `tell` itself fails; everything else is an answer.
#[wasm_bindgen]
pub fn work(job: &[u8], file: &[u8], tell: &Function) -> Result<(), JsValue> {
    let mut told = Ok(JsValue::UNDEFINED);
    let mut answer = |answer: Answer| {
        if told.is_ok() {
            told = tell.call1(&JsValue::NULL, &Uint8Array::from(wire::encode(&answer).as_slice()));
        }
    };
    match wire::decode::<Job>(job) {
        Some(job) => run(&job, file, &mut answer),
        None => answer(Answer::Failed(
            "the page and its worker are of different builds; reload the page".to_owned(),
        )),
    }
    told.map(drop)
}
