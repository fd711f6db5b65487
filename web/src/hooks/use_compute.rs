//! A worker's results for a component: the previous ones stay until the first of the new ones arrive.

use std::cell::RefCell;
use std::rc::Rc;

use dhurandhar_core::codec::kv_cache::KvMemory;
use dhurandhar_core::codec::sweep::{Progress, SweepRow};
use dhurandhar_core::speed::Lookup;
use dhurandhar_core::work::{Answer, Costs, Job, TensorShape};
use gloo_render::{AnimationFrame, request_animation_frame};
use gloo_timers::callback::Timeout;
use web_sys::File;
use yew::{
    Callback, Reducible, UseReducerHandle, hook, use_callback, use_effect_with, use_mut_ref, use_reducer,
};

use crate::compute::Compute;

/// Pause after the last change before a job starts, in milliseconds.
const PAUSE_MS: u32 = 150;

/// What has been answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Results {
    pub(crate) rows: Vec<(usize, SweepRow)>,
    pub(crate) memory: Vec<Result<KvMemory, String>>,
    pub(crate) costs: Option<Costs>,
    pub(crate) tensors: Vec<TensorShape>,
    pub(crate) lookup: Option<Lookup>,
    pub(crate) failed: Option<String>,
    pub(crate) progress: Option<Progress>,
    pub(crate) running: bool,
    /// What is shown comes from an earlier job.
    stale: bool,
}

/// What changes the results.
#[derive(Debug)]
pub(crate) enum Change {
    Started,
    Cancelled,
    /// All answers since the last frame.
    Answered(Vec<Answer>),
}

impl Reducible for Results {
    type Action = Change;

    fn reduce(self: Rc<Self>, change: Change) -> Rc<Self> {
        let mut now = Rc::unwrap_or_clone(self);
        match change {
            Change::Started => {
                (now.running, now.stale, now.progress, now.failed) = (true, true, None, None);
            }
            Change::Cancelled => (now.running, now.progress) = (false, None),
            Change::Answered(answers) => answers.into_iter().for_each(|answer| now.take(answer)),
        }
        Rc::new(now)
    }
}

impl Results {
    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Row(part, row) => {
                if std::mem::take(&mut self.stale) {
                    self.rows.clear();
                }
                self.rows.push((part, *row));
            }
            Answer::Progress(progress) => self.progress = Some(progress),
            Answer::Memory(memory) => self.memory = memory,
            Answer::Cost(costs) => self.costs = Some(costs),
            Answer::Lookup(lookup) => self.lookup = Some(*lookup),
            Answer::Tensors(tensors) => self.tensors = tensors,
            Answer::Done => (self.running, self.progress) = (false, None),
            Answer::Failed(text) => (self.running, self.progress, self.failed) = (false, None, Some(text)),
            Answer::Fingerprints(_) => {}
        }
    }
}

/// Collects answers and passes them on once a frame: a short sweep sends thirty rows, and one drawing of them is enough.
fn in_frames(answers: Rc<RefCell<Vec<Answer>>>, pass: impl Fn(Vec<Answer>) + 'static) -> Callback<Answer> {
    let (frame, pass) = (Rc::new(RefCell::new(None::<AnimationFrame>)), Rc::new(pass));
    Callback::from(move |answer| {
        answers.borrow_mut().push(answer);
        if frame.borrow().is_none() {
            let (answers, pass, this_frame) = (answers.clone(), pass.clone(), frame.clone());
            *frame.borrow_mut() = Some(request_animation_frame(move |_| {
                this_frame.borrow_mut().take();
                pass(answers.take());
            }));
        }
    })
}

/// Results of `job`, done again a moment after it changes; and a way to cancel it.
#[hook]
pub(crate) fn use_compute(
    url: &str,
    job: Option<Job>,
    file: Option<File>,
) -> (UseReducerHandle<Results>, Callback<()>) {
    let results = use_reducer(Results::default);
    let dispatcher = results.dispatcher();
    let answers = use_mut_ref(Vec::new);
    let waiting_answers = answers.clone();
    let compute = use_mut_ref(|| {
        let told = waiting_answers.clone();
        Compute::new(url, in_frames(told, move |answers| dispatcher.dispatch(Change::Answered(answers))))
    });
    let dispatcher = results.dispatcher();
    let waiting = use_mut_ref(|| None::<Timeout>);
    let started = use_mut_ref(|| false);
    let cancel = {
        let (compute, waiting, answers) = (compute.clone(), waiting.clone(), answers.clone());
        use_callback(dispatcher.clone(), move |(), dispatcher| {
            waiting.borrow_mut().take();
            compute.borrow_mut().cancel();
            answers.borrow_mut().clear();
            dispatcher.dispatch(Change::Cancelled);
        })
    };
    use_effect_with((job, file), move |(job, file)| {
        let Some(job) = job.clone() else { return };
        let file = file.clone();
        let pause = if started.replace(true) { PAUSE_MS } else { 0 };
        let (compute, dispatcher, answers) = (compute.clone(), dispatcher.clone(), answers.clone());
        *waiting.borrow_mut() = Some(Timeout::new(pause, move || {
            dispatcher.dispatch(Change::Started);
            answers.borrow_mut().clear();
            compute.borrow_mut().start(&job, file.as_ref());
        }));
    });
    (results, cancel)
}
