//! How fast the page is in headless Chromium: the time until its answer on a slow phone, what a slider's step takes of the page's thread and
//! until it is painted, and the codecs in the worker.
//!
//! `tests/speed` runs it; `cargo run -p dhurandhar-tests --example browser_speed -- slider` runs the first two only. It prints, and asserts
//! nothing about time. What a step takes of the thread is in ticks of that thread, which other programs' load does not count in, though
//! it slows them; the load is printed.

use anyhow::{Context, Result, ensure};
use dhurandhar_core::codec::sweep::SweepRequest;
use dhurandhar_core::codec::{CodecKind, Source};
use dhurandhar_core::leaf::wire;
use dhurandhar_core::work::{Input, Job, Part};
use dhurandhar_tests::browser::{Stage, ask, stage, until};
use serde_json::{Value, json};
use thirtyfour::prelude::WebDriver;

/// Moves the slider, one step after another is painted; milliseconds of each, and what the page's own marks say.
const SLIDE: &str = "const done = arguments[0], slider = document.getElementById('context-slider');
    const painted = () => new Promise(resolve => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = resolve;
        port2.postMessage(0);
    }));
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    (async () => {
        const start = window.__long.slice(), steps = [];
        window.__long.length = 0;
        performance.clearMeasures();
        const [least, most] = [Number(slider.min), Number(slider.max)];
        for (let i = 0; i < 120; i++) {
            await new Promise(resolve => setTimeout(resolve, 40));
            set.call(slider, least + (i * 7) % (most - least));
            const before = performance.now();
            slider.dispatchEvent(new Event('input', { bubbles: true }));
            await painted();
            steps.push(performance.now() - before);
        }
        const marks = {};
        for (const { name, duration } of performance.getEntriesByType('measure')) (marks[name] ??= []).push(duration);
        done({ steps, marks, start, long: window.__long });
    })();";

/// Runs jobs one after another in a worker of their own; milliseconds from each question to its last answer.
const WORK: &str = "const [jobs, done] = arguments, times = [];
    const url = performance.getEntriesByType('resource').map(e => e.name).find(n => /worker-[0-9a-f]+\\.js$/.test(n));
    const worker = new Worker(url, { type: 'module' });
    let before;
    const next = () => { before = performance.now(); worker.postMessage([times.length, new Uint8Array(jobs[times.length]), null]); };
    worker.onerror = e => done({ failed: e.message });
    worker.onmessage = ({ data: [, answer] }) => {
        // Codes of `Done` and `Failed`.
        if (typeof answer === 'string' || answer[0] === 7) { worker.terminate(); return done({ failed: String(answer) }); }
        if (answer[0] !== 6) return;
        times.push(performance.now() - before);
        if (times.length < jobs.length) return next();
        worker.terminate();
        done({ times });
    };
    next();";

/// Channels of a vector and vectors of a batch: 1 MiB of f32.
const BATCH: (usize, usize) = (128, 2048);
/// Repetitions that are timed.
const ROUNDS: usize = 400;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let stage = stage()?;
    println!("load: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    first_answer().await?;
    for (width, height) in [(1280, 900), (360, 780)] {
        let play = |driver: WebDriver| {
            let stage = stage.clone();
            async move {
                stage.open(&driver, "").await?;
                for throttle in [1, 4] {
                    println!("{width} x {height} px, processor slowed {throttle}-fold");
                    driver
                        .cdp()
                        .send_raw("Emulation.setCPUThrottlingRate", json!({ "rate": throttle }))
                        .await?;
                    slider(&driver).await?;
                }
                Ok(())
            }
        };
        stage.play(width, height, play).await?;
    }
    if std::env::args().nth(1).as_deref() == Some("slider") {
        return Ok(());
    }
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=turboquant").await?;
            let started = "return performance.getEntriesByType('resource').some(e => /worker-[0-9a-f]+\\.js$/.test(e.name))
                && document.querySelectorAll('#codec-rows tbody tr').length === 10";
            until(&driver, started).await?;
            codecs(&driver).await
        }
    };
    stage.play(1280, 900, play).await
}

/// Notes when the answer of this visit is there to be read.
const ANSWERED: &str = "new MutationObserver((_, watch) => {
        const answer = document.querySelector('#app:not(.calc-other) .calc-answer');
        if (answer && !answer.closest('.calc-waiting')) { window.__answered = performance.now(); watch.disconnect(); }
    }).observe(document, { subtree: true, childList: true, attributes: true });";

