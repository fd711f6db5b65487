//! What the calculator does when it is asked: a dossier of cases, a measurement of this device.

use anyhow::{Result, ensure};
use dhurandhar_core::device;
use dhurandhar_core::dossier::{Dossier, Ordered, Request};
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::registry;
use dhurandhar_core::report::Order;
use dhurandhar_tests::browser::{CATCH_FILES, accessible, ask, no_problems, saves, stage, until};
use dhurandhar_tests::report::without_terms;
use thirtyfour::prelude::{By, WebDriver};

/// A case of the page in its beginnings, on a device.
fn ordered(number: usize, device: &str, link: &str) -> Result<Ordered> {
    let (model, device) = (registry::model("gemma4-e2b")?, device::registry::device(device)?);
    let title = format!("Case {number}: {} on {}", model.architecture.title, device.title);
    let scenario = Scenario::for_model(&model);
    let order = Order { model, scenario, devices: vec![device], ple_cache_hit_share: 0.0 };
    Ok(Ordered { title, order, link: Some(link.to_owned()) })
}

#[tokio::test]
async fn compared_cases_become_a_dossier() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            let cases = "case=v%3D1&case=v%3D1%26dev%3Draspberry-pi-5-4gb";
            stage.open(&driver, &format!("?v=1&tab=compare&{cases}")).await?;
            until(&driver, "return !!document.querySelector('#dossier-html')").await?;
            driver.execute(CATCH_FILES, vec![]).await?;
            let date = ask(&driver, "return new Date().toISOString().slice(0, 10)").await?;
            let request = Request {
                title: "Cases compared".to_owned(),
                question: "Which of these cases should be chosen?".to_owned(),
                date: date.as_str().map(str::to_owned),
                valid_until: None,
                risks: Vec::new(),
                cases: Vec::new(),
            };
            let cases = [
                ordered(1, "pixel-9a", "v=1")?,
                ordered(2, "raspberry-pi-5-4gb", "v=1&dev=raspberry-pi-5-4gb")?,
            ];
            let mut dossier = Dossier::of_orders(&request, &cases)?;
            for case in &mut dossier.cases {
                case.report = without_terms(case.report.clone());
            }
            let site = Some(stage.address.as_str());
            let expected = [
                ("dossier-html", dossier.to_html(site)),
                ("dossier-md", dossier.to_markdown(site)),
                ("dossier-json", dossier.to_json()),
            ];
            saves(&driver, &expected).await?;
            no_problems(&driver).await
        }
    };
    stage.play(1280, 900, play).await
}

#[tokio::test]
async fn memory_measured_here_fills_the_own_device_and_says_where_it_is_from() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=devices&db=3%20GB&df=2").await?;
            until(&driver, "return !!document.querySelector('#measure-here')").await?;
            driver.find(By::Id("measure-here")).await?.click().await?;
            // At once, since it ends by itself.
            let cancel = "if (!(document.querySelector('.calc-measure progress')?.value > 0)) return false;
                document.querySelector('#measure-cancel').click(); return true";
            until(&driver, cancel).await?;
            until(&driver, "return document.querySelector('#measured').innerText.startsWith('Cancelled')")
                .await?;
            ensure!(ask(&driver, "return document.querySelector('#custom-dd').value").await? == "");

            driver.find(By::Id("measure-here")).await?.click().await?;
            let said = "return (document.querySelector('#measured')?.innerText ?? '').startsWith('Measured in this browser: ')";
            until(&driver, said).await?;
            accessible(&driver, "after measuring").await?;
            let value = ask(&driver, "return document.querySelector('#custom-dd').value").await?;
            let value =
                value.as_str().and_then(|text| text.strip_suffix(" GB/s")).unwrap_or_default().to_owned();
            ensure!(value.parse::<f64>().is_ok_and(|speed| speed > 0.1), "{value}");
            let text = ask(&driver, "return document.querySelector('#measured').innerText").await?;
            let text = text.as_str().unwrap_or_default();
            ensure!(text.contains("One thread of a browser reads less") && text.contains("WebGPU"), "{text}");
            until(&driver, "return new URLSearchParams(location.search).get('dm') === '1'").await?;

            // Where the figure is from is said later, too.
            driver.refresh().await?;
            until(&driver, "return (document.querySelector('#custom-measured')?.innerText ?? '').includes('measured in this browser')").await?;
            no_problems(&driver).await
        }
    };
    stage.play(1280, 900, play).await
}
