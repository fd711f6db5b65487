//! The Mmap tab in a real browser: the page's figures are the core's, and a measurement is laid over them.

use anyhow::{Context, Result, ensure};
use dhurandhar_core::device::registry::device;
use dhurandhar_core::measurement::{Measurement, MmapProfile, Overlay};
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::registry::model;
use dhurandhar_core::placement::{Machine, Placement};
use dhurandhar_core::speed::LookupCase;
use dhurandhar_core::storage::Layout;
use dhurandhar_core::weights::WeightPlan;
use dhurandhar_tests::browser::{ask, no_problems, stage, until};
use thirtyfour::prelude::{By, Key, WebDriver};

const WIDE: (u32, u32) = (1280, 900);
/// A published run of `profile-mmap`.
const PUBLISHED: &str =
    "content/measurements/shared-virtual-machine-2-cores-virtio-disk-2026-11-23-8c84bba2.json";
const READY: &str = "return !!document.querySelector('#mmap-lookup')";

/// The figure in a row of the table.
async fn figure(driver: &WebDriver, row: &str) -> Result<String> {
    let script = format!(
        "return [...document.querySelectorAll('#mmap-lookup tbody tr')]
            .find(row => row.cells[0].innerText === '{row}')?.cells[1].innerText"
    );
    Ok(ask(driver, &script).await?.as_str().context(row.to_owned())?.to_owned())
}

#[tokio::test]
async fn the_tab_shows_what_the_core_answers_and_its_link_restores_it() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=mmap").await?;
            until(&driver, READY).await?;
            let (model, device) = (model("gemma4-e2b")?, device("pixel-9a")?);
            let scenario = Scenario::for_model(&model);
            let plan = WeightPlan::new(&model, scenario.weights)?;
            let taken = Placement::of(&model, &plan, &scenario, Machine::of(&device)).needs.hot().bytes;
            let case = LookupCase::of(&model, &plan, &device, taken, scenario.target_tokens_per_s)?;
            let lookup = case.answer()?;
            ensure!(figure(&driver, "Pages per token").await? == format!("{:.3}", lookup.pages_per_token));
            let misses = lookup.misses_per_token.context("misses")?;
            ensure!(figure(&driver, "Expected misses per token, in pages").await? == format!("{misses:.3}"));
            driver.find(By::Css("#mmap-layout option[value='layer_major']")).await?.click().await?;
            let layers = format!("{:.3}", case.table.pages_per_token(Layout::LayerMajor));
            until(
                &driver,
                &format!(
                    "return document.querySelector('#mmap-lookup tbody tr:nth-child(3) td')?.innerText === '{layers}'"
                ),
            )
            .await?;
            until(&driver, "return location.search.includes('mlayout=layer_major')").await?;
            driver.find(By::Id("mmap-cache-slider")).await?.send_keys(Key::Home + Key::Right).await?;
            until(&driver, "return document.querySelector('#mmap-cache').value === '1'").await?;
            until(&driver, "return location.search.includes('mcache=1')").await?;
            driver.find(By::Id("mmap-latency-slider")).await?.send_keys(Key::End + "").await?;
            until(&driver, "return document.querySelector('#mmap-latency').value === '1000'").await?;
            stage.open(&driver, "?v=1&tab=mmap&mlayout=padded&mcache=0&mzipf=1").await?;
            until(&driver, READY).await?;
            ensure!(ask(&driver, "return document.querySelector('#mmap-layout').value").await? == "padded");
            ensure!(ask(&driver, "return document.querySelector('#mmap-cache').value").await? == "0");
            ensure!(ask(&driver, "return document.querySelector('#mmap-exponent').value").await? == "1");
            stage.open(&driver, "?v=1&tab=mmap&model=llama-3.2-1b").await?;
            until(
                &driver,
                "return document.querySelector('#mmap-about')?.innerText.includes('no per-layer embedding table')",
            )
            .await?;
            ensure!(ask(&driver, "return !!document.querySelector('#mmap-row')").await? == true);
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn a_measurement_is_laid_over_the_prediction_and_a_wrong_file_changes_nothing() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=mmap").await?;
            until(&driver, READY).await?;
            let folder = tempfile::tempdir()?;
            let bad = folder.path().join("bad.json");
            std::fs::write(&bad, r#"{"schema":"other/1.0"}"#)?;
            let before = ask(&driver, "return location.search").await?;
            let field = driver.find(By::Id("measurement-file")).await?;
            field.send_keys(bad.to_str().context("path")?).await?;
            until(
                &driver,
                "return document.querySelector('.calc-notice.error')?.innerText.includes('other/1.0')",
            )
            .await?;
            ensure!(ask(&driver, "return location.search").await? == before);
            ensure!(ask(&driver, "return !document.querySelector('#mmap-measured')").await? == true);

            let path = dhurandhar_tests::workspace::root().join(PUBLISHED);
            let overlay = Overlay::of(&MmapProfile::read(&std::fs::read_to_string(&path)?)?);
            let field = driver.find(By::Id("measurement-file")).await?;
            field.send_keys(path.to_str().context("path")?).await?;
            let rows = format!(
                "return document.querySelectorAll('#mmap-measured tbody tr').length === {}",
                overlay.points.len()
            );
            until(&driver, &rows).await?;
            until(
                &driver,
                &format!(
                    "return document.querySelector('#mmap-row').value === '{}'",
                    overlay.table.row_bytes()
                ),
            )
            .await?;
            driver.find(By::Id("measurement-remove")).await?.click().await?;
            until(&driver, "return !document.querySelector('#mmap-measured')").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}
