//! A served site and a browser to look at it with: started once for all tests that run at the same time.
//!
//! Chromium and chromedriver must be there; a test that cannot find them fails and says so.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::{By, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use crate::{program, workspace};

/// Version of axe-core that the pages are held to.
const AXE: &str = "4.14.1";

/// Notes what goes wrong in a page from its first moment on.
const WATCH: &str = "window.__problems = [];
    addEventListener('error', e => __problems.push('error: ' + e.message), true);
    addEventListener('unhandledrejection', e => __problems.push('rejection: ' + e.reason));
    addEventListener('securitypolicyviolation', e => __problems.push('policy: ' + e.violatedDirective + ' ' + e.blockedURI));
    const log = console.error; console.error = (...all) => { __problems.push('console: ' + all.join(' ')); log(...all); };
    window.__long = []; new PerformanceObserver(list => __long.push(...list.getEntries().map(e => e.duration))).observe({type: 'longtask'});";

static STAGE: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
/// One browser at a time: two cores are not many.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The site, served, and chromedriver.
#[derive(Debug)]
pub struct Stage {
    /// Address of the site's root, with a slash at its end.
    pub address: String,
    driver_address: String,
    server: Mutex<Option<Running>>,
    _driver: Running,
    _site: TempDir,
}

/// A program that ends with its owner.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The stage that tests share; the first one sets it up.
pub fn stage() -> Result<Arc<Stage>> {
    let mut shared = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stage) = shared.upgrade() {
        return Ok(stage);
    }
    let stage = Arc::new(Stage::with(&["--no-compress"])?);
    *shared = Arc::downgrade(&stage);
    Ok(stage)
}

impl Stage {
    /// A stage of its own, whose site is built with these arguments too.
    pub fn with(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0");
        let (driver, line) = started(command, "started successfully on port ").context(
            "a browser is required: install Chromium and chromedriver (Debian: chromium, chromium-driver)",
        )?;
        let port: String = line.chars().take_while(char::is_ascii_digit).collect();
        let site = tempfile::tempdir()?;
        let mut command = program::sitegen()?;
        command.current_dir(workspace::root());
        command
            .args(["serve", "--port", "0", "--no-watch", "--out"])
            .arg(site.path().join("site"))
            .args(arguments);
        let (server, line) = started(command, "serving at ").context("sitegen serve")?;
        let address = line.split_whitespace().next().context("sitegen names no address")?;
        let address = format!("{}/", address.trim_end_matches('/'));
        let driver_address = format!("http://127.0.0.1:{port}");
        Ok(Self { address, driver_address, server: Mutex::new(Some(server)), _driver: driver, _site: site })
    }

    /// Ends the server, as when the network is gone.
    pub fn unplug(&self) {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Runs a story in a fresh browser of this size; it is closed whatever happens.
    pub async fn play<F>(&self, width: u32, height: u32, story: impl FnOnce(WebDriver) -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let _turn = TURN.lock().await;
        let profile = tempfile::tempdir()?;
        let driver =
            WebDriver::new(&self.driver_address, capabilities(profile.path(), width, height)?).await?;
        driver.cdp().send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await?;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await?;
        // Nothing glides away from under a click.
        let calm = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
        driver.cdp().send_raw("Emulation.setEmulatedMedia", calm).await?;
        let told = story(driver.clone()).await;
        driver.quit().await?;
        told
    }

    /// Opens the calculator with this state and waits until it is there.
    pub async fn open(&self, driver: &WebDriver, state: &str) -> Result<()> {
        driver.goto(format!("{}calculator/{state}", self.address)).await?;
        let there = "return !document.querySelector('.calc-waiting') && !!document.querySelector('[role=tab][aria-selected=true]')
            && !document.querySelector('.calc-loading')";
        until(driver, there).await
    }
}

fn capabilities(profile: &Path, width: u32, height: u32) -> Result<thirtyfour::Capabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ] {
        capabilities.add_arg(argument)?;
    }
    capabilities.add_arg(&format!("--user-data-dir={}", profile.display()))?;
    capabilities.add_arg(&format!("--window-size={width},{height}"))?;
    Ok(capabilities.into())
}

/// Starts a program and reads its output up to the line with `mark`; returns what follows the mark.
fn started(mut command: Command, mark: &str) -> Result<(Running, String)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn();
    let mut running = Running(child.with_context(|| format!("{name} does not start"))?);
    let output: ChildStdout = running.0.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next().transpose()? {
        if let Some((_, rest)) = line.split_once(mark) {
            let rest = rest.to_owned();
            // What else it has to say is read, so that it never waits for a reader.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((running, rest));
        }
    }
    bail!("{name} ended without saying `{mark}`")
}

/// Runs a script that returns a JSON value.
pub async fn ask(driver: &WebDriver, script: &str) -> Result<Value> {
    Ok(driver.execute(script, vec![]).await?.json().clone())
}

/// Waits until a script returns true.
pub async fn until(driver: &WebDriver, script: &str) -> Result<()> {
    for _ in 0..400 {
        if ask(driver, script).await?.as_bool() == Some(true) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let page = ask(driver, "return document.body.innerText.slice(0, 2000)").await?;
    let problems = ask(driver, "return window.__problems").await?;
    bail!("waited in vain for `{script}`; problems {problems}; page: {page}")
}

/// Script that keeps what the page saves from now on in `__files`, as texts.
pub const CATCH_FILES: &str = "window.__files = []; const make = URL.createObjectURL;
    URL.createObjectURL = blob => { blob.text().then(text => __files.push(text)); return make.call(URL, blob); };";

/// Presses the buttons one after the other: each must save its text as the next of `__files`.
pub async fn saves(driver: &WebDriver, expected: &[(&str, String)]) -> Result<()> {
    for (count, (button, text)) in expected.iter().enumerate() {
        driver.find(By::Id(*button)).await?.click().await?;
        until(driver, &format!("return __files.length === {}", count + 1)).await?;
        let saved = ask(driver, "return __files[__files.length - 1]").await?;
        ensure!(saved == json!(text), "{button} saves another text");
    }
    Ok(())
}

/// Fails if the page reported an error or a violated policy.
pub async fn no_problems(driver: &WebDriver) -> Result<()> {
    let problems = ask(driver, "return window.__problems").await?;
    ensure!(problems == json!([]), "the page reported {problems}");
    Ok(())
}

/// Fails if axe-core finds a violation in the page.
pub async fn accessible(driver: &WebDriver, where_: &str) -> Result<()> {
    driver.execute(axe()?, vec![]).await?;
    let script = "const done = arguments[arguments.length - 1];
        axe.run(document, {resultTypes: ['violations']}).then(r => done(
            r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160)).join(' | '))), e => done([String(e)]));";
    let violations = driver.execute_async(script, vec![]).await?.json().clone();
    ensure!(violations == json!([]), "{where_}: {violations:#}");
    Ok(())
}

/// axe-core's text, from npm, kept between runs.
fn axe() -> Result<String> {
    let folder = workspace::cache().join(format!("axe-{AXE}"));
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        std::fs::create_dir_all(&folder)?;
        let package = format!("axe-core@{AXE}");
        let arguments = ["install", "--no-audit", "--no-fund", "--silent", "--prefix"];
        let status = Command::new("npm").args(arguments).arg(&folder).arg(package).status();
        let status = status.context("npm is required to fetch axe-core (Debian: npm)")?;
        ensure!(status.success(), "npm could not fetch axe-core {AXE}");
    }
    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}