/// Visits of a phone with a slow processor and a slow network (as Lighthouse has it: 1.6 Mbit/s, 150 ms), each with an empty cache.
async fn first_answer() -> Result<()> {
    let packed = Stage::with(&[])?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let (stage, times) = (&packed, &mut times);
        let play = |driver: WebDriver| async move {
            let cdp = driver.cdp();
            cdp.send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": ANSWERED })).await?;
            cdp.send_raw("Emulation.setCPUThrottlingRate", json!({ "rate": 4 })).await?;
            cdp.send_raw("Network.enable", json!({})).await?;
            let network = json!({ "offline": false, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750 });
            cdp.send_raw("Network.emulateNetworkConditions", network).await?;
            driver.goto(format!("{}calculator/", stage.address)).await?;
            until(&driver, "return window.__answered > 0").await?;
            times.push(ask(&driver, "return window.__answered").await?.as_f64().context("a time")?);
            Ok(())
        };
        stage.play(360, 780, play).await?;
    }
    print("answer on a phone (processor slowed 4-fold, 1.6 Mbit/s, 150 ms), ms", &times);
    Ok(())
}

/// What the page's thread has done since it began, in milliseconds of that thread.
async fn thread_ms(driver: &WebDriver) -> Result<Vec<(String, f64)>> {
    let told = driver.cdp().send_raw("Performance.getMetrics", json!({})).await?;
    let wanted = ["TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration"];
    let metrics = told["metrics"].as_array().context("metrics")?;
    let of = |name: &str| metrics.iter().find(|metric| metric["name"] == name)?["value"].as_f64();
    Ok(wanted.into_iter().filter_map(|name| Some((name.to_owned(), of(name)? * 1000.0))).collect())
}

async fn slider(driver: &WebDriver) -> Result<()> {
    driver.cdp().send_raw("Performance.enable", json!({ "timeDomain": "threadTicks" })).await?;
    // Once to warm up: browsers compile functions when they are first called.
    driver.execute_async(SLIDE, Vec::new()).await?;
    let before = thread_ms(driver).await?;
    let told = driver.execute_async(SLIDE, Vec::new()).await?.json().clone();
    let steps = floats(&told["steps"]);
    let after = thread_ms(driver).await?;
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        println!("  {name} of the page's thread, ms an event: {:.2}", (after - before) / steps.len() as f64);
    }
    driver.cdp().send_raw("Performance.disable", json!({})).await?;
    print("slider event to after paint, ms", &steps);
    for (name, durations) in told["marks"].as_object().context("marks")? {
        print(&format!("  of which {name}, ms"), &floats(durations));
    }
    let tasks = |name: &str| floats(&told[name]).iter().map(|ms| format!("{ms:.0}")).collect::<Vec<_>>();
    println!("tasks above 50 ms: at start {:?}, while sliding {:?}", tasks("start"), tasks("long"));
    Ok(())
}

async fn codecs(driver: &WebDriver) -> Result<()> {
    let (dim, vectors) = BATCH;
    let repeat = |encodes, decodes| Job::Repeat {
        codec: CodecKind::Turboquant,
        bits: 4,
        dim,
        vectors,
        encodes,
        decodes,
    };
    let (none, encode, decode) = (repeat(0, 0), repeat(ROUNDS, 0), repeat(0, ROUNDS));
    let sweep = Job::Sweep { vectors: 2048, parts: vec![sweep_part()] };
    let mut jobs = vec![none.clone(), encode.clone(), decode.clone()];
    for _ in 0..5 {
        jobs.extend([none.clone(), encode.clone(), decode.clone()]);
    }
    jobs.extend(vec![sweep; 6]);
    let jobs = serde_json::to_value(jobs.iter().map(wire::encode).collect::<Vec<_>>())?;
    let told = driver.execute_async(WORK, vec![jobs]).await?.json().clone();
    ensure!(told["failed"].is_null(), "{}", told["failed"]);
    let times = floats(&told["times"]);
    let (rounds, sweeps) = times.split_at(18);
    let rate = |place: usize| {
        let best =
            |place: usize| rounds[3..].iter().skip(place).step_by(3).copied().fold(f64::INFINITY, f64::min);
        (4 * dim * vectors * ROUNDS) as f64 / 1e6 / (best(place) - best(0))
    };
    println!("one worker, d = {dim}, b = 4, f32: encode {:.2} GB/s, decode {:.2} GB/s", rate(1), rate(2));
    println!("sweep of 2,048 vectors, 5 widths, 2 codecs, d = 256: first {:.0} ms", sweeps[0]);
    print("  and again, ms", &sweeps[1..]);
    Ok(())
}

fn sweep_part() -> Part {
    let request = SweepRequest {
        codecs: vec![CodecKind::Turboquant, CodecKind::Rotorquant],
        dim: 256,
        ..SweepRequest::default()
    };
    Part { request, input: Input::Source(Source::SeedHeavyTail, 1) }
}

fn floats(list: &Value) -> Vec<f64> {
    list.as_array().map(|all| all.iter().filter_map(Value::as_f64).collect()).unwrap_or_default()
}

fn print(name: &str, times: &[f64]) {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
    if let (Some(median), Some(p95), Some(most)) = (at(50), at(95), at(100)) {
        println!("{name}: median {median:.1}, p95 {p95:.1}, most {most:.1} ({} times)", sorted.len());
    }
}
