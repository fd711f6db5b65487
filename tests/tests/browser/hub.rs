//! The calculator's field for names on the hub, against a server on this machine with the hub's paths, redirects and refusals.

// The same server as the command line's tests have; the page makes use of less of it.
#[allow(
    dead_code,
    clippy::format_push_string,
    reason = "shared with the command line's tests, whose lints it has"
)]
#[path = "../../../native/tests/hub_server/mod.rs"]
mod hub_server;

use anyhow::{Context, Result, ensure};
use dhurandhar_core::device;
use dhurandhar_core::export::gguf_header;
use dhurandhar_core::model::registry;
use dhurandhar_core::weights::{WeightFormat, WeightPlan};
use dhurandhar_tests::browser::{Stage, accessible, ask, no_problems, until};
use dhurandhar_tests::workspace;
use hub_server::{Answer, File, Request, Server};
use thirtyfour::prelude::{By, Key, WebDriver};

/// A GGUF file of a built-in model in a format: its header, and zeros for weights.
fn gguf(model: &str, format: &str) -> Result<File> {
    let model = registry::model(model)?;
    let plan = WeightPlan::new(&model, WeightFormat::parse(format)?)?;
    let header = gguf_header(&model, &plan)?;
    Ok(File::long(header.bytes, header.file_bytes))
}

/// `a/checkpoint` with a config and an index, `a/quants` with two GGUF files that lie elsewhere, `a/gated`; nothing else.
fn answers(config: &File, index: &File, quants: &[(String, File)], request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let file = |name: &str| quants.iter().find(|(known, _)| known == name).map(|(_, file)| file);
    match path {
        "/a/checkpoint/resolve/main/config.json" => config.answer(request),
        "/a/checkpoint/resolve/main/model.safetensors.index.json" => index.answer(request),
        "/api/models/a/quants/revision/main" => {
            listed(quants.iter().map(|(name, file)| (name.as_str(), file.length)), request)
        }
        "/api/models/a/checkpoint/revision/main" => {
            let files = [("config.json", config.length), ("model.safetensors.index.json", index.length)];
            listed(files.into_iter(), request)
        }
        _ if path.starts_with("/a/gated/") => Answer::new(401)
            .with("X-Error-Code", "GatedRepo")
            .with("X-Error-Message", "Access to model a/gated is restricted"),
        _ => match (path.strip_prefix("/a/quants/resolve/main/"), path.strip_prefix("/files/")) {
            (Some(name), _) if file(name).is_some() => {
                Answer::new(302).with("Location", &format!("/files/{name}?signature=1"))
            }
            (_, Some(name)) => file(name).map_or_else(|| Answer::new(404), |file| file.answer(request)),
            (Some(_), _) => Answer::new(404).with("X-Error-Code", "EntryNotFound"),
            _ if path.starts_with("/a/checkpoint/") => Answer::new(404).with("X-Error-Code", "EntryNotFound"),
            _ => Answer::new(401).with("X-Error-Code", "RepoNotFound"),
        },
    }
}

/// A repository's files as the hub lists them.
fn listed<'a>(files: impl Iterator<Item = (&'a str, u64)>, request: &Request) -> Answer {
    let siblings: Vec<_> =
        files.map(|(name, size)| serde_json::json!({ "rfilename": name, "size": size })).collect();
    File::new(serde_json::json!({ "siblings": siblings }).to_string()).answer(request)
}

/// A stage with nothing but the calculator, built with these arguments.
fn calculator_with(hub: &str) -> Result<(Stage, tempfile::TempDir)> {
    let content = tempfile::tempdir()?;
    std::fs::copy(workspace::root().join("content/calculator.md"), content.path().join("calculator.md"))?;
    let folder = content.path().to_str().context("path")?;
    Ok((Stage::with(&["--no-compress", "--content", folder, "--hub", hub])?, content))
}

/// Puts a name into the field and presses the button.
async fn read(driver: &WebDriver, name: &str) -> Result<()> {
    let field = driver.find(By::Id("hub-name")).await?;
    field.send_keys(Key::Control + "a").await?;
    field.send_keys(name).await?;
    driver.find(By::Id("hub-read")).await?.click().await?;
    Ok(())
}

