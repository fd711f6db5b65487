//! A worker's results for a component, with the request that they answer: the previous ones stay, marked as such, until the
//! first of the new ones arrive; what was cancelled or failed leaves none.

use std::cell::RefCell;
use std::rc::Rc;

use dhurandhar_core::codec::kv_cache::KvMemory;
use dhurandhar_core::codec::report::AttentionRow;
use dhurandhar_core::codec::sweep::{Progress, SweepRow};
use dhurandhar_core::speed::Lookup;
use dhurandhar_core::work::{Answer, Costs, Job, TensorShape};
use gloo_render::{AnimationFrame, request_animation_frame};
use gloo_timers::callback::Timeout;
use web_sys::File;
use yew::{
    Callback, Reducible, UseReducerHandle, hook, use_callback, use_effect_with, use_mut_ref, use_reducer,
    use_state,
};

use crate::worker::client::Compute;

/// Pause after the last change before a job starts, in milliseconds.
const PAUSE_MS: u32 = 150;

/// A job, and the file that it reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) job: Job,
    pub(crate) file: Option<String>,
}

/// What has been answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Results {
    pub(crate) rows: Vec<(usize, SweepRow)>,
    pub(crate) memory: Vec<Result<KvMemory, String>>,
    pub(crate) attention: Vec<AttentionRow>,
    pub(crate) costs: Option<Costs>,
    pub(crate) tensors: Vec<TensorShape>,
    pub(crate) lookup: Option<Lookup>,
    pub(crate) failed: Option<String>,
    pub(crate) progress: Option<Progress>,
    pub(crate) running: bool,
    /// The last job was cancelled, and nothing is shown.
    pub(crate) cancelled: bool,
    /// What was asked for last.
    asked: Option<Asked>,
    /// What the results answer.
    pub(crate) of: Option<Asked>,
    /// How many jobs were started, and which of them the results are of: the same may be asked for twice.
    starts: (u32, u32),
}

/// What changes the results.
#[derive(Debug)]
pub(crate) enum Change {
    Started(Box<Asked>),
    Cancelled,
    /// All answers since the last frame.
    Answered(Vec<Answer>),
}

impl Reducible for Results {
    type Action = Change;

    fn reduce(self: Rc<Self>, change: Change) -> Rc<Self> {
        let mut now = Rc::unwrap_or_clone(self);
        match change {
            Change::Started(asked) => {
                (now.running, now.progress, now.failed, now.cancelled) = (true, None, None, false);
                now.asked = Some(*asked);
                now.starts.0 += 1;
            }
            Change::Cancelled => now = Self { cancelled: true, ..Self::default() },
            Change::Answered(answers) => answers.into_iter().for_each(|answer| now.take(answer)),
        }
        Rc::new(now)
    }
}

impl Results {
    /// Do the results answer an earlier request than the last one?
    pub(crate) fn is_stale(&self) -> bool {
        self.of.is_some() && self.of != self.asked
    }

    /// Whether they are all that was asked for.
    pub(crate) fn is_whole(&self) -> bool {
        !self.running && !self.is_stale() && self.failed.is_none()
    }

    /// Makes way for the results of what was asked last.
    fn renew(&mut self) {
        if self.starts.0 != self.starts.1 {
            self.rows.clear();
            self.memory.clear();
            self.attention.clear();
            self.tensors.clear();
            (self.costs, self.lookup) = (None, None);
            self.of.clone_from(&self.asked);
            self.starts.1 = self.starts.0;
        }
    }

    fn take(&mut self, answer: Answer) {
        if !matches!(answer, Answer::Progress(_)) {
            self.renew();
        }
        match answer {
            Answer::Row(part, row) => self.rows.push((part, *row)),
            Answer::Progress(progress) => self.progress = Some(progress),
            Answer::Memory(memory) => self.memory = memory,
            Answer::Attention(row) => self.attention.push(*row),
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

/// Results of `job`, done again a moment after it changes; a way to cancel it, and one to do it again.
#[hook]
pub(crate) fn use_compute(
    url: &str,
    job: Option<Job>,
    file: Option<File>,
) -> (UseReducerHandle<Results>, Callback<()>, Callback<()>) {
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
    let times = use_state(|| 0_u32);
    let again = {
        let times = times.clone();
        Callback::from(move |()| times.set(*times + 1))
    };
    use_effect_with((job, file, *times), move |(job, file, _)| {
        let Some(job) = job.clone() else { return };
        let file = file.clone();
        let pause = if started.replace(true) { PAUSE_MS } else { 0 };
        let (compute, dispatcher, answers) = (compute.clone(), dispatcher.clone(), answers.clone());
        *waiting.borrow_mut() = Some(Timeout::new(pause, move || {
            let asked = Asked { job: job.clone(), file: file.as_ref().map(File::name) };
            dispatcher.dispatch(Change::Started(Box::new(asked)));
            answers.borrow_mut().clear();
            compute.borrow_mut().start(&job, file.as_ref());
        }));
    });
    (results, cancel, again)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Box<SweepRow> {
        use dhurandhar_core::codec::sweep::{SweepRequest, sweep_source};
        use dhurandhar_core::codec::{CodecKind, Source};
        let request = SweepRequest {
            codecs: vec![CodecKind::Turboquant],
            bits: vec![4],
            dim: 16,
            ..SweepRequest::default()
        };
        let go = |_| std::ops::ControlFlow::Continue(());
        let rows = sweep_source(request, Source::LowRank, 8, 1, go).unwrap();
        Box::new(rows.into_iter().next().unwrap())
    }

    fn asked(vectors: usize) -> Asked {
        Asked { job: Job::Sweep { vectors, parts: Vec::new() }, file: None }
    }

    fn after(results: Results, changes: impl IntoIterator<Item = Change>) -> Results {
        let results = changes.into_iter().fold(Rc::new(results), Reducible::reduce);
        Rc::unwrap_or_clone(results)
    }

    fn answered(bytes: usize) -> Change {
        Change::Answered(vec![Answer::Memory(vec![Err(bytes.to_string())]), Answer::Done])
    }

    #[test]
    fn results_carry_the_request_that_they_answer() {
        let first = after(Results::default(), [Change::Started(Box::new(asked(1))), answered(1)]);
        assert_eq!((&first.of, first.is_stale(), first.running), (&Some(asked(1)), false, false));
        let waiting = after(first.clone(), [Change::Started(Box::new(asked(2)))]);
        assert!(waiting.is_stale() && waiting.of == Some(asked(1)) && waiting.memory == first.memory);
        let second = after(waiting.clone(), [answered(2)]);
        assert_eq!((second.memory.len(), second.is_stale()), (1, false));
        let cancelled = after(waiting.clone(), [Change::Cancelled]);
        assert!(cancelled.cancelled && cancelled.memory.is_empty() && !cancelled.is_stale());
        // Away and back again: what is asked for is what is shown, and it comes anew.
        let costs =
            || Change::Answered(vec![Answer::Memory(Vec::new()), Answer::Row(0, row()), Answer::Done]);
        let there = after(Results::default(), [Change::Started(Box::new(asked(1))), costs()]);
        let back = [asked(2), asked(1)].map(|asked| Change::Started(Box::new(asked)));
        let back = after(there, back.into_iter().chain([costs()]));
        assert_eq!((back.rows.len(), back.is_whole()), (1, true));
        let failed = after(waiting, [Change::Answered(vec![Answer::Failed("no".to_owned())])]);
        assert!(failed.memory.is_empty() && failed.failed.is_some());
    }
}
