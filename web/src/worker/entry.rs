//! What takes long, done in a worker off the page's thread: the same module, started there without a page.
//!
//! Jobs and answers come and go in the core's binary form; a file's bytes come beside them. The codecs and the table
//! look-ups are a part of their own, which only a worker loads.

use std::cell::Cell;

use dhurandhar_core::leaf::wire;
use dhurandhar_core::placement::load_card_graphs;
use dhurandhar_core::work::{Answer, Job, run};
use js_sys::{Function, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

use crate::browser::ABSENT;

type Work = fn(&[u8], &[u8], &Function) -> Result<(), JsValue>;

thread_local! {
    static WORK: Cell<Option<Work>> = const { Cell::new(None) };
}

/// Loads the part that computes; once, before [`work`].
///
/// # Errors
/// It cannot be loaded.
#[wasm_bindgen]
pub async fn prepare() -> Result<(), JsValue> {
    WORK.set(Some(load().await.map_err(|_| ABSENT)?));
    Ok(())
}

/// Does the job and calls `tell` with the bytes of every answer as soon as there is one.
///
/// Not `async`: a panic has to reach the caller.
///
/// # Errors
/// [`prepare`] was not called, or `tell` itself fails; everything else is an answer.
#[wasm_bindgen]
pub fn work(job: &[u8], file: &[u8], tell: &Function) -> Result<(), JsValue> {
    WORK.get().ok_or(ABSENT)?(job, file, tell)
}

#[wasm_split(compute, fallible)]
fn load() -> Result<Work, SplitLoaderError> {
    load_card_graphs();
    Ok(|job, file, tell| {
        let mut told = Ok(JsValue::UNDEFINED);
        let mut answer = |answer: Answer| {
            if told.is_ok() {
                told = tell.call1(&JsValue::NULL, &Uint8Array::from(wire::encode(&answer).as_slice()));
            }
        };
        match wire::decode::<Job>(job) {
            Some(job) => run(&job, file, &mut answer),
            None => answer(Answer::Failed("this job is of another build; reload the page".to_owned())),
        }
        told.map(drop)
    })
}