#[tokio::test]
async fn a_name_on_the_hub_becomes_the_model_once_the_button_is_pressed() -> Result<()> {
    let config = File::new(std::fs::read(workspace::fixture("configs/qwen3-0.6b.json"))?);
    let index = File::new(workspace::index());
    let quants = [("q2_k", "Q2_K"), ("f16", "F16")]
        .map(|(format, label)| Ok((format!("Llama-{label}.gguf"), gguf("llama-3.1-8b", format)?)));
    let quants: Vec<(String, File)> = quants.into_iter().collect::<Result<_>>()?;
    let hub = Server::start(move |request| {
        answers(&config, &index, &quants, request)
            .with("Access-Control-Allow-Origin", "*")
            .with("Access-Control-Expose-Headers", "X-Error-Code,X-Error-Message,Content-Range")
    });
    let (stage, _content) = calculator_with(&hub.address)?;
    let play = |driver: WebDriver| {
        let (stage, hub) = (&stage, &hub);
        async move {
            stage.open(&driver, "?v=1&dev=pixel-9a").await?;
            until(&driver, "return !!document.querySelector('#hub-name')").await?;
            driver.find(By::Id("hub-name")).await?.send_keys("a/checkpoint").await?;
            ensure!(hub.log().is_empty(), "asked before the button was pressed");
            let hint = "return document.querySelector('#hub-hint').innerText.includes('Nothing is sent until you press the button')";
            ensure!(ask(&driver, hint).await? == true);

            // A config and an index: three questions.
            driver.find(By::Id("hub-read")).await?.click().await?;
            until(&driver, "return document.querySelector('#model').value === 'checkpoint'").await?;
            let asked: Vec<(String, u16)> =
                hub.log().into_iter().map(|seen| (seen.path, seen.status)).collect();
            ensure!(asked.len() == 3, "{asked:?}");

            // Several files: a list with sizes and whether they run, and a choice.
            read(&driver, "hf.co/a/quants").await?;
            until(&driver, "return document.querySelectorAll('.calc-offers li').length === 2").await?;
            let list = ask(
                &driver,
                "return [...document.querySelectorAll('.calc-offers li')].map(row => row.innerText)",
            )
            .await?;
            let [first, second] = [0, 1].map(|at| list[at].as_str().unwrap_or_default().to_owned());
            ensure!(first.contains("Q2_K") && first.contains("MiB") && first.contains("runs"), "{list}");
            ensure!(second.contains("F16") && second.contains("does not run"), "{list}");
            let sent: u64 = hub.log().iter().map(|seen| seen.sent).sum();
            // Eight MiB of the smaller file's header, and the lists.
            ensure!(sent < 9 << 20, "{sent} bytes for a choice");
            accessible(&driver, "a choice of files").await?;
            ask(&driver, "document.querySelector('.calc-offers button').click(); return true").await?;
            until(&driver, "return document.querySelector('#model').value.toLowerCase().includes('llama')")
                .await?;
            let expected = device::registry::device("pixel-9a")?.title;
            until(
                &driver,
                &format!("return document.querySelector('.calc-answer').innerText.includes('{expected}')"),
            )
            .await?;

            // What is refused is said in a sentence, and the model stays.
            for (name, expected) in [
                ("a/gated", "a/gated is gated, and this page holds no token"),
                ("a/absent", "no repository a/absent at"),
                ("a/quants:Q9_X", "a/quants has no `Q9_X`; expected one of Q2_K, F16"),
                ("a/checkpoint:other.json", "expected one of config.json, model.safetensors.index.json"),
                ("not a name", "`not a name` is no name on the hub; expected owner/name"),
            ] {
                read(&driver, name).await?;
                let said = format!(
                    "return (document.querySelector('#hub-problem')?.innerText ?? '').includes({})",
                    serde_json::json!(expected)
                );
                until(&driver, &said).await?;
            }
            no_problems(&driver).await
        }
    };
    stage.play(1280, 900, play).await
}

#[tokio::test]
async fn without_a_hub_there_is_no_field_and_nothing_may_be_asked() -> Result<()> {
    let (stage, _content) = calculator_with("none")?;
    let play = |driver: WebDriver| {
        let stage = &stage;
        async move {
            stage.open(&driver, "").await?;
            until(&driver, "return !!document.querySelector('#model-file')").await?;
            ensure!(ask(&driver, "return !document.querySelector('#hub-name')").await? == true);
            let policy =
                "return document.querySelector('meta[http-equiv]').content.includes(\"connect-src 'self';\")";
            ensure!(ask(&driver, policy).await? == true);
            no_problems(&driver).await
        }
    };
    stage.play(1280, 900, play).await
}
