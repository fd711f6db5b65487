//! The calculator in a real browser, against the served site: its figures, its keyboard, its links, its files.

use anyhow::{Context, Result, ensure};
use dhurandhar_core::device;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::{Model, registry};
use dhurandhar_core::report::Report;
use dhurandhar_tests::browser::{CATCH_FILES, accessible, ask, no_problems, saves, stage, until};
use dhurandhar_tests::report::without_terms;
use dhurandhar_tests::workspace;
use serde_json::{Value, json};
use thirtyfour::prelude::{By, Key, WebDriver};

const WIDE: (u32, u32) = (1280, 900);

/// The report behind the page at its start: Gemma 4 E2B as people run it who say nothing, and one device.
fn report(change: impl Fn(&mut Scenario)) -> Result<Report> {
    let model = registry::model("gemma4-e2b")?;
    let mut scenario = Scenario::for_model(&model);
    change(&mut scenario);
    Ok(Report::new(&model, &scenario, &[device::registry::device("pixel-9a")?], 0.0)?)
}

/// `1,234.5`
fn mib(bytes: u64) -> String {
    let text = format!("{:.1}", bytes as f64 / 1_048_576.0);
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "0"));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{decimals}")
}

/// Name and MiB of every row of the table.
async fn rows(driver: &WebDriver) -> Result<Value> {
    ask(
        driver,
        "return [...document.querySelectorAll('#memory-table tr:not(.calc-rule)')].slice(1)
            .map(row => [row.querySelector('th').innerText.trim(), row.querySelector('td').innerText.trim()])",
    )
    .await
}

fn expected_rows(report: &Report) -> Value {
    let placement = &report.placement;
    let parts = placement.parts.iter().map(|part| json!([part.component.title(), mib(part.size.bytes)]));
    let totals = placement.needs.totals().into_iter().map(|(name, total)| json!([name, mib(total.bytes)]));
    parts.chain(totals).collect()
}

