//! The calculator without a network, after one visit.

use anyhow::{Context, Result};
use dhurandhar_tests::browser::{Stage, ask, until};
use dhurandhar_tests::workspace;
use thirtyfour::prelude::{By, WebDriver};

/// Counts the cache's files whose name has one of these, into `window.__kept`.
const COUNT: &str = "window.__kept = -1;
    caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name).then((cache) => cache.keys()))))
        .then((all) => all.flat().map((request) => request.url))
        .then((urls) => { window.__kept = ['part-split_below-', 'part-split_late-', 'part-split_compute-', 'reader-'].filter((part) =>
            urls.some((url) => url.includes('/assets/' + part) && url.endsWith('.wasm'))).length; });
    return true";

#[tokio::test]
async fn after_one_visit_all_of_it_works_without_a_network() -> Result<()> {
    // Its server ends with the network.
    let stage = std::sync::Arc::new(Stage::with(&["--no-compress"])?);
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            // A page that is read before anything could keep it.
            driver.goto(format!("{}docs/privacy/", stage.address)).await?;
            ask(&driver, "navigator.serviceWorker.ready.then(() => { window.__ready = true; }); return true")
                .await?;
            until(&driver, "return window.__ready === true").await?;
            stage.open(&driver, "").await?;
            let mut kept = 0;
            for _ in 0..100 {
                ask(&driver, COUNT).await?;
                until(&driver, "return window.__kept >= 0").await?;
                kept = ask(&driver, "return window.__kept").await?.as_i64().context("a count")?;
                if kept == 4 {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            anyhow::ensure!(kept == 4, "{kept} of the four late modules are kept");
            stage.unplug();
            driver.goto(format!("{}docs/privacy/", stage.address)).await?;
            until(&driver, "return location.pathname.endsWith('docs/privacy/')").await?;
            // The late part and the worker: a codec sweep.
            stage.open(&driver, "?v=1&tab=turboquant&dim=64&vectors=512").await?;
            until(&driver, "return document.querySelectorAll('#codec-rows tbody tr').length === 10").await?;
            // The reader: a model from a file.
            stage.open(&driver, "").await?;
            let path = workspace::fixture("configs/qwen3-0.6b.json");
            driver.find(By::Id("model-file")).await?.send_keys(path.to_str().context("path")?).await?;
            until(&driver, "return document.querySelector('#model').value.toLowerCase().includes('qwen3')")
                .await
        }
    };
    stage.play(1280, 900, play).await
}
