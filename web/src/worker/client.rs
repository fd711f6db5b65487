//! The page's side of the compute worker: started with the first job, ended to cancel one.

use std::cell::Cell;
use std::rc::Rc;

use dhurandhar_core::leaf::wire;
use dhurandhar_core::work::{Answer, Job};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, File, MessageEvent, Worker, WorkerOptions, WorkerType};
use yew::Callback;

/// A worker that does one job at a time.
pub(crate) struct Compute {
    url: String,
    tell: Callback<Answer>,
    running: Option<Running>,
    /// Number of the last job; answers to earlier ones are late and dropped.
    run: Rc<Cell<u32>>,
    /// No job is under way.
    idle: Rc<Cell<bool>>,
}

struct Running {
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl Compute {
    /// A worker not yet started, whose answers go to `tell`.
    pub(crate) fn new(url: &str, tell: Callback<Answer>) -> Self {
        Self { url: url.to_owned(), tell, running: None, run: Rc::default(), idle: Rc::new(Cell::new(true)) }
    }

    /// Gives the worker a job, in place of any that is under way.
    pub(crate) fn start(&mut self, job: &Job, file: Option<&File>) {
        self.cancel();
        if self.send(job, file).is_err() {
            self.tell
                .emit(Answer::Failed("The compute worker cannot be started in this browser.".to_owned()));
        }
    }

    /// Ends the job under way, if there is one.
    pub(crate) fn cancel(&mut self) {
        self.run.set(self.run.get() + 1);
        if !self.idle.replace(true) {
            self.stop();
        }
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.worker.terminate();
        }
    }

    fn send(&mut self, job: &Job, file: Option<&File>) -> Result<(), JsValue> {
        let running = match self.running.take() {
            Some(running) => running,
            None => self.spawn()?,
        };
        let run = JsValue::from(self.run.get());
        let message = Array::of3(
            &run,
            &Uint8Array::from(wire::encode(job).as_slice()),
            &file.map_or(JsValue::NULL, Into::into),
        );
        let sent = running.worker.post_message(&message);
        self.running = Some(running);
        self.idle.set(false);
        sent
    }

    fn spawn(&self) -> Result<Running, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&self.url, &options)?;
        let (tell, run, idle) = (self.tell.clone(), self.run.clone(), self.idle.clone());
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let message: Array = event.data().unchecked_into();
            if message.get(0).as_f64() != Some(f64::from(run.get())) {
                return;
            }
            let answer = read(&message.get(1));
            idle.set(idle.get() || matches!(answer, Answer::Done | Answer::Failed(_)));
            tell.emit(answer);
        });
        let (tell, idle) = (self.tell.clone(), self.idle.clone());
        let on_error = Closure::<dyn FnMut(Event)>::new(move |_| {
            idle.set(true);
            tell.emit(Answer::Failed("The compute worker stopped. Reload the page to try again.".to_owned()));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Running { worker, _on_message: on_message, _on_error: on_error })
    }
}

/// An answer in bytes, or the text of what went wrong outside the work itself.
fn read(message: &JsValue) -> Answer {
    let bytes = message.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec);
    bytes.and_then(|bytes| wire::decode(&bytes)).unwrap_or_else(|| {
        Answer::Failed(message.as_string().unwrap_or_else(|| "the worker's answer cannot be read".to_owned()))
    })
}

impl Drop for Compute {
    fn drop(&mut self) {
        self.stop();
    }
}
