//! "Measure here": how fast this device's memory is, by copies in the compute worker, and in WebGPU where that is there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use dhurandhar_core::work::{Answer, Job, copied_gb_per_s};
use js_sys::Function;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::spawn_local;
use yew::{
    Callback, Html, Properties, UseStateSetter, function_component, html, use_effect_with, use_mut_ref,
    use_state,
};

use crate::files::reader;
use crate::state::Action;
use crate::worker::client::Compute;

/// How long the processor's part takes, in milliseconds.
const MEASURE_MS: f64 = 3000.0;
/// And the graphics processor's.
const GPU_MS: f64 = 1000.0;
/// MiB of a copy: more than caches hold, and little enough for a phone.
const MIB: usize = 64;

#[derive(Properties, PartialEq)]
pub(crate) struct MeasureProps {
    pub(crate) worker_url: String,
    pub(crate) on: Callback<Action>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq)]
enum Now {
    Idle,
    /// So much of it, in per cent.
    Running(u32),
    Done(String),
}

/// When copies ended.
type Ends = Rc<RefCell<Vec<f64>>>;

#[function_component]
pub(crate) fn Measure(props: &MeasureProps) -> Html {
    let now = use_state(|| Now::Idle);
    let worker = use_mut_ref(|| None::<Compute>);
    let going = use_mut_ref(|| Rc::new(Cell::new(false)));
    {
        let (worker, going) = (worker.clone(), going.clone());
        use_effect_with((), move |()| {
            // Whoever leaves wants it no longer.
            move || {
                going.borrow().set(false);
                worker.borrow_mut().take().as_mut().map(Compute::cancel);
            }
        });
    }
    let start = {
        let (url, on, now, worker, going) =
            (props.worker_url.clone(), props.on.clone(), now.setter(), worker.clone(), going.clone());
        move |_| {
            let ends = Ends::default();
            let this_one = Rc::new(Cell::new(true));
            going.replace(this_one.clone());
            now.set(Now::Running(0));
            let tell = {
                let (on, now, worker) = (on.clone(), now.clone(), worker.clone());
                Callback::from(move |answer| match answer {
                    Answer::Progress(_) => {
                        let share = took(&ends);
                        if share < 1.0 {
                            now.set(Now::Running(percent(share * MEASURE_MS / (MEASURE_MS + GPU_MS))));
                        } else {
                            // It would go on for ever. Its own call is what this is, so that it ends a moment later.
                            let worker = worker.clone();
                            spawn_local(async move {
                                worker.borrow_mut().take().as_mut().map(Compute::cancel);
                            });
                            found(&ends, &on, &now, &this_one);
                        }
                    }
                    Answer::Failed(problem) => now.set(Now::Done(problem)),
                    _ => {}
                })
            };
            let mut compute = Compute::new(&url, tell);
            compute.start(&Job::Copies { mib: MIB, times: usize::MAX }, None);
            worker.replace(Some(compute));
        }
    };
    let cancel = {
        let now = now.setter();
        move |_| {
            going.borrow().set(false);
            worker.borrow_mut().take().as_mut().map(Compute::cancel);
            now.set(Now::Done("Cancelled; nothing was changed.".to_owned()));
        }
    };
    html! {
        <div class="calc-measure">
            if let Now::Running(percent) = &*now {
                <progress aria-label="Measuring" max="100" value={percent.to_string()} />
                <button type="button" class="calc-small" id="measure-cancel" onclick={cancel}>{ "Cancel" }</button>
            } else {
                <button type="button" class="calc-small" id="measure-here" onclick={start}>{ "Measure this device's memory" }</button>
                <p class="calc-hint" role="status" id="measured">
                    { match &*now {
                        Now::Done(text) => text.as_str(),
                        _ => "Copies in this browser for three seconds; the result stays here.",
                    } }
                </p>
            }
        </div>
    }
}

fn clock() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now())
}

/// Notes that a copy has ended; how much of the time has passed since the first did.
fn took(ends: &Ends) -> f64 {
    let mut ends = ends.borrow_mut();
    ends.push(clock());
    let first = ends.first().copied().unwrap_or_default();
    (clock() - first) / MEASURE_MS
}

fn percent(share: f64) -> u32 {
    u32::try_from(dhurandhar_core::leaf::cast::to_u64(share * 100.0)).unwrap_or(100)
}

/// Takes the processor's figure, and asks the graphics processor.
fn found(ends: &Ends, on: &Callback<Action>, now: &UseStateSetter<Now>, going: &Rc<Cell<bool>>) {
    let took: Vec<f64> =
        ends.borrow().windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).collect();
    let Some(speed) = copied_gb_per_s(MIB, &took) else {
        return now.set(Now::Done("This browser's clock is too coarse to measure by.".to_owned()));
    };
    now.set(Now::Running(percent(MEASURE_MS / (MEASURE_MS + GPU_MS))));
    let (on, now, going) = (on.clone(), now.clone(), going.clone());
    spawn_local(async move {
        let asked = going.clone();
        let wanted = Closure::<dyn Fn() -> bool>::new(move || asked.get());
        let gpu = reader::gpu_copies(GPU_MS, wanted.as_ref().unchecked_ref::<Function>()).await;
        if !going.get() {
            return;
        }
        let gpu = match gpu {
            Ok(Some(gpu)) => {
                format!("WebGPU moves {gpu:.1} GB/s, which is the same memory on phones, boards and Macs.")
            }
            Ok(None) => "This browser has no WebGPU to measure the graphics processor with.".to_owned(),
            Err(problem) => problem,
        };
        on.emit(Action::Bandwidth(format!("{speed:.1} GB/s")));
        now.set(Now::Done(format!(
            "Measured in this browser: {speed:.1} GB/s by one thread, filled in below. One thread of a browser reads less than all processors together do, so that this is a lower end. {gpu}"
        )));
    });
}
