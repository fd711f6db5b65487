//! The codec tabs in a real browser: the worker's figures and bytes are those of the native core.

use anyhow::{Context, Result, ensure};
use dhurandhar_core::codec::fingerprint::fingerprints;
use dhurandhar_core::codec::sweep::SweepRequest;
use dhurandhar_core::codec::{CodecKind, Source};
use dhurandhar_core::leaf::wire;
use dhurandhar_core::work::{Answer, Input, Job, Part, run};
use dhurandhar_tests::browser::{ask, no_problems, stage, until};
use thirtyfour::prelude::{By, WebDriver};

const WIDE: (u32, u32) = (1280, 900);

/// Everything that the site's worker answers to a job; codes 6 and 7 are `Done` and `Failed`.
async fn answers(driver: &WebDriver, job: &Job) -> Result<Vec<Answer>> {
    let script = "const [job, done] = arguments, all = [];
        const url = performance.getEntriesByType('resource').map(e => e.name).find(n => /worker-[0-9a-f]+\\.js$/.test(n));
        const worker = new Worker(url, {type: 'module'});
        worker.onerror = e => done('the worker stopped: ' + e.message);
        worker.onmessage = ({data: [run, answer]}) => {
            if (typeof answer === 'string') return done(answer);
            all.push(Array.from(answer));
            if (answer[0] === 6 || answer[0] === 7) { worker.terminate(); done(all); }
        };
        worker.postMessage([1, new Uint8Array(job), null]);";
    let job = serde_json::to_value(wire::encode(job))?;
    let told = driver.execute_async(script, vec![job]).await?.json().clone();
    let all: Vec<Vec<u8>> = serde_json::from_value(told.clone()).with_context(|| told.to_string())?;
    all.iter().map(|bytes| wire::decode(bytes).with_context(|| format!("{bytes:?}"))).collect()
}

/// The calculator on this tab, with its worker started.
const STARTED: &str =
    "return performance.getEntriesByType('resource').some(e => /worker-[0-9a-f]+\\.js$/.test(e.name))";

#[tokio::test]
async fn the_worker_answers_what_the_native_core_answers() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=turboquant").await?;
            until(&driver, STARTED).await?;
            let input = Input::Source(Source::OutlierChannels, 11);
            let request = SweepRequest {
                codecs: CodecKind::ALL.to_vec(),
                bits: vec![2, 4],
                dim: 96,
                sinks: 2,
                ..SweepRequest::default()
            };
            let job = Job::Sweep { vectors: 300, parts: vec![Part { request, input }] };
            let mut native = Vec::new();
            run(&job, &[], |answer| native.push(answer));
            ensure!(native.last() == Some(&Answer::Done), "{native:?}");
            // Equal to the last bit.
            assert_eq!(answers(&driver, &job).await?, native);
            let bytes = answers(&driver, &Job::Fingerprints).await?;
            assert_eq!(bytes, [Answer::Fingerprints(fingerprints()?), Answer::Done]);
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn a_sweep_fills_its_table_and_own_tensors_take_its_place() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=turboquant&dim=64&vectors=512").await?;
            until(&driver, "return document.querySelectorAll('#codec-rows tbody tr').length === 10").await?;
            until(&driver, "return document.querySelectorAll('#codec-memory tbody tr').length === 5").await?;
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("keys.npy");
            let values = Source::Gaussian.generate(40, 64, 1);
            let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (40, 64), }\n";
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend(u16::try_from(header.len())?.to_le_bytes());
            bytes.extend(header.bytes());
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            std::fs::write(&path, bytes)?;
            let cell = "document.querySelector('#codec-rows tbody tr td:nth-of-type(4)').innerText";
            let before = ask(&driver, &format!("return {cell}")).await?;
            driver.find(By::Id("tensor-file")).await?.send_keys(path.to_str().context("path")?).await?;
            until(&driver, "return document.querySelector('#tensor')?.innerText.includes('40 × 64')").await?;
            until(&driver, &format!("return {cell} !== {before}")).await?;
            let bad = folder.path().join("bad.npy");
            std::fs::write(&bad, b"PK")?;
            driver.find(By::Css(".calc-own-tensors button")).await?.click().await?;
            driver.find(By::Id("tensor-file")).await?.send_keys(bad.to_str().context("path")?).await?;
            until(&driver, "return document.querySelector('.calc-short')?.innerText.includes('.npy')")
                .await?;
            // The sample that the site publishes; its head dim takes the place of the one in the link.
            stage.open(&driver, "?v=1&tab=turboquant&dim=128&vectors=512").await?;
            until(&driver, "return document.querySelectorAll('#codec-rows tbody tr').length === 10").await?;
            let before = ask(&driver, &format!("return {cell}")).await?;
            driver.find(By::Id("tensor-sample")).await?.click().await?;
            until(
                &driver,
                "return document.querySelector('#tensor')?.innerText.includes('layer.9.keys 3 × 256 × 64')",
            )
            .await?;
            until(&driver, &format!("return {cell} !== {before}")).await?;
            // Its queries say what attention loses.
            until(&driver, "return document.querySelectorAll('#codec-attention tbody tr').length === 10")
                .await?;
            until(&driver, "return !!document.querySelector('#tensor-file')").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn a_long_run_is_cancelled_and_leaves_no_results_of_another_request() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=codecs&dim=64&vectors=512").await?;
            until(&driver, "return document.querySelectorAll('#codec-rows tbody tr').length === 28").await?;
            until(&driver, "return document.querySelectorAll('#codec-costs tbody tr').length === 6").await?;
            until(&driver, "return !document.querySelector('#codec-cancel')").await?;
            driver.find(By::Css("#vectors option[value='32768']")).await?.click().await?;
            until(
                &driver,
                "const stop = document.querySelector('#codec-cancel'); stop?.click(); return !!stop",
            )
            .await?;
            until(&driver, "return !!document.querySelector('#codec-cancelled')").await?;
            until(&driver, "return !document.querySelector('#codec-rows')").await?;
            driver.find(By::Css("#vectors option[value='512']")).await?.click().await?;
            until(&driver, "return document.querySelectorAll('#codec-rows tbody tr').length === 28").await?;
            until(
                &driver,
                "return document.querySelector('.calc-of').innerText.includes('512 vectors of 64 channels')",
            )
            .await?;
            // Away and back again, before anything has come: nothing comes twice.
            for vectors in ["32768", "512"] {
                driver.find(By::Css(format!("#vectors option[value='{vectors}']"))).await?.click().await?;
                until(&driver, "return !!document.querySelector('#codec-cancel')").await?;
            }
            until(&driver, "return !document.querySelector('#codec-cancel')").await?;
            until(&driver, "return document.querySelectorAll('#codec-rows tbody tr').length === 28").await?;
            until(&driver, "return !document.querySelector('#export-codec-rows').disabled").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}