async fn query(driver: &WebDriver) -> Result<String> {
    Ok(ask(driver, "return location.search").await?.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_page_shows_what_core_computes() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            let expected = expected_rows(&report(|_| ())?);
            assert_eq!(rows(&driver).await?, expected);
            until(&driver, "return document.querySelector('canvas').width > 300").await?;
            let colours = "const c = document.querySelector('canvas'); const found = new Set();
                const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
                for (let i = 0; i < d.length; i += 4) found.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
                return found.size";
            until(&driver, &format!("return (() => {{ {colours} }})() > 8")).await?;
            let opened = driver.find(By::Css("#memory-table .calc-open")).await?;
            opened.click().await?;
            until(
                &driver,
                "return document.querySelector('.calc-rule:not([hidden])').innerText.includes('bytes')",
            )
            .await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn the_slider_moves_by_keyboard_and_the_link_follows() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            let slider = driver.find(By::Id("context-slider")).await?;
            slider.send_keys(Key::Left).await?;
            until(&driver, "return location.search === '?v=1&ctx=3584'").await?;
            let expected = expected_rows(&report(|scenario| scenario.context_tokens = 3584)?);
            assert_eq!(rows(&driver).await?, expected);
            slider.send_keys(Key::End).await?;
            until(&driver, "return location.search === '?v=1&ctx=131072'").await?;
            until(
                &driver,
                "return document.querySelector('[role=status]').innerText.includes('131,072 tokens')",
            )
            .await?;
            let marks = "return ['compute', 'draw'].map(name => performance.getEntriesByName(name, 'measure').length)";
            let marks = ask(&driver, marks).await?;
            ensure!(marks[0].as_u64() >= Some(3) && marks[1].as_u64() >= Some(3), "{marks}");
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn a_link_survives_reload_and_the_history_goes_back_and_forward() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&ctx=6144&k=q8_0&vbits=turbo3&unheard=of").await?;
            let change = |scenario: &mut Scenario| {
                scenario.context_tokens = 6144;
                scenario.k = dhurandhar_core::memory::KvFormat::Q8_0;
                scenario.v = dhurandhar_core::memory::KvFormat::TurboQuant(3);
            };
            assert_eq!(rows(&driver).await?, expected_rows(&report(change)?));
            driver.find(By::Id("tab-devices")).await?.click().await?;
            until(&driver, "return location.search.startsWith('?v=1&tab=devices&ctx=6144')").await?;
            driver.refresh().await?;
            until(&driver, "return document.querySelectorAll('.calc-card').length > 40").await?;
            driver.back().await?;
            until(
                &driver,
                "return document.querySelector('#tab-memory').getAttribute('aria-selected') === 'true'",
            )
            .await?;
            driver.forward().await?;
            until(&driver, "return document.querySelectorAll('.calc-card').length > 40").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn back_undoes_a_choice() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            let pick = |value: &str| {
                format!(
                    "const weights = document.querySelector('#weights'); weights.value = '{value}'; \
                     weights.dispatchEvent(new Event('change', {{ bubbles: true }})); return true"
                )
            };
            ask(&driver, &pick("q8_0")).await?;
            until(&driver, "return location.search === '?v=1&w=q8_0'").await?;
            ask(&driver, &pick("q6_k")).await?;
            until(&driver, "return location.search === '?v=1&w=q6_k'").await?;
            driver.back().await?;
            until(&driver, "return document.querySelector('#weights').value === 'q8_0'").await?;
            driver.back().await?;
            until(&driver, "return location.search === ''").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn every_tab_has_the_same_verdict() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            let case = "model=gemma4-e2b&dev=galaxy-a16-6gb&w=q4_0&ctx=32768";
            stage.open(&driver, &format!("?v=1&{case}")).await?;
            let verdict = "return document.querySelector('.calc-answer')?.innerText";
            let expected = ask(&driver, verdict).await?;
            ensure!(expected.as_str().is_some_and(|text| text.contains("target") || text.contains("fitted")));
            for tab in ["devices", "compare", "turboquant", "mmap", "codecs"] {
                stage.open(&driver, &format!("?v=1&tab={tab}&{case}")).await?;
                until(&driver, "return !!document.querySelector('.calc-answer')").await?;
                assert_eq!(ask(&driver, verdict).await?, expected, "{tab}");
            }
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn cases_stand_side_by_side_in_one_link() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=compare").await?;
            until(&driver, "return document.querySelectorAll('#format-table tbody tr').length > 20").await?;
            driver.find(By::Id("add-case")).await?.click().await?;
            until(&driver, "return document.querySelectorAll('#cases thead th').length === 3").await?;
            let second = "const choice = document.querySelector('[aria-label=\"Weights of case 2\"]'); choice.value = 'q8_0'; \
                          choice.dispatchEvent(new Event('change', { bubbles: true })); return true";
            ask(&driver, second).await?;
            let differs = "return [...document.querySelectorAll('#cases .differs th')].some(th => th.innerText.startsWith('Weights'))";
            until(&driver, differs).await?;
            until(&driver, "return new URLSearchParams(location.search).getAll('case').length === 2").await?;
            driver.refresh().await?;
            until(&driver, differs).await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn unreadable_links_and_values_are_said_and_change_nothing() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&ctx=-5&model=gemma9").await?;
            until(&driver, "return document.querySelectorAll('.calc-notice').length === 2").await?;
            assert_eq!(rows(&driver).await?, expected_rows(&report(|_| ())?));
            for _ in 0..2 {
                driver.find(By::Css(".calc-notice button")).await?.click().await?;
            }
            until(&driver, "return document.querySelectorAll('.calc-notice').length === 0").await?;
            let field = driver.find(By::Id("context")).await?;
            field.send_keys(Key::Control + "a").await?;
            field.send_keys("999999999" + Key::Tab).await?;
            until(&driver, "return document.querySelector('.calc-notice').innerText.includes('999999999')")
                .await?;
            until(&driver, "return document.querySelector('#context').value === '4096'").await?;
            until(&driver, "return location.search === ''").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn a_dropped_config_becomes_the_model_and_a_bad_file_does_not() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            let path = workspace::fixture("configs/qwen3-0.6b.json");
            let bytes = std::fs::read(&path)?;
            let model: Model = dhurandhar_core::model::import::import("qwen3-0.6b.json", &bytes, None)?;
            let devices = [device::registry::device("pixel-9a")?];
            let report = Report::new(&model, &Scenario::for_model(&model), &devices, 0.0)?;
            let file = driver.find(By::Id("model-file")).await?;
            file.send_keys(path.to_str().context("path")?).await?;
            let title = serde_json::to_string(&model.architecture.title)?;
            until(&driver, &format!("return document.querySelector('#model').value === {title}")).await?;
            let total = mib(report.placement.needs.hot().bytes);
            until(
                &driver,
                &format!("return document.querySelector('#memory-table tfoot td').innerText === '{total}'"),
            )
            .await?;
            // A reload finds it again, until it is to be forgotten.
            driver.refresh().await?;
            until(&driver, &format!("return document.querySelector('#model')?.value === {title}")).await?;
            driver.find(By::Css("#model-kept button")).await?.click().await?;
            until(&driver, "return !document.querySelector('#model-kept') && !localStorage.length").await?;
            let folder = tempfile::tempdir()?;
            let bad = folder.path().join("bad.gguf");
            std::fs::write(&bad, b"GGUF\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f")?;
            driver.find(By::Id("model-file")).await?.send_keys(bad.to_str().context("path")?).await?;
            until(
                &driver,
                "return document.querySelector('.calc-notice.error')?.innerText.includes('bad.gguf')",
            )
            .await?;
            until(&driver, &format!("return document.querySelector('#model').value === {title}")).await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn an_index_and_its_config_come_one_after_the_other() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            let title = "return document.querySelector('#model').value";
            let before = ask(&driver, title).await?;
            let folder = tempfile::tempdir()?;
            let (index, config) =
                (folder.path().join("model.safetensors.index.json"), folder.path().join("config.json"));
            let text = workspace::index();
            std::fs::write(&index, &text)?;
            std::fs::copy(workspace::fixture("configs/qwen3-0.6b.json"), &config)?;
            let file = driver.find(By::Id("model-file")).await?;
            file.send_keys(index.to_str().context("path")?).await?;
            until(
                &driver,
                "return document.querySelector('.calc-notice.error')?.innerText.includes('together with its config.json')",
            )
            .await?;
            ensure!(ask(&driver, title).await? == before, "an index alone changed the model");
            let file = driver.find(By::Id("model-file")).await?;
            file.send_keys(config.to_str().context("path")?).await?;
            let model = dhurandhar_core::model::import::import_with_config(
                "model.safetensors.index.json",
                text.as_bytes(),
                None,
                &std::fs::read(&config)?,
            )?;
            let name = serde_json::to_string(&model.architecture.title)?;
            until(&driver, &format!("return document.querySelector('#model').value === {name}")).await?;
            let devices = [device::registry::device("pixel-9a")?];
            let report = Report::new(&model, &Scenario::for_model(&model), &devices, 0.0)?;
            let total = mib(report.placement.needs.hot().bytes);
            until(
                &driver,
                &format!("return document.querySelector('#memory-table tfoot td').innerText === '{total}'"),
            )
            .await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn models_are_found_and_chosen_by_keyboard() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            let field = driver.find(By::Id("model")).await?;
            field.send_keys(Key::Control + "a").await?;
            field.send_keys("llama 3.2 3b").await?;
            until(&driver, "return document.querySelectorAll('#model-list [role=option]').length === 1")
                .await?;
            field.send_keys(Key::Enter + "").await?;
            until(&driver, "return location.search === '?v=1&model=llama-3.2-3b'").await?;
            field.send_keys(Key::Down + "").await?;
            until(
                &driver,
                "return document.querySelector('#model').getAttribute('aria-expanded') === 'true'",
            )
            .await?;
            field.send_keys(Key::Escape + "").await?;
            until(&driver, "return document.querySelector('#model').value === 'Llama 3.2 3B'").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn a_program_makes_all_its_choices_on_the_device() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            driver.find(By::Css(".calc-advanced summary")).await?.click().await?;
            // The page begins with what llama.cpp's command line does.
            until(&driver, "return document.querySelector('#program')?.value === 'llama-cli'").await?;
            let choose = "const program = document.querySelector('#program'); program.value = 'pocketpal'; \
                          program.dispatchEvent(new Event('change', { bubbles: true })); return true";
            until(&driver, choose).await?;
            until(&driver, "return document.querySelector('#context').value === '2048'").await?;
            until(&driver, "return document.querySelector('#load').value === 'copy'").await?;
            until(&driver, "return document.querySelector('#program').value === 'pocketpal'").await?;
            // A choice of one's own is no longer the program's.
            let own = "const load = document.querySelector('#load'); load.value = 'mmap'; \
                       load.dispatchEvent(new Event('change', { bubbles: true })); return true";
            until(&driver, own).await?;
            until(&driver, "return document.querySelector('#program').value === ''").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn a_custom_device_joins_the_list_and_the_link() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "?v=1&tab=devices").await?;
            for (field, text) in [("custom-dn", "My board"), ("custom-db", "6000"), ("custom-df", "1.5")] {
                driver.find(By::Id(field)).await?.send_keys(text).await?;
            }
            until(&driver, "return document.querySelector('.calc-card h3').innerText === 'My board'").await?;
            until(&driver, "return location.search === '?v=1&tab=devices&dn=My%20board&db=6000&df=1.5'")
                .await?;
            driver.refresh().await?;
            until(&driver, "return document.querySelector('.calc-card h3')?.innerText === 'My board'")
                .await?;
            let reason = "return document.querySelector('.calc-card .calc-reason').innerText";
            let device =
                device::Device::from_yaml("d", "name: custom\nram_budget_mb: 6000\nflash_read_gbps: 1.5\n")?;
            let model = registry::model("gemma4-e2b")?;
            let report = Report::new(&model, &Scenario::for_model(&model), &[device], 0.0)?;
            // Limits that the memory's size would decide are named by the command line alone.
            let said = &report.devices[0].reason;
            let expected = said.split_once(" Not checked,").map_or(said.as_str(), |(said, _)| said);
            assert_eq!(ask(&driver, reason).await?, json!(expected));
            driver.find(By::Id("custom-db")).await?.send_keys("x").await?;
            until(
                &driver,
                "return document.querySelector('#custom-problem')?.innerText.includes('expected a size of memory')",
            )
            .await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn tabs_follow_the_arrow_keys() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            let selected = |name: &str| {
                format!(
                    "const tab = document.activeElement; return tab.id === 'tab-{name}' && tab.getAttribute('aria-selected') === 'true' \
                     && tab.tabIndex === 0 && document.querySelectorAll('[role=tab][tabindex=\"0\"]').length === 1 \
                     && document.querySelector('[role=tabpanel]').getAttribute('aria-labelledby') === tab.id"
                )
            };
            driver.find(By::Id("tab-memory")).await?.click().await?;
            for (key, name) in [
                (Key::Right, "devices"),
                (Key::End, "codecs"),
                (Key::Right, "memory"),
                (Key::Left, "codecs"),
                (Key::Home, "memory"),
            ] {
                driver.active_element().await?.send_keys(key + "").await?;
                until(&driver, &selected(name)).await?;
            }
            ensure!(query(&driver).await?.is_empty());
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn the_exported_json_is_the_report_byte_for_byte() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            stage.open(&driver, "").await?;
            driver.execute(CATCH_FILES, vec![]).await?;
            let bar = "scrollTo({ top: document.body.scrollHeight, behavior: 'instant' }); const bar = document.querySelector('.calc-export'); bar?.scrollIntoView(); return !!bar";
            // It comes when its place is seen.
            until(&driver, bar).await?;
            // Exports say more than the page computes for each frame, and what they are about.
            let (model, device) = (registry::model("gemma4-e2b")?, device::registry::device("pixel-9a")?);
            let report = report(|_| ())?.explained(&model, &[device])?;
            let about = "return [new Date().toISOString().slice(0, 10), location.href]";
            let about = ask(&driver, about).await?;
            let said = |at: usize| about[at].as_str().unwrap_or_default().to_owned();
            let report = without_terms(report.covered(&said(0), &said(1)));
            let expected = [
                ("export-json", report.to_json()),
                ("export-memory", report.memory_csv()),
                ("export-devices", report.devices_csv()),
                ("export-md", report.to_markdown()),
            ];
            saves(&driver, &expected).await?;
            driver.find(By::Id("export-svg")).await?.click().await?;
            until(
                &driver,
                "return (__files[4] || '').startsWith('<svg') && __files[4].includes('tokens of context')",
            )
            .await?;
            driver.find(By::Id("export-png")).await?.click().await?;
            until(&driver, "return __files.length === 6").await?;
            driver.find(By::Id("copy-link")).await?.click().await?;
            until(&driver, "return document.querySelector('.calc-said').innerText.length > 0").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn every_tab_is_accessible_and_fits_its_width() -> Result<()> {
    let stage = stage()?;
    for (width, scheme) in [
        (1000, "light"),
        (1000, "dark"),
        (320, "light"),
        (360, "light"),
        (390, "dark"),
        (720, "light"),
        (768, "dark"),
    ] {
        let play = |driver: WebDriver| {
            let stage = stage.clone();
            async move {
                let media = json!({ "features": [
                    { "name": "prefers-color-scheme", "value": scheme },
                    { "name": "prefers-reduced-motion", "value": "reduce" },
                ] });
                driver.cdp().send_raw("Emulation.setEmulatedMedia", media).await?;
                for tab in ["memory", "devices", "compare", "turboquant", "mmap", "codecs"] {
                    stage.open(&driver, &format!("?v=1&tab={tab}")).await?;
                    accessible(&driver, &format!("{tab}, {width} px, {scheme}")).await?;
                    let wide = ask(&driver, "return document.documentElement.scrollWidth").await?;
                    ensure!(wide.as_u64() <= Some(u64::from(width)), "{tab}: {wide} of {width} px");
                    no_problems(&driver).await?;
                }
                Ok(())
            }
        };
        stage.play(width, 900, play).await?;
    }
    Ok(())
}

#[tokio::test]
async fn pages_are_accessible_and_fit_their_width() -> Result<()> {
    let stage = stage()?;
    for width in [320, 768, 1280] {
        let play = |driver: WebDriver| {
            let stage = stage.clone();
            async move {
                for page in [
                    "",
                    "at-32k/",
                    "devices/galaxy-a16-6gb/",
                    "models/llama-3.2-3b/",
                    "dossiers/gemma-4-e2b-on-a-6-gb-phone/",
                    "docs/words/",
                    "docs/measured/",
                ] {
                    driver.goto(format!("{}{page}", stage.address)).await?;
                    accessible(&driver, &format!("{page}, {width} px")).await?;
                    let wide = ask(&driver, "return document.documentElement.scrollWidth").await?;
                    ensure!(wide.as_u64() <= Some(u64::from(width)), "{page}: {wide} of {width} px");
                    no_problems(&driver).await?;
                }
                Ok(())
            }
        };
        stage.play(width, 900, play).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_module_for_other_pages_answers() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            driver.goto(format!("{}embed/", stage.address)).await?;
            until(
                &driver,
                "return /^(resident|mmap|infeasible): /.test(document.querySelector('output').textContent)",
            )
            .await?;
            accessible(&driver, "a page that uses the module").await?;
            let script = "const done = arguments[arguments.length - 1];
                import(new URL('./dhurandhar.js', location)).then(async ({ analyze }) => {
                    const report = await analyze({ model: 'gemma4-e2b', device: 'pixel-9a', context: 4096 });
                    const wrong = await analyze({ model: 'gemma4-e2b', device: 'pixel-9b' }).catch(error => error.message);
                    done([JSON.stringify(report, null, 2) + '\\n', wrong]);
                }, error => done([String(error), '']));";
            let said = driver.execute_async(script, vec![]).await?.json().clone();
            let report: Value = serde_json::from_str(said[0].as_str().unwrap_or_default())?;
            let model = registry::model("gemma4-e2b")?;
            let scenario = Scenario { context_tokens: 4096, ..Scenario::for_model(&model) };
            let devices = [device::registry::device("pixel-9a")?];
            let expected = Report::new(&model, &scenario, &devices, 0.0)?.explained(&model, &devices)?;
            let reason = &expected.devices.first().context("no verdict")?.reason;
            ensure!(report["devices"][0]["reason"] == reason.as_str(), "{}", report["devices"][0]["reason"]);
            ensure!(said[1] == "no device `pixel-9b`; did you mean `pixel-9a`?", "{}", said[1]);
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}
